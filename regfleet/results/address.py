"""The place that a path or a URL names."""

from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from regfleet.errors import InputError, StorageError
from regfleet.paths import expanded
from regfleet.results.local import LocalPlace
from regfleet.results.objects import object_place
from regfleet.results.place import Place


def place_of(out: str | Path | Place) -> Place:
    """The place that a path or a URL names; raises InputError for a URL of another kind."""
    if isinstance(out, Place):
        return out
    scheme, separator, _ = str(out).partition("://")
    if str(out).startswith(("s3:/", "gs:/", "file:/")) and not separator:
        raise InputError(f"--out: expected a URL as text; got {out} as a path, which has lost a slash")
    if not separator:
        return _local(expanded(out, "--out"))
    if scheme == "file":
        return _local(expanded(unquote(urlsplit(str(out)).path), "--out"))
    if scheme in ("s3", "gs"):
        return object_place(str(out))
    raise InputError(f"--out: expected a path, or a URL with s3://, gs:// or file://; got one with {scheme}://")


def _local(path: Path) -> LocalPlace:
    try:
        return LocalPlace(path)
    except FileNotFoundError:
        raise StorageError(f"--out: expected a working folder for {path}; got one that was deleted") from None


def claim(path: str | Path | Place) -> AbstractContextManager[None]:
    """Make the place and hold it against a second driver; see `Place.claim`."""
    return place_of(path).claim()
