"""Results directories are damaged: the same values are read, or the damage is noticed; the same run gives all rows."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from hostile import NAMES, flipped, link, mutated
from studies import COMPARE, changed, make, rows, without_training

from regfleet.errors import RegfleetError

if TYPE_CHECKING:
    from harness import Case

PARTS = ("trials", "histories", "predictions")


def prepare(folder: Path) -> None:
    """The directories to damage, and what they say."""
    make(folder)
    for name in ("whole", "parts"):
        (folder / f"{name}.json").write_text(json.dumps(rows(folder / name)))


def play(case: Case) -> None:
    """Damage a copy, read it with every command that reads, then run the study again."""
    draw, out = case.draw, case.folder / "out"
    taken = draw.choice(("whole", "parts", "parts"))
    shutil.copytree(case.seeds / taken, out)
    before, whole = (json.loads((case.seeds / f"{name}.json").read_text()) for name in (taken, "whole"))
    for path in (out, *out.rglob("*")):
        os.chown(path, case.folder.stat().st_uid, -1)
        path.chmod(0o777 if path.is_dir() else 0o666)
    did = "; ".join(_damaged(draw, out) for _ in range(draw.choice((1, 1, 1, 2))))
    after = case.call(partial(_rows, out))
    if after and "refused" not in after:
        wrong = changed(before, after)
        if "provenance.json" in did and ("delete" in did or "replace" in did):  # there is nothing to read
            wrong = [one for one in wrong if one != "rest data"]
        missing = before["count"] - after["count"]
        if wrong:
            case.found("values changed" if after["noticed"] else "values changed unseen", f"{did}: {wrong[:3]}")
        # To its readers a part that is gone was never run.
        if missing > 0 and not after["noticed"] and "delete" not in did:
            case.found("rows missing unseen", f"{did}: {missing} of {before['count']}")
        if after["count"] > len(after["trials"]) or missing < 0:
            case.found("rows too many", did)
    _use(case, did, whole)
    case.findings = [(what, f"{detail} [{did}]") for what, detail in case.findings]


def _use(case: Case, did: str, whole: dict[str, object]) -> None:
    """Hand the directory to some of the commands that read it, and to the one that goes on with it."""
    draw = case.draw
    for command in ("status", "doctor", "report"):
        if draw.random() < 0.25:
            ended = case.command(command, "out")
            mended = command == "doctor" and ended.code == 0 and case.call(partial(_rows, case.folder / "out"))
            left = mended and mended.get("noticed", ["nothing can be read"])
            if left and not any(what in did for what in ("foreign", "beside", "replace")):  # not its to touch
                case.found("doctor left damage", f"{did}: {left}")
    if draw.random() < 0.5:
        return
    ended = case.command(*COMPARE, before=without_training)
    if ended.code == 0:
        again = case.call(partial(_rows, case.folder / "out"))
        if again and again.get("trials") != whole["trials"]:
            case.found("other rows after the same run", f"{did}: {changed(whole, again)[:3]}, {again['count']} rows")


def _rows(out: Path) -> dict[str, object]:
    try:
        return rows(out)
    except RegfleetError as problem:
        return {"refused": str(problem)}


def _damaged(draw: Random, out: Path) -> str:
    """Do one kind of damage to a file, more often to a part, and say what it was."""
    files = sorted(path for path in out.rglob("*") if path.is_file() and not path.is_symlink())
    parts = [path for path in files if path.parent.name in PARTS]
    way = draw.choices([*_WAYS], [*_WAYS.values()])[0]
    if way is _flip_bit and parts:
        files = parts
    if not files:
        return "nothing is left"
    path = draw.choice(parts or files if draw.random() < 0.7 else files)
    way(draw, path, files)
    return f"{way.__name__.strip('_')} {path.relative_to(out)}"


def _flip_bit(draw: Random, path: Path, _files: list[Path]) -> None:
    path.write_bytes(flipped(draw, path.read_bytes()))


def _mutate(draw: Random, path: Path, files: list[Path]) -> None:
    path.write_bytes(mutated(draw, path.read_bytes(), draw.choice(files).read_bytes()))


def _truncate(draw: Random, path: Path, _files: list[Path]) -> None:
    os.truncate(path, draw.randrange(path.stat().st_size + 1))


def _delete(_draw: Random, path: Path, _files: list[Path]) -> None:
    path.unlink()


def _copy_beside(draw: Random, path: Path, _files: list[Path]) -> None:
    name = draw.choice(("part-0000000000000000.parquet", "copy.parquet", f"{path.name}.tmp", "x.torn", f"{path.name}~"))
    shutil.copyfile(path, path.with_name(name))


def _swap(draw: Random, path: Path, files: list[Path]) -> None:
    other = draw.choice(files)
    mine, others = path.read_bytes(), other.read_bytes()
    path.write_bytes(others), other.write_bytes(mine)


def _forbid(_draw: Random, path: Path, _files: list[Path]) -> None:
    path.chmod(0)


def _replace(draw: Random, path: Path, _files: list[Path]) -> None:
    path.unlink()
    draw.choice((os.mkfifo, os.mkdir, partial(link, "/dev/zero"), partial(link, "nowhere")))(path)


def _add_foreign(draw: Random, path: Path, _files: list[Path]) -> None:
    name = draw.choice(NAMES).replace("/", "").replace("\x00", "")[:200].encode("utf-8", "surrogatepass")[:250]
    if name not in {b"", b".", b".."}:
        Path(os.fsdecode(os.fsencode(path.parent) + b"/" + name)).write_bytes(draw.randbytes(100))


_WAYS = {
    _flip_bit: 10, _mutate: 4, _truncate: 2, _delete: 2, _copy_beside: 1, _swap: 2, _forbid: 1, _replace: 1,
    _add_foreign: 1,
}  # fmt: skip
