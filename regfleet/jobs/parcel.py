"""What a job needs of this machine: the files its command names, the user's modules, and this very regfleet."""

from __future__ import annotations

import ast
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from regfleet.errors import InputError
from regfleet.functions import module_and_name

LIMIT_BYTES = 100_000_000
CODE = "regfleet-code"


@dataclass
class Parcel:
    """Files to upload, by their place in the job's folder.

    A file inside the current folder keeps its relative path, so that the command that names it runs there word by
    word; one from elsewhere goes to ``inputs/`` and ``moved`` says how it is named there.
    """

    files: dict[str, Path] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)

    def add(self, text: str) -> str:
        """Add what ``text`` names on this machine, if anything; returns what names it in the job."""
        if (named := module_and_name(text)) and not Path(text).exists():
            self._add_module(named[0].partition(".")[0])
        # A folder may have a data set's name: only one that is written as a path is meant.
        elif text and "://" not in text and (_is_file(text) or ("/" in text and Path(text).is_dir())):
            return self._add_path(text)
        return text

    def add_tree(self, folder: Path, place: str) -> None:
        """Add what a folder holds, without caches, links and whatever begins with a dot."""
        for path in _visible(folder, "*"):
            self.files[f"{place}/{path.relative_to(folder).as_posix()}"] = path

    def _add_path(self, text: str) -> str:
        given = Path(text)
        path, here = given.resolve(), Path.cwd()
        if given.name.startswith("."):
            raise InputError(f"submit: expected a file that is no dot file, which may hold secrets; got {text}")
        inside = not given.is_absolute() and ".." not in given.parts
        place = given.as_posix() if inside else self._place_for(path, here)
        if path.is_dir():
            self.add_tree(path, place)
        else:
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
                self.files[source.as_posix()] = source.resolve()
                for imported in _imports(source) - {"regfleet"}:
                    self._add_module(imported)

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
                    shutil.copyfile(source, target)
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


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:
        return False  # too long for a file's name: a list of techniques, say


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
