"""Command lines of random flags and hostile values. None of them trains, and none reaches beyond its folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from hostile import NAMES, NUMBERS
from studies import make

from regfleet.settings import FLAGS

if TYPE_CHECKING:
    from random import Random

    from harness import Case

USUAL = (
    "iris", "wine", "table.csv", "openml", "y", "a", "auto", "0-3", "3,1,2", "10", "5x2", "60/20/20", "article", "64,32",
    "l2", "l2(0.01|0.1)@all", "dropout(0.3)@1+batchnorm@2", "none", "relu", "adam", "accuracy", "r2", "new_data", "best",
    "balanced", "keras", "fused", "0.05", "1", "out", ".", "",
)  # fmt: skip
BROKEN = (
    "l2(", "l2()@", "l2(1)@9", "l2(nan)", "dropout(1.5)", "dropout(0.3)@input", "+", "|", "@", "l2(1|2|3)" * 200, "9x9",
    "5x151", "0/0/0", "33/33/34/1", "-1/50/51", "5-3", "0-99999999999", "1,1", "a:b", "os:getcwd", "x.y:z", "openml:-1",
    "/dev/zero", "/dev/null", "/dev/stdin", "/proc/self/mem", "file:///x", "s3:/x", "ftp://x/y", "http://[", "gs://",
    "table.csv/x", "nowhere/x.csv", "out/trials", "[x:1", "localhost:99999", "127.0.0.1:1", "x" * 300 + "/y", "é.csv",
)  # fmt: skip
# No value that a service or a bucket elsewhere would be asked for.
HOSTILE = (*BROKEN, *NAMES, *NUMBERS)
OWN = {
    "compare": ("--workers", "--gpus-per-trial", "--trial-timeout", "--wait", "--out"),
    "plan": ("--detect", "--workers"),
    "report": ("--format", "--figures", "--templates"),
    "analyze": ("--control", "--metric", "--scope", "--rope", "--alpha", "--out"),
    "init": ("--out",),
    "publish": ("--site", "--templates"),
}
PLACES = ("out", "table.csv", "wide.csv", "study.toml", "nowhere", ".", "", "out/trials", "out/report.html")


def prepare(folder: Path) -> None:
    """A results directory, a table, scores and a study file."""
    import readers

    readers.prepare(folder)


def _value(draw: Random, line: list[str]) -> str:
    return draw.choice(USUAL if draw.random() < 0.6 and len(line) < 5 else HOSTILE)


def play(case: Case) -> None:
    """Give one command line, and see that a dry run wrote nothing."""
    draw = case.draw
    for name in ("table.csv", "wide.csv", "study.toml"):
        shutil.copy(case.seeds / name, case.folder)
    shutil.copytree(case.seeds / "whole", case.folder / "out")
    command = draw.choice(("compare",) * 6 + ("plan", "report", "analyze", "analyze", "init", "datasets", "publish",
                          "status", "techniques", "doctor-less"))  # fmt: skip
    line = [command]
    flags = [name for one in FLAGS.values() for name in one.names if name.startswith("--")]
    known = {"compare": (*flags, *OWN["compare"]), "init": (*flags, *OWN["init"]), "datasets": ("--target", "--drop")}
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        line.append(draw.choice(PLACES) if draw.random() < 0.8 else draw.choice(HOSTILE))
    if command in {"compare", "init"}:
        line = line[: 1 + draw.choice((0, 0, 1))]
    for _ in range(draw.choice((0, 1, 1, 2, 3, 5))):
        name, value = draw.choice(known.get(command) or OWN.get(command) or ("--json",)), _value(draw, line)
        line += [name, value] if draw.random() < 0.7 else [f"{name}={value}"]
    if command == "compare":
        line.insert(1, "--dry-run")
    line = [one.replace("\x00", "") for one in line]  # no system hands that over
    before = sorted(case.folder.rglob("*"))
    case.command(*line)
    if command == "compare" and sorted(case.folder.rglob("*")) != before:
        case.found("a dry run wrote", " ".join(line))
    outside = [path for path in case.folder.parents[1].rglob("*") if case.folder not in (path, *path.parents)]
    if any(path.is_file() for path in outside):
        case.found("written outside", f"{line}: {outside}")
    if (case.folder / "~").exists():
        case.found("a folder called ~", " ".join(line))
