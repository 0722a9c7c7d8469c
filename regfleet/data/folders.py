"""Folders with a folder of images or of texts for each class, by the rules of Keras' `…_dataset_from_directory`."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet import files
from regfleet.data.dataset import RawArrays
from regfleet.data.files import MAX_BYTES, SUFFIXES, suffix
from regfleet.data.layout import utf8
from regfleet.errors import InputError
from regfleet.memory import room
from regfleet.settings import Data
from regfleet.text import listed, named, one_line, reason

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
PLAIN_TEXTS = (".txt",)
KERAS_SIZE = (256, 256)
MOST_FILES = 1_000_000
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation", "dev"), "validation"
)
"""Folders that stand for sets, and not for classes, where all folders beside them do and hold the classes."""
HOLDS = "a folder with a folder of images or of .txt files for each class"


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a folder: those of ``kind``, images or texts, each with the number of its class.

    ``test`` are those of its own test set. ``notes`` are sentences on what had to be assumed.
    """

    kind: str
    classes: tuple[str, ...]
    rows: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]
    notes: tuple[str, ...]


def is_folder(location: str) -> bool:
    """Whether a location names a folder of this machine."""
    try:
        return bool(location) and files.local(location).is_dir()
    except (OSError, ValueError):
        return False


def find_files(location: str, test: str | None = None) -> Folder:
    """The files in a folder, and in the folder ``test`` of a test set; raises InputError where they are no data."""
    try:
        sets = _sets(location)
        if test is not None:
            if sets["test"]:
                raise InputError(f"--test: expected no test set beside that of {named(location)}; got {named(test)}")
            if not is_folder(test):
                raise InputError(f"--test: expected a folder beside a folder; got {named(test)}")
            sets["test"] = _by_class(files.local(test))
    except (OSError, ValueError) as problem:
        raise InputError(f"--data: expected {HOLDS}; got {named(location)}: {one_line(reason(problem))}") from None
    is_images = any(_some(paths, IMAGES) for found in sets.values() for paths in found.values())
    kind, endings = ("images", IMAGES) if is_images else ("texts", PLAIN_TEXTS)
    names = sorted({name for found in sets.values() for name, paths in found.items() if _some(paths, endings)})
    if len(names) < 2:
        raise InputError(
            f"--data: expected {HOLDS}, two or more; got {named(location)}, {_holds(location, names, kind)}"
        )
    rows = {
        which: [
            (path, number) for number, name in enumerate(names) for path in found.get(name, ()) if _ends(path, endings)
        ]
        for which, found in sets.items()
    }
    notes = list(_notes(location, sets, names, kind, endings))
    if rows["test"]:
        notes.append(f"The test set of every seed is {'the folder ' + named(test) if test else 'its test folder'}.")
        if rows["validation"]:
            rows["train"] += rows["validation"]
            notes.append(
                "The rows of its validation folder are among those that training and validation are drawn from."
            )
    elif rows["validation"]:
        rows["test"] = rows["validation"]
        notes.append(f"The test set of every seed is the validation folder of {named(location)}, which has no other.")
    return Folder(kind, tuple(names), tuple(rows["train"]), tuple(rows["test"]), tuple(notes))


def _sets(location: str) -> dict[str, dict[str, list[Path]]]:
    """The files by class of each set; of a folder that holds no sets all are for training."""
    folder = files.local(location)
    below = _folders(folder)
    roles = {child.name: PARTS.get(child.name.lower(), "") for child in below}
    found: dict[str, dict[str, list[Path]]] = {"train": {}, "validation": {}, "test": {}}
    parts = [child for child in below if roles[child.name] and _folders(child)]
    if len({"train", "test", "validation"} & {roles[child.name] for child in parts}) > 1 or (
        len(parts) == len(below) and "train" in roles.values()
    ):
        if len(parts) < len(below) or "train" not in {roles[child.name] for child in parts}:
            other = min(child.name for child in below if child not in parts) if len(parts) < len(below) else "no train"
            raise files.UnfitFileError(
                f"folders of sets beside {named(other)}: name them, as --data {named(location)}/train --test …"
            )
        for child in parts:
            part = found[roles[child.name]]
            for name, paths in _by_class(child).items():
                part[name] = [*part.get(name, ()), *paths]
    else:
        found["train"] = _by_class(folder)
    return found


def _folders(folder: Path) -> list[Path]:
    return sorted(Path(one.path) for one in os.scandir(folder) if not one.name.startswith((".", "__")) and one.is_dir())


def _by_class(folder: Path) -> dict[str, list[Path]]:
    """The files in each folder of ``folder`` and in those below it, in the order of their names."""
    found: dict[str, list[Path]] = {}
    left = MOST_FILES
    for child in _folders(folder):
        found[child.name] = []
        for place, below, names in sorted(os.walk(child), key=lambda one: one[0]):
            below[:] = [name for name in below if not name.startswith((".", "__"))]
            inside = Path(place).relative_to(child).parts
            if not any(part.startswith((".", "__")) for part in inside):
                found[child.name] += [Path(place, name) for name in sorted(names) if not name.startswith(".")]
        left -= len(found[child.name])
        if left < 0:
            raise files.UnfitFileError(f"more than {MOST_FILES:,} files")
    return found


def _ends(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings)


def _some(paths: Sequence[Path], endings: tuple[str, ...]) -> bool:
    return any(_ends(path, endings) for path in paths)


def _holds(location: str, names: Sequence[str], kind: str) -> str:
    """What is in a folder that is no data, in words."""
    folder = files.local(location)
    inside = [one.name for one in os.scandir(folder) if not one.name.startswith(".") and one.is_file()]
    tables = [name for name in inside if suffix(name) in {*SUFFIXES, ".npz"} and not name.lower().endswith(PLAIN_TEXTS)]
    if tables:
        return f"which holds {len(tables):,} tables such as {named(min(tables))}: name one of them"
    if names:
        inner = ": name that folder if its folders are the classes" * bool(_folders(folder / names[0]))
        return f"which holds {kind} of {named(names[0])} only{inner}"
    if any(name.lower().endswith((*IMAGES, *PLAIN_TEXTS)) for name in inside):
        return "whose images or texts are in no folder of a class"
    found = [one.name for one in _folders(folder)]
    return f"whose folders ({listed([*map(named, found)])}) hold none" if found else "which holds none"


def _notes(
    location: str, sets: dict[str, dict[str, list[Path]]], names: Sequence[str], kind: str, endings: tuple[str, ...]
) -> Iterator[str]:
    empty = sorted({name for found in sets.values() for name in found} - {*names})
    if empty:
        yield f"Folders of {named(location)} without {kind} are no classes: {listed([*map(named, empty)])}."
    paths = [path for found in sets.values() for inside in found.values() for path in inside]
    others = Counter(path.suffix.lower() or path.name for path in paths if not _ends(path, endings))
    if others:
        shown = listed([f"{count:,} {ending}" for ending, count in others.most_common()])
        yield f"Files of other kinds in {named(location)} are not read: {shown}."


def read_folder(name: str, source: Data) -> RawArrays:
    """The images or texts of the folder at ``source``, called ``name``; raises InputError for one that is damaged."""
    import numpy as np

    folder = find_files(source.location, source.test)
    paths = [path for path, _ in (*folder.rows, *folder.test)]
    features, said = (images_of if folder.kind == "images" else _texts)(paths, source)
    target = np.array([label for _, label in (*folder.rows, *folder.test)], dtype="int64")
    held_out = np.arange(len(paths)) >= len(folder.rows) if folder.test else None
    return RawArrays(name, features, target, held_out, (*folder.notes, *said), folder.classes)


def images_of(paths: Sequence[Path], source: Data) -> "tuple[np.ndarray, list[str]]":
    """uint8 (images, height, width, channels) of the first image in each file, and notes on their size and colours."""
    import numpy as np

    if source.encoding:
        raise InputError("--encoding: expected texts; got it with a folder of images")
    sizes, grey = Counter[tuple[int, int]](), 0
    for path in paths:
        with _opened(path) as image:
            sizes[image.height, image.width] += 1
            grey += image.mode in {"1", "L", "LA"} or image.mode.startswith("I;16")
    height, width = size = _size(sizes, source.image_size)
    channels = 1 if source.color == "grayscale" else 3
    needed, most = len(paths) * height * width * channels, min(MAX_BYTES, room() // 5)
    if needed > most:
        got = f"{len(paths):,} images of {height} × {width} × {channels}, {files.size(needed)}"
        raise InputError(
            f"--data: expected images of at most {files.size(most)} in memory; got {got}: choose a smaller --image-size"
        )
    pixels = np.empty((len(paths), height, width, channels), dtype="uint8")
    for place, path in enumerate(paths):
        with _opened(path) as image:
            try:
                pixels[place] = _scaled(_pixels(image, channels), size)
            except (OSError, ValueError, SyntaxError, TypeError, EOFError, LookupError, MemoryError) as problem:
                raise _damaged(path, problem) from None
    notes = []
    if len(sizes) > 1 and not source.image_size:
        low, high = min(sizes), max(sizes)
        notes.append(
            f"The images are of {len(sizes):,} sizes, {low[0]}x{low[1]} to {high[0]}x{high[1]} (height x width), and "
            f"scaled to {height}x{width}, as Keras does; --image-size chooses another."
        )
    elif [size] != [*sizes]:
        notes.append(f"The images are scaled to {height}x{width}; --image-size chooses another size.")
    else:
        notes.append(f"The images are {height}x{width} (height x width); --image-size scales them.")
    if grey == len(paths) and channels == 3:
        notes.append(
            "The images are grey, with three equal channels, as Keras reads them; --color grayscale makes one."
        )
    return pixels, notes


def _size(sizes: "Counter[tuple[int, int]]", wanted: str | None) -> tuple[int, int]:
    """The height and width that all images get: their own where it is one that is not above Keras' default."""
    if wanted:
        height, _, width = wanted.partition("x")
        return int(height), int(width)
    (only, *others) = sizes
    return only if not others and max(only) <= max(KERAS_SIZE) else KERAS_SIZE


def _opened(path: Path) -> "Image":
    """The image in a file, of which only the head is read yet; raises InputError where there is none."""
    import warnings

    from PIL import Image, UnidentifiedImageError

    try:
        files.check(path, MAX_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path, formats=("BMP", "GIF", "JPEG", "PNG"))
    except UnidentifiedImageError:
        raise _damaged(path, "no image of this kind") from None
    # Whatever a damaged head makes of Pillow.
    except Exception as problem:  # noqa: BLE001
        raise _damaged(path, problem) from None


def _damaged(path: Path, problem: object) -> InputError:
    return InputError(f"--data: expected an image in {named(str(path))}; got {one_line(reason(problem), 200)}")


def _pixels(image: "Image", channels: int) -> "np.ndarray":
    """uint8 (height, width, channels) of an image, without its transparency."""
    import numpy as np

    if image.mode.startswith("I"):  # of 16 bits, of which Pillow would cut off what is above 255
        grey = np.minimum(np.asarray(image) >> 8, 255).astype("uint8")
        return np.repeat(grey[..., None], channels, axis=2)
    found = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return found[..., None] if channels == 1 else found


def _scaled(pixels: "np.ndarray", size: tuple[int, int]) -> "np.ndarray":
    """An image in another size, between whose pixels it is interpolated along both axes, as `tf.image.resize` does."""
    import numpy as np

    if pixels.shape[:2] == size:
        return pixels
    scaled = pixels.astype("float32")
    for axis, (old, new) in enumerate(zip(pixels.shape, size, strict=False)):
        at = np.clip((np.arange(new, dtype="float32") + 0.5) * np.float32(old / new) - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        part = (at - low).reshape(-1, *[1] * (2 - axis))
        before = scaled.take(low, axis)
        scaled = before + (scaled.take(np.minimum(low + 1, old - 1), axis) - before) * part
    whole: np.ndarray = np.rint(scaled).astype("uint8")
    return whole


def _texts(paths: Sequence[Path], source: Data) -> "tuple[np.ndarray, list[str]]":
    """The texts (texts,) in the files, and a note on encodings that had to be guessed."""
    import numpy as np
    import pyarrow as pa

    for flag, value in (("--image-size", source.image_size), ("--color", source.color)):
        if value:
            raise InputError(f"{flag}: expected images; got it with a folder of texts")
    texts: list[str] = []
    guessed: Counter[str] = Counter()
    left = min(MAX_BYTES, room()) // 2
    for path in paths:
        try:
            content = files.read(path, left)
            found, guess = utf8(pa.py_buffer(content), source.encoding)
        except (OSError, ValueError) as problem:
            said = one_line(reason(problem), 200)
            raise InputError(f"--data: expected a text in {named(str(path))}; got {said}") from None
        left -= len(content)
        texts.append(found.to_pybytes().decode("utf-8", "replace"))
        guessed[guess] += bool(guess)
    notes = [
        f"{count:,} texts are not UTF-8, and read as {name}; --encoding NAME reads them otherwise."
        for name, count in guessed.items()
        if count
    ]
    return np.array(texts, dtype=object), notes
