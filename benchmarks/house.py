"""The package as a house: how large it is, how its rooms lean on each other, how long its door takes to open.

    python benchmarks/house.py [--at COMMIT] [--runs 9]

Reads the sources alone and needs nothing beyond Python, but for the last row, which times `regfleet --help`. With
``--at`` a commit of this repository stands beside the working tree, and the two take turns at being timed.

- lines of code: neither blank nor a comment alone; imports: the share of all lines that import statements take;
- import cycles: groups of modules that import each other round about, inside functions too, without and with what is
  imported for types alone; behind the count the size of the largest group;
- rooms: the packages and modules straight below `regfleet`; floors: the layers of pyproject.toml's import contract, and
  the longest chain of rooms that stand on each other, rooms that lean on each other both ways being one.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "regfleet"
Graph = Mapping[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """Every module of the package in the checkout ``root`` by its dotted name; a package goes by its own name."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph(root: Path, *, types: bool) -> dict[str, set[str]]:
    """Which modules each module imports, inside functions too; with ``types`` what TYPE_CHECKING guards as well.

    The package's own face imports none: it hands its names over on first use.
    """
    names = modules(root)
    imports = {name: _imported(ast.parse(path.read_text()), names, types=types) for name, path in names.items()}
    return {name: targets - {name} for name, targets in imports.items()} | {PACKAGE: set()}


def cycles(of: Graph) -> list[list[str]]:
    """The groups of nodes that reach each other, largest first."""
    reach = {node: _reachable(of, node) for node in of}
    groups = {frozenset(other for other in reach[node] if node in reach[other]) for node in of if node in reach[node]}
    return sorted(map(sorted, groups), key=lambda group: (-len(group), group))


def rooms(of: Graph) -> dict[str, set[str]]:
    """The same between the packages and modules straight below the package; its own face is none."""
    joined: dict[str, set[str]] = {}
    for name, targets in of.items():
        if room := _room(name):
            joined.setdefault(room, set()).update({other for other in map(_room, targets) if other not in {"", room}})
    return joined


def floors(of: Graph) -> int:
    """The nodes of the longest chain; those of a cycle count as one."""
    together = {node: group[0] for group in cycles(of) for node in group}
    heights: dict[str, int] = {}

    def height(node: str) -> int:
        if node not in heights:
            group = [other for other in of if together.get(other, other) == node]
            below = {together.get(target, target) for other in group for target in of[other]} - {node}
            heights[node] = 1 + max(map(height, below), default=0)
        return heights[node]

    return max(height(together.get(node, node)) for node in of)


def measures(root: Path) -> dict[str, str]:
    """What can be read off the sources of a checkout, by title."""
    texts = [path.read_text() for path in modules(root).values()]
    lengths = [len(text.splitlines()) for text in texts]
    code = sum(bool(line.strip()) and not line.lstrip().startswith("#") for text in texts for line in text.splitlines())
    importing = sum(_span(node) for text in texts for node in ast.walk(ast.parse(text)) if _is_import(node))
    plain, typed = graph(root, types=False), graph(root, types=True)
    contract = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    return {
        "lines": f"{sum(lengths):,}",
        "lines of code": f"{code:,}",
        "files": f"{len(lengths)}",
        "lines of the median file": f"{statistics.median(lengths):g}",
        "files under 60 lines": f"{sum(length < 60 for length in lengths)}",
        "lines of a technique, median": f"{statistics.median(technique_lines(root) or [0]):g}",
        "imports, % of all lines": f"{100 * importing / sum(lengths):.1f}",
        "modules at the top level": f"{len(list((root / PACKAGE).glob('*.py')))}",
        "rooms": f"{len(rooms(plain))}",
        "import cycles between modules": _counted(cycles(plain)),
        "the same with types": _counted(cycles(typed)),
        "import cycles between rooms": _counted(cycles(rooms(typed))),
        "floors of the import contract": f"{len(contract['layers'])}",
        "floors that are used": f"{floors(rooms(typed))}",
    }


def technique_lines(root: Path) -> list[int]:
    """The lines of each `Definition` of a technique and of all in its file that it names, however far; in order.

    What several techniques share counts for each of them whole; the slots of `recipe.py`, which all share, do not.
    """
    found = []
    for path in (root / PACKAGE / "techniques").glob("*.py"):
        tree = ast.parse(path.read_text())
        parts: dict[str, ast.stmt] = {}
        for part in tree.body:
            targets = part.targets if isinstance(part, ast.Assign) else [part]
            parts |= {name: part for target in targets if (name := getattr(target, "name", getattr(target, "id", "")))}
        for part in parts.values():
            if _defines(part):
                reached, left = {part}, [part]
                while left:
                    for node in ast.walk(left.pop()):
                        other = parts.get(getattr(node, "id", ""))
                        if other and other not in reached and not _defines(other):
                            reached.add(other)
                            left.append(other)
                found.append(sum(map(_span, reached)))
    return sorted(found)


def _defines(part: ast.stmt) -> bool:
    """Whether a statement makes techniques: calls `Definition`, itself or in the function that it is."""
    return not isinstance(part, ast.ClassDef) and any(
        isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Definition" for node in ast.walk(part)
    )


def help_seconds(roots: Iterable[Path], runs: int) -> list[float]:
    """The median seconds of `regfleet --help` from each checkout, which take turns; the first round warms up."""
    seconds: dict[Path, list[float]] = {root: [] for root in roots}
    for _ in range(runs + 1):
        for root, taken in seconds.items():
            started = time.perf_counter()
            subprocess.run(  # noqa: S603 - a benchmark runs its own command
                [sys.executable, "-m", PACKAGE, "--help"],
                cwd=root,
                env=os.environ | {"PYTHONPATH": str(root)},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken[1:]) for taken in seconds.values()]


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit, for as long as it is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(  # noqa: S603 - a commit is an argument of git, never of a shell
            ["git", "archive", commit],  # noqa: S607 - the git on the path
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _imported(tree: ast.AST, names: Iterable[str], *, types: bool) -> set[str]:
    known, found = set(names), set()
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A name is a module of its own, or comes from the one before it.
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in inside}
        elif isinstance(node, ast.If) and not types and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
        else:
            nodes += ast.iter_child_nodes(node)
    return found & known


def _reachable(of: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    nodes = list(of[start])
    while nodes:
        node = nodes.pop()
        if node not in seen:
            seen.add(node)
            nodes += of.get(node, ())
    return seen


def _room(name: str) -> str:
    """The part of a dotted name behind the package's; empty for its face, and for `__main__`, which only calls."""
    room = name.split(".")[1] if "." in name else ""
    return "" if room.startswith("__") else room


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _span(node: ast.AST) -> int:
    return (getattr(node, "end_lineno", 0) or 0) - getattr(node, "lineno", 0) + 1


def _counted(groups: list[list[str]]) -> str:
    return f"{len(groups)} (of {len(groups[0])})" if groups else "0"


def main() -> None:
    """Print a row for each measure, with a column for each tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at", metavar="COMMIT", help="a commit to set beside the working tree")
    parser.add_argument("--runs", type=int, default=9, help="of regfleet --help (default: 9)")
    options = parser.parse_args()
    if options.at:
        with checkout(options.at) as before:
            _show({options.at: before, "working tree": ROOT}, options.runs)
    else:
        _show({"working tree": ROOT}, options.runs)


def _show(trees: Mapping[str, Path], runs: int) -> None:
    columns = [measures(root) for root in trees.values()]
    print(f"{'':32}" + "".join(f"{name:>16}" for name in trees))
    for title in columns[0]:
        print(f"{title:32}" + "".join(f"{column[title]:>16}" for column in columns))
    seconds = help_seconds(trees.values(), runs)
    print(f"{'regfleet --help, seconds':32}" + "".join(f"{taken:>16.2f}" for taken in seconds))


if __name__ == "__main__":
    main()
