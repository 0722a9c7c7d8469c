"""Command lines of random flags and hostile values. None of them trains, and none reaches beyond its folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from hostile import NAMES, NUMBERS
from readers import prepare  # noqa: F401 - the same files

from regfleet.settings import FLAGS

if TYPE_CHECKING:
    from random import Random

    from harness import Case

USUAL = {
    "--data": ("iris", "wine", "table.csv", "digits_images"), "--target": ("y", "a"), "--drop": ("b", "c"),
    "--categorical": ("c",), "--group": ("c",), "--time": ("d",), "--test": ("table.csv",),
    "--task": ("classification",), "--missing": ("?", "-999", ""), "--decimal": (",", "."),
    "--seeds": ("auto", "0-3", "3,1,2", "10"),
    "--split": ("5x2", "60/20/20", "article", "33/33/34"), "--model": ("64,32", "8"), "--activation": ("relu",),
    "--technique": ("l2", "l2(0.01|0.1)@all", "dropout(0.3)@1+batchnorm@2", "none"), "--engine": ("keras", "fused"),
    "--epochs": ("1", "350"), "--batch-size": ("1", "1000"), "--optimizer": ("adam", "sgd"),
    "--learning-rate": ("0.1",), "--early-stopping": ("3",), "--class-weight": ("balanced",),
    "--metric": ("accuracy", "macro_f1"),
    "--scope": ("new_data", "this_dataset"), "--alpha": ("0.05",), "--rope": ("0", "0.01"), "--at": ("last", "best"),
    "--workers": ("1", "1000"), "--gpus-per-trial": ("auto", "0.25", "2"), "--trial-timeout": ("10",), "--wait": ("1",),
    "--detect": ("0.02", "1e-9"), "--format": ("csv", "json", "markdown", "latex", "html"), "--figures": ("figures",),
    "--templates": ("templates", "out"), "--control": ("none", "l2"), "--out": ("out", "new", "new/er"),
    "--site": ("site", "out"),
}  # fmt: skip
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
    "datasets": ("--target", "--drop", "--categorical", "--group", "--time", "--missing", "--decimal"),
    "publish": ("--site", "--templates", "--base-url"),
}
COMMANDS = {
    "compare": 6, "init": 1, "plan": 1, "report": 1, "status": 1, "analyze": 2, "datasets": 1, "publish": 1,
    "techniques": 1, "nothing": 1,
}  # fmt: skip
ALWAYS = {
    "compare": ("--dry-run",), "plan": ("--detect", "0.02"), "analyze": ("--scope", "this_dataset"),
    "publish": ("--site", "site"),
}  # fmt: skip
TAKES = {
    "compare": ("study.toml", "--quiet"), "init": ("--force",), "analyze": ("wide.csv",),
    "datasets": ("table.csv", "iris"), "techniques": ("l2",), "schema": ("-h",),
}  # fmt: skip
COLUMNS = {"--drop", "--categorical", "--group", "--time", "--test", "--task", "--missing", "--decimal"}
PLACES = ("out", "table.csv", "wide.csv", "study.toml", "nowhere", ".", "", "out/trials", "out/report.html")


def play(case: Case) -> None:
    """Give one command line, and see that a dry run wrote nothing, and that nothing lies elsewhere."""
    for name in ("table.csv", "wide.csv", "study.toml"):
        shutil.copy(case.seeds / name, case.folder)
    shutil.copytree(case.seeds / "whole", case.folder / "out")
    line = [word.replace("\x00", "") for word in _line(case.draw)]  # no system hands that over
    before = sorted(case.folder.rglob("*"))
    case.command(*line)
    if line[0] == "compare" and sorted(case.folder.rglob("*")) != before:
        case.found("a dry run wrote", " ".join(line))
    outside = [path for path in case.folder.parents[1].rglob("*") if case.folder not in (path, *path.parents)]
    if any(path.is_file() for path in outside):
        case.found("written outside", f"{line}: {outside}")
    if (case.folder / "~").exists():
        case.found("a folder called ~", " ".join(line))


def _line(draw: Random) -> list[str]:
    command, usual = draw.choices([*COMMANDS], [*COMMANDS.values()])[0], draw.choice((0.3, 0.9, 0.95))
    line = [command, *ALWAYS.get(command, ())]
    if draw.random() < 0.9:
        line += [draw.choice(TAKES.get(command, ("out",)) if draw.random() < usual else (*HOSTILE, *PLACES))]
    named = OWN.get(command, ("--json",))
    if command in {"compare", "init"}:
        of_table = draw.random() < 0.5
        line += ["--data", "table.csv", "--target", "y"] if of_table else []
        flags = [name for one in FLAGS.values() for name in one.names if name.startswith("--")]
        without = set() if draw.random() < 0.3 else {"--data", "--target", *(() if of_table else COLUMNS)}
        named = (*named, *(flag for flag in flags if flag not in without))
    for name in dict.fromkeys(draw.choice(named) for _ in range(draw.choice((0, 1, 1, 2, 3, 5)))):
        value = draw.choice(USUAL.get(name, PLACES) if draw.random() < usual else HOSTILE)
        line += [name, value] if draw.random() < 0.7 else [f"{name}={value}"]
    return line
