"""What a job needs of this machine: the files its command names, the user's modules, and this very regfleet."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from regfleet import files
from regfleet.data import BUILTIN
from regfleet.data.files import TABLES, is_file, suffix
from regfleet.data.folders import IMAGES, is_folder
from regfleet.errors import InputError
from regfleet.functions import module_and_name
from regfleet.text import printable, reason

LIMIT_BYTES = 100_000_000
MOST_SHOWN = 12
DATA_SUFFIXES = (*TABLES, ".npz")
"""Not *.txt and the like, which may be anything."""
CODE = "regfleet-code"


@dataclass
class Parcel:
    """Files to upload, by their place in the job's folder.

    A file inside the current folder keeps its relative path, so that the command that names it runs there word by
    word; one from elsewhere goes to ``inputs/`` and ``moved`` says how it is named there. Only what is plainly of the
    kind that a field asks for is taken: a study may come from somebody else, and name any file of this machine.
    """

    files: dict[str, Path] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)

    def add_study(self, text: str) -> str:
        """Add the study file; returns what names it in the job."""
        return self._add_file(text, "STUDY", ())

    def add_data(self, text: str, flag: str) -> None:
        """Add the file, or the module of the function, that a location names on this machine, if it names one."""
        if module := _module(text):
            self._add_module(module)
        elif text not in BUILTIN and is_folder(text):
            self._add_folder(text, flag)
        elif "://" not in text and text not in BUILTIN and is_file(text) and _is_there(text):
            self._add_file(text, flag, DATA_SUFFIXES)

    def add_model(self, text: str) -> None:
        """Add the file, or the module of the builder, that a model names."""
        if module := _module(text):
            self._add_module(module)
        elif _is_there(text):
            self._add_file(text, "--model", (".keras",))

    def add_tree(self, folder: Path, place: str) -> None:
        """Add what a folder holds, without caches, links and whatever begins with a dot."""
        for path in _visible(folder, "*"):
            self.files[f"{place}/{path.relative_to(folder).as_posix()}"] = path

    def _add_folder(self, text: str, flag: str) -> None:
        """The images in a folder of classes; of texts nobody can tell whether they are data."""
        here, given, path = Path.cwd(), files.local(text), files.local(text).resolve()
        hidden = path.relative_to(os.path.commonpath([here, path])).parts
        if any(part.startswith(".") for part in hidden):
            raise InputError(
                f"{flag}: expected no dot folder, which may hold secrets, to send along; got {_led(text, path)}"
            )
        inside = not given.is_absolute() and ".." not in given.parts
        place = given.as_posix() if inside else self._place_for(path, here)
        if link := next(
            (one for one in sorted(path.rglob("*")) if one.is_symlink() and _would_be_read(one, path)), None
        ):
            raise InputError(
                f"{flag}: expected copies and no links in a folder to send along; got {_led(str(link), link)}"
            )
        images = [one for one in _visible(path, "*") if one.suffix.lower() in IMAGES]
        if not images:
            raise InputError(f"{flag}: expected a folder of images to send along; got {_led(text, path)}")
        self.files |= {f"{place}/{one.relative_to(path).as_posix()}": one for one in images}
        if not inside:
            self.moved[text] = place

    def _add_file(self, text: str, flag: str, suffixes: tuple[str, ...]) -> str:
        here = Path.cwd()
        try:
            given = files.local(text)
            path = given.resolve()
            files.check(path, sys.maxsize)
        except (OSError, RuntimeError) as problem:
            why = reason(problem)
            raise InputError(f"{flag}: expected a file to send along; got {printable(text, '')} ({why})") from None
        # A link may lead from a harmless name to a file of any other.
        if suffixes and not {suffix(text), suffix(path.name)} <= {*suffixes}:
            raise InputError(
                f"{flag}: expected a file called *{', *'.join(suffixes)} to send along; got {_led(text, path)}"
            )
        parts = path.relative_to(os.path.commonpath([here, path])).parts
        if any(part.startswith(".") for part in (*parts, given.name)):
            raise InputError(
                f"{flag}: expected a file that is no dot file and in no such folder, which may hold secrets, to send "
                f"along; got {_led(text, path)}"
            )
        inside = not given.is_absolute() and ".." not in given.parts
        place = given.as_posix() if inside else self._place_for(path, here)
        self.files[place] = path
        if not inside:
            self.moved[text] = place
        return place

    def _place_for(self, path: Path, here: Path) -> str:
        if path.is_relative_to(here):
            return path.relative_to(here).as_posix()
        known = [place for place, there in self.files.items() if there == path]
        return known[0] if known else f"inputs/{len(self.moved)}/{path.name}"

    def _add_module(self, name: str) -> None:
        """The module ``name`` of the current folder, and the modules beside it that it imports; only Python files."""
        file = Path(f"{name}.py")
        for source in [file] if file.is_file() else _visible(Path(name), "*.py"):
            if source.as_posix() not in self.files:
                self._add_file(source.as_posix(), "submit", (".py",))
                for imported in _imports(source) - {"regfleet"}:
                    self._add_module(imported)

    @property
    def words(self) -> str:
        """What goes to the cluster, by name and size, for people."""
        sizes = {place: path.stat().st_size for place, path in self.files.items()}
        shown = [f"{printable(place, '')} ({files.size(number)})" for place, number in sorted(sizes.items())]
        if len(shown) > MOST_SHOWN:
            rest = sum(sorted(sizes.items())[number][1] for number in range(MOST_SHOWN, len(shown)))
            shown[MOST_SHOWN:] = [f"{len(shown) - MOST_SHOWN} more ({files.size(rest)})"]
        return ", ".join([*shown, "this regfleet"])

    def check_size(self) -> None:
        """Raise InputError when the files are more than a head should be sent."""
        sizes = sorted(((path.stat().st_size, place) for place, path in self.files.items()), reverse=True)
        total = sum(size for size, _ in sizes)
        if total > LIMIT_BYTES:
            size, place = sizes[0]
            raise InputError(
                f"submit: expected at most {LIMIT_BYTES / 1e6:.0f} MB to upload; got {total / 1e6:.0f} MB, of which "
                f"{place} is {size / 1e6:.0f} MB: put it into storage that the cluster reads and name its URL"
            )

    @contextmanager
    def staged(self, texts: Mapping[str, str]) -> Iterator[Path]:
        """A folder that holds the files and regfleet's own code, to be uploaded; ``texts`` replace files' contents."""
        with TemporaryDirectory(prefix="regfleet-") as folder:
            for place, source in self._whole().items():
                target = Path(folder, place)
                target.parent.mkdir(parents=True, exist_ok=True)
                if place in texts:
                    target.write_text(texts[place], encoding="utf-8")
                else:
                    with files.opened(source, LIMIT_BYTES) as content, target.open("wb") as copy:
                        shutil.copyfileobj(content, copy)
            yield Path(folder)

    def _whole(self) -> dict[str, Path]:
        code, package = Parcel(), Path(__file__).parents[1]
        code.add_tree(package, f"{CODE}/regfleet")
        if not (package / "templates").is_dir():
            code.add_tree(package.parent / "templates", f"{CODE}/templates")
        return self.files | code.files


def fingerprint(folder: Path, command: Sequence[str]) -> str:
    """Twelve hex digits that say the same of the same command with the same files."""
    digest = hashlib.sha256(repr(list(command)).encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\0{path.relative_to(folder).as_posix()}\0{content}".encode())
    return digest.hexdigest()[:12]


def _visible(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder, without caches, links and whatever begins with a dot."""

    def shown(path: Path) -> bool:
        inside = path.relative_to(folder).parts
        return not any(part.startswith(".") or part == "__pycache__" for part in inside)

    return [path for path in sorted(folder.rglob(pattern)) if shown(path) and path.is_file() and not path.is_symlink()]


def _would_be_read(path: Path, folder: Path) -> bool:
    """Whether a link in a folder of classes is one to an image or to a folder, which are read here."""
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and (path.is_dir() or path.suffix.lower() in IMAGES)


def _module(text: str) -> str:
    """The first name of the module of ``package.module:function``; empty for any other text, and for a file's name."""
    named = module_and_name(text)
    return named[0].partition(".")[0] if named and not _is_there(text) else ""


def _is_there(text: str) -> bool:
    try:
        return files.local(text).exists()
    except (OSError, ValueError):
        return False  # too long for a file's name, or with a null byte


def _led(text: str, path: Path) -> str:
    shown = printable(text, "")
    return shown if Path(text).name == path.name else f"{shown}, which leads to {printable(str(path), '')}"


def _imports(source: Path) -> set[str]:
    """The first names of what a Python file imports, absolutely; empty when it does not parse."""
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError):
        return set()  # the job says so, with the line
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
