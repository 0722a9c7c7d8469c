"""Names from outside in what the commands print: text stays text, whatever a terminal or a mark-up would make of it."""

import json

import pandas as pd
import pytest

from regfleet.planning.variants import resolve_variants
from regfleet.settings import read_study
from regfleet.text import printable

NAMES = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2Jcleared",
    "back\x08\x08\rspace",
    "\u202egnp.exe",
    "zero\u200bwidth\ufeff",
    "two\nlines\u2028three",
    "[bold]mark[/bold]",
    "[/nothing]",
    "[link=http://evil.example]x[/link]",
    ":smile: $\\frac{1}{0}$",
    "<script>alert(1)</script>",
    "=1+1;=2+2",
]


def seen(name):
    """What a person sees of a name: one line, every control written out."""
    return printable(name, keep="")


def squeezed(text):
    """The text without what a table puts in between."""
    return "".join(letter for letter in text if letter not in " \n│|")


def assert_harmless(text, names=NAMES):
    """Nothing that a terminal would obey, and each name as it is seen."""
    assert printable(text) == text
    for name in names:
        assert squeezed(seen(name)) in squeezed(text), name


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    """A terminal in which no name is broken."""
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture
def scores(tmp_path):
    """A table of scores whose techniques and data set have hostile names."""
    rows = [
        {"technique": name, "seed": seed, "accuracy": 0.5 + seed / 100 + place / 50, "dataset": "[red]\x1b[2J"}
        for place, name in enumerate(["none", *NAMES])
        for seed in range(3)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "s.parquet")
    return "s.parquet"


def test_scores_of_others(command, scores, tmp_path):
    """`analyze`: table, sentences, JSON and report."""
    code, out, errors = command("analyze", scores, "--scope", "this_dataset", "--out", "r")
    assert (code, errors) == (0, "")
    assert_harmless(out, [name for name in NAMES if len(seen(name)) < 20])
    code, out, _ = command("analyze", scores, "--scope", "this_dataset", "--out", "r", "--json")
    assert code == 0
    assert printable(out) == out
    assert {row["label"] for row in json.loads(out)["summary"]["datasets"][0]["variants"]} == {"none", *NAMES}
    for name in ("report.html", "leaderboard.csv", "trials.csv"):
        text = (tmp_path / "r" / name).read_text(encoding="utf-8")
        assert printable(text) == text


@pytest.fixture
def labelled(filled, tmp_path):
    """A results directory whose labels are hostile."""
    fields = {
        "seeds": [0, 1, 2],
        "model": {"hidden": [8]},
        "variant": [{"technique": f"l2(0.{place + 1:03})", "label": name} for place, name in enumerate(NAMES)],
    }
    known = [variant.name for variant in resolve_variants(read_study(fields))]
    filled(tmp_path / "labelled", fields, {name: [20 + place, 21, 23] for place, name in enumerate(known)})
    return tmp_path / "labelled"


def test_labels_of_a_study(command, labelled, request):
    """`status`, `report` in every form, `plan` and the dry run."""
    for arguments in (
        ["status", labelled],
        ["plan", labelled, "--detect", "0.05"],
        ["compare", labelled / "study.toml", "--out", labelled, "--dry-run"],
    ):
        code, out, errors = command(*arguments)
        assert (code, errors) == (0, ""), arguments
        assert_harmless(out)
    for form in ([], ["--json"], *(["--format", name] for name in ("csv", "json", "markdown", "latex", "html"))):
        code, out, errors = command("report", labelled, *form)
        assert (code, errors) == (0, ""), form
        assert printable(out) == out
        request.getfixturevalue("undrawn")  # it is the same report again, whatever form is printed


def test_columns_and_classes(command, tmp_path):
    """`datasets`: names of columns and of classes."""
    rows = len(NAMES) * 4
    frame = pd.DataFrame({name: range(rows) for name in NAMES}).assign(y=NAMES * 4)
    frame.to_parquet(tmp_path / "t.parquet")
    code, out, errors = command("datasets", "t.parquet", "--target", "y")
    assert (code, errors) == (0, "")
    assert_harmless(out)


@pytest.mark.parametrize("name", [name for name in NAMES if "\ufeff" not in name])
def test_what_is_wrong_is_said_on_one_line(command, name):
    """A name in an error: one line, written out."""
    for arguments in (
        ["report", name],
        ["compare", "--data", name],
        ["techniques", name],
        [name],
        ["init", f"--{name}"],
    ):
        code, out, errors = command(*arguments)
        assert (code, out) == (2, ""), arguments
        assert errors.endswith("\n")
        assert printable(errors, keep="\n") == errors
