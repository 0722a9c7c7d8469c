"""Results in an object store: each object is put whole; the lock is an object that is kept fresh."""

from __future__ import annotations

import json
import logging
import os
import platform
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from regfleet import patience
from regfleet.errors import InputError, ResultsError, StorageError
from regfleet.paths import PROGRESS, WRITTEN_FIRST
from regfleet.results.place import FOLDERS, LOCK, Place, blocks
from regfleet.results.seals import is_sealed
from regfleet.text import masked, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

log = logging.getLogger("regfleet.results")

ATTEMPTS = 2
_S3_FIELDS = {"endpoint_override", "scheme", "region", "access_key", "secret_key", "session_token"}


def object_place(url: str) -> ObjectPlace:
    """The place of an s3:// or gs:// URL; raises InputError when it is not one, StorageError when no store answers."""
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.hostname}{parts.path}".rstrip("/")
    if not parts.hostname or not parts.path.strip("/"):
        raise InputError(f"--out: expected {parts.scheme}://BUCKET/PREFIX; got {shown}")
    root = unquote(parts.netloc.rpartition("@")[2] + parts.path).rstrip("/")
    try:
        if parts.scheme == "s3":
            return ObjectPlace(_s3(url, root.partition("/")[0]), root, shown)
        from pyarrow.fs import FileSystem

        limit = "&".join(filter(None, (parts.query, f"retry_limit_seconds={patience.SECONDS.store_retry:g}")))
        return ObjectPlace(FileSystem.from_uri(parts._replace(query=limit).geturl())[0], root, shown)
    except (OSError, ValueError) as problem:
        away = isinstance(problem, OSError) and "not found" not in str(problem)
        kind = StorageError if away else InputError
        raise kind(f"--out: expected a bucket that answers; got {shown} ({masked(reason(problem))})") from None


def _s3(url: str, bucket: str) -> Any:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    unknown = sorted(given.keys() - _S3_FIELDS)
    if unknown:
        raise ValueError(f"{unknown[0]} is not one of {', '.join(sorted(_S3_FIELDS))}")
    if parts.username:
        given |= {"access_key": unquote(parts.username), "secret_key": unquote(parts.password or "")}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "endpoint_override" not in given:
        scheme, _, host = endpoint.rpartition("://")
        given |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
    if not {"region", "endpoint_override"} & given.keys() and not os.environ.get("AWS_REGION"):
        given["region"] = os.environ.get("AWS_DEFAULT_REGION") or resolve_s3_region(bucket)
    return S3FileSystem(
        **given,
        connect_timeout=patience.SECONDS.store_connect,
        request_timeout=patience.SECONDS.store_request,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        allow_delayed_open=True,  # a small object is put in one request
    )


class ObjectPlace(Place):
    """A prefix in a bucket.

    An object store has no lock that ends with its process. Ours is an object with its owner, written every minute; one
    that is five minutes old by the store's own clock, or whose process on this machine is gone, is taken over. Two
    drivers that start within the same second are told apart by who wrote last. Should two run nevertheless, they train
    trials twice and lose none.
    """

    def __init__(self, filesystem: Any, root: str, shown: str) -> None:
        self.filesystem, self.root, self.shown = filesystem, root, shown

    def read(self, name: str) -> bytes:
        """The content of an object."""
        with self.filesystem.open_input_file(self.path(name)) as source:
            content: bytes = source.read()
        return content

    def write(self, name: str, content: bytes | Iterator[bytes]) -> None:
        """Put the object; it is there when its upload is complete."""
        try:
            # An upload cannot be called off: it begins when every block is there.
            with tempfile.TemporaryFile() as spool:
                spool.writelines(blocks(content))
                spool.seek(0)
                with self.filesystem.open_output_stream(self.path(name)) as sink:
                    sink.upload(spool)
        except OSError as problem:
            raise StorageError(
                f"--out: expected a bucket that can be written; got {self.at(name)} ({masked(reason(problem))})"
            ) from None

    def sizes(self, folder: str) -> Mapping[str, int | None]:
        """Name → bytes of the objects below a prefix."""
        from pyarrow.fs import FileSelector, FileType

        found = self.filesystem.get_file_info(FileSelector(self.path(folder).rstrip("/"), allow_not_found=True))
        kept = {info.base_name: info.size for info in found if info.type == FileType.File and info.base_name}
        return dict(sorted(kept.items()))

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        from pyarrow.fs import FileType

        try:
            return bool(self.filesystem.get_file_info(self.path(name)).type == FileType.File)
        except OSError as problem:
            raise self._unreachable(problem) from None

    def remove(self, name: str) -> None:
        """Delete an object if it is there."""
        with suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path(name))

    def move(self, name: str, to: str) -> None:
        """Copy an object under another name, then delete it under its old one."""
        try:
            self.filesystem.move(self.path(name), self.path(to))
        except OSError as problem:
            raise self._unreachable(problem) from None

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold the prefix with a lock object that is kept fresh until the end of the block."""
        try:
            new = self._check()
            owner = self._take()
        except (OSError, ResultsError) as problem:
            words = masked(reason(problem))
            raise StorageError(f"--out: expected a bucket that can be written; got {self.shown} ({words})") from None
        try:
            with _every(patience.SECONDS.refresh, lambda: self._refresh(owner)):
                yield
        except InputError:
            if new and not any(self.sizes(folder) for folder in FOLDERS):
                for name in WRITTEN_FIRST:
                    self.remove(name)
            raise
        finally:
            with suppress(OSError):  # a lock that cannot be taken away gets stale
                held = self._lock()
                if held and held["owner"] == owner:
                    self.remove(LOCK)

    def in_use(self) -> bool:
        """Whether a driver keeps the lock fresh, by this machine's clock: to ask the store's needs a write."""
        try:
            held = self._lock()
            return held is not None and self._is_kept(held, time.time)
        except OSError as problem:
            raise self._unreachable(problem) from None

    def _unreachable(self, problem: OSError) -> StorageError:
        return StorageError(f"{self}: expected a bucket that answers; got {masked(reason(problem))}")

    def _has_mark(self) -> bool:
        return self._lock() is not None

    @contextmanager
    def appending(self, name: str) -> Iterator[Path]:
        """A file on this machine that begins with the object's content and is put in its place twice a minute."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            with suppress(FileNotFoundError):
                path.write_bytes(self.read(name))
            seen = path.stat().st_size if path.exists() else 0

            def put() -> None:
                nonlocal seen
                content = path.read_bytes() if path.exists() else b""
                if len(content) > seen:
                    self.write(name, masked(content.decode("utf-8", errors="replace")).encode())
                    seen = len(content)

            try:
                with _every(patience.SECONDS.log, put):
                    yield path
            finally:
                put()

    def _check(self) -> bool:
        """Whether the prefix is new; raises InputError for one that holds something else, or without its bucket."""
        if self.is_ours() or is_sealed(self):  # a driver that ended early leaves its study alone
            return not self.exists("study.toml")
        from pyarrow.fs import FileType

        bucket = self.root.partition("/")[0]
        if self.filesystem.get_file_info(bucket).type == FileType.NotFound:
            raise InputError(f"--out: expected a bucket that exists; got {self.shown}, whose bucket is not there")
        foreign = sorted(name for name in self.sizes("") if name not in PROGRESS and not name.startswith(LOCK))
        if foreign:
            raise InputError(f"--out: expected an empty or a results prefix; got {self.shown}, with {foreign[0]}")
        return True

    def _take(self) -> str:
        owner = uuid.uuid4().hex
        for step in ("before", "after"):
            if held := self._rival(owner):
                raise InputError(
                    f"--out: expected a place no other regfleet writes to; got {self.shown}, in use by process "
                    f"{held['process']} on {held['host']}; one that died lets go after "
                    f"{patience.SECONDS.stale / 60:.0f} minutes"
                )
            if step == "before":
                self._refresh(owner)
                time.sleep(patience.SECONDS.settle)
        return owner

    def _refresh(self, owner: str) -> None:
        if held := self._rival(owner):
            log.warning("another regfleet writes to %s: process %s on %s", self, held["process"], held["host"])
            return
        lock = {"owner": owner, "host": platform.node(), "process": os.getpid()}
        self.write(LOCK, json.dumps(lock).encode())

    def _rival(self, owner: str) -> dict[str, Any] | None:
        """Another driver that keeps the lock; None for nobody, or for one that is gone."""
        held = self._lock()
        return held if held and held["owner"] != owner and self._is_kept(held, self._now) else None

    def _is_kept(self, held: Mapping[str, Any], now: Callable[[], float]) -> bool:
        if held["host"] == platform.node() and not Path(f"/proc/{held['process']}").exists():
            return False
        written = self.filesystem.get_file_info(self.path(LOCK)).mtime
        return bool(written) and now() - written.timestamp() <= patience.SECONDS.stale

    def _now(self) -> float:
        """Seconds since the epoch on the store's clock; this machine's may be wrong, or be set while we work."""
        name = f"{LOCK}.{uuid.uuid4().hex}"
        self.write(name, b"")
        written = self.filesystem.get_file_info(self.path(name)).mtime
        self.remove(name)
        return float(written.timestamp()) if written else time.time()

    def _lock(self) -> dict[str, Any] | None:
        try:
            held = json.loads(self.read(LOCK))
        except (FileNotFoundError, ValueError):
            return None
        return held if isinstance(held, dict) and {"owner", "host", "process"} <= held.keys() else None


@contextmanager
def _every(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Repeat ``action`` on a thread of its own until the end of the block; a failure is logged and tried again."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            try:
                action()
            except (OSError, ResultsError) as problem:
                log.warning("%s", reason(problem))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
