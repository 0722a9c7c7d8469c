"""A fitted model from its folder: every file is checked before it is read, and no code of any runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.borrowed.keras import is_whole, saved_numbers, saved_sizes
from regfleet.errors import InputError, ResultsError
from regfleet.memory import check_room
from regfleet.models.base import COPIES, MOST_BYTES, MOST_CONFIG
from regfleet.paths import digest, expanded
from regfleet.saving import preprocessing, signature
from regfleet.saving.plain import config_of, foreign, opened
from regfleet.saving.predicting import Predictor
from regfleet.saving.signature import ARRAYS, MODEL, NAME, OF_MEMBER, PLAN, SEEN, Signature
from regfleet.text import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from regfleet.saving.preprocessing import Preprocessing

MOST_SIGNATURE = 64 * files.MB


@dataclass(frozen=True, eq=False)
class Loaded:
    """A fitted model: where it is, what it takes and gives, what predicts, and hashes of the rows it trained on."""

    folder: Path
    signature: Signature
    predictor: Predictor
    seen: bytes = field(default=b"", repr=False)


def load(folder: str | Path, note: Callable[[str], None] = lambda _: None) -> Loaded:
    """The fitted model in ``folder``; raises InputError or ResultsError for what is none, or not as it was written."""
    here = expanded(folder, "the fitted model")
    found = _signature(here)
    contents, seen = {}, b""
    for number, (name, known) in enumerate(sorted(found.files.items()), 1):
        content = _read(here, name)
        if name.endswith(f"/{PLAN}") and len(content) > files.MOST_TEXT:
            raise ResultsError(f"{here / name}: expected at most {files.size(files.MOST_TEXT)} of text; got more")
        if digest(content) != known:
            raise ResultsError(
                f"{here / name}: expected the file that {NAME} lists; got another, changed or of another fit. "
                "Fit it again, or fetch it from where it was fitted"
            )
        if name.endswith(tuple(f"/{one}" for one in OF_MEMBER)):
            contents[name] = content
        seen = content if name == SEEN else seen
        note(f"{number} of {len(found.files)} files checked")
    from regfleet.training import runtime

    runtime.prepare(gpu=False)
    members = []
    for number, member in enumerate(found.members, 1):
        where = here / member.folder
        plan = _text(contents[f"{member.folder}/{PLAN}"], where / PLAN)
        made = preprocessing.read(plan, contents[f"{member.folder}/{ARRAYS}"], str(where / PLAN))
        members.append((made, checked(contents[f"{member.folder}/{MODEL}"], where / MODEL)))
        _check_shapes(found, *members[-1], where / MODEL)
        note(f"{number} of {len(found.members)} networks loaded")
    return Loaded(here, found, Predictor(found, members), seen)


def _signature(here: Path) -> Signature:
    file = here / NAME
    try:
        if not here.is_dir():
            raise InputError(f"{here}: expected the folder of a fitted model; got {_what(here)}")
        content = files.read(file, MOST_SIGNATURE, follow=False)
    except FileNotFoundError:
        raise InputError(_unfinished(here)) from None
    except OSError as problem:
        raise ResultsError(f"{file}: expected a file of a fitted model; got {reason(problem)}") from None
    return signature.read(_text(content, file), str(file))


def _what(here: Path) -> str:
    return "a file" if here.exists() else "no folder of that name"


def _unfinished(here: Path) -> str:
    said = f"{here}: expected the folder of a fitted model"
    if any(here.glob("seed-*/member.json")):
        return f"{said}; got one that is not finished. The same regfleet fit goes on with it"
    if (here / "study.toml").exists():
        return f"{said}; got the results of a study. regfleet fit {here} --out DIR makes one of them"
    return f"{said}; got one without {NAME}"


def _read(here: Path, name: str) -> bytes:
    path = here / name
    try:
        if path.parent.is_symlink() and path.parent != here:
            raise files.UnfitFileError("a folder that is a symbolic link, which is not followed")
        return files.read(path, MOST_BYTES, follow=False)
    except FileNotFoundError:
        raise ResultsError(f"{path}: expected a file that {NAME} lists; got none") from None
    except OSError as problem:
        raise ResultsError(f"{path}: expected a file of a fitted model; got {reason(problem)}") from None


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ResultsError(f"{path}: expected UTF-8 text; got other bytes") from None


def checked(content: bytes, path: Path) -> keras.Model:
    """The model in a ``.keras`` file of Keras' own layers; raises ResultsError for any other, before anything runs."""
    said = f"{path}: expected a .keras file of layers that Keras has"
    sizes = saved_sizes(content)
    if not sizes or not is_whole(content):
        raise ResultsError(f"{said}; got a damaged one, or none")
    if sum(sizes.values()) > MOST_BYTES or max(sizes["config.json"], sizes["metadata.json"]) > MOST_CONFIG:
        raise ResultsError(f"{said}; got {files.size(sum(sizes.values()))} unpacked")
    try:
        odd = next(foreign(config_of(content)), "")
    except (ValueError, RecursionError):
        odd = "a configuration that is none"
    if odd:
        raise ResultsError(f"{said}, so that no code runs; got {odd}")
    try:
        check_room(COPIES * sum(sizes.values()))
        check_room(COPIES * 4 * saved_numbers(content))
        return opened(content)
    # A configuration that somebody wrote makes layers raise anything.
    except Exception as problem:  # noqa: BLE001
        raise ResultsError(f"{said}; got one that does not load ({type(problem).__name__})") from None


def _check_shapes(found: Signature, made: Preprocessing, model: Any, path: Path) -> None:
    """Raise ResultsError unless the model takes what the preprocessing makes, and gives what the signature says."""
    shapes = [tuple(one.shape[1:]) for one in (*model.inputs, *model.outputs)]
    width = (max(1, len(found.classes)),)
    if len(shapes) != 2 or not made.fits(shapes[0]) or shapes[1] != width:
        raise ResultsError(
            f"{path}: expected a network of {made.shape_words} to {width[0]} outputs; got {shapes[:-1]} to {shapes[-1]}"
        )
