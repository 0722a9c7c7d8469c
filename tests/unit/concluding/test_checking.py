"""`regfleet check` and `regfleet baseline`: known drops, ties, other metrics, other data, and files for CI."""

import json
import os
import shutil
import xml.etree.ElementTree as ET

import pytest
import yaml
from support import ROOT
from support.kept import DROPOUT, FIELDS, L2, by_row, keep

from regfleet.concluding.baseline import baseline_of
from regfleet.report.checked import escaped


@pytest.fixture(scope="module")
def _made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    keep(folder / "old")
    keep(folder / "new", wrong=by_row({L2: 0.5}))
    base = folder / "base.json"
    base.write_text(baseline_of(str(folder / "old"))[0])
    return folder


@pytest.fixture
def runs(_made, tmp_path):
    """An earlier run, one in which L2 does worse by about 50 points, and the baseline file of the earlier."""
    shutil.copytree(_made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.usefixtures("runs")
def test_a_known_drop_fails_and_a_tie_passes(command):
    """Exit code 1 and the one variant named; 0 against itself, and for the variants that did not drop."""
    code, said, errors = command("check", "new", "--against", "old")
    assert (code, errors) == (1, "")
    assert "1 of 3 variants dropped clearly, and by more than is allowed." in said
    assert "What else changed: regfleet diff old new." in said
    assert [line for line in said.splitlines() if "a clear drop by" in line] == [
        line for line in said.splitlines() if line.startswith("• L2")
    ]
    assert command("check", "new", "--against", "new")[0] == 0
    assert command("check", "new", "--against", "old", "--variant", "none", "--variant", DROPOUT)[0] == 0
    assert command("check", "old", "--against", "new")[0] == 0  # it has become better


@pytest.mark.usefixtures("runs")
def test_what_is_allowed_is_in_units_of_the_metric(command):
    """A clear drop passes where a larger one is allowed; nothing else does."""
    assert command("check", "new", "--against", "old", "--max-drop", "0.9")[0] == 0
    assert (
        "but by no more than the 90.0 points that are allowed"
        in command("check", "new", "--against", "old", "--max-drop", "0.9")[1]
    )
    assert command("check", "new", "--against", "old", "--max-drop", "0.3")[0] == 1
    for text in ("-1", "nan", "lots"):
        code, _, errors = command("check", "new", "--against", "old", "--max-drop", text)
        assert (code, errors) == (2, f"regfleet: error: --max-drop: expected a number from 0 up; got {text!r}\n")
    assert command("check", "new", "--against", "old", "--looks", "0")[0] == 2
    code, _, errors = command("check", "new", "--against", "old", "--max-drop", "5")
    words = "expected less than 1, for accuracy lies between 0 and 1 (0.01 is a point); got 5"
    assert (code, errors) == (2, f"regfleet: error: --max-drop: {words}\n")
    assert command("check", "new", "--against", "old", "--max-drop", "5", "--metric", "mse")[0] == 0


@pytest.mark.usefixtures("runs")
def test_another_metric_is_checked_by_its_own_direction(command):
    """Of MSE, which these runs have as high as their accuracy, less is better: the drop is that of the other run."""
    assert command("check", "new", "--against", "old", "--metric", "mse")[0] == 0
    code, said, _ = command("check", "old", "--against", "new", "--metric", "mse")
    assert (code, "a clear rise by" in said, "a clear drop by" in said) == (1, True, False)
    found = json.loads(command("check", "new", "--against", "old", "--metric", "macro_f1", "--json")[1])
    assert {one["metric"] for one in found["items"]} == {"macro_f1"}
    assert {one["pairing"] for one in found["items"]} == {"seeds"}
    code, _, errors = command("check", "new", "--against", "old", "--metric", "rmse")
    assert (code, errors.count("\n")) == (2, 1)


def test_a_baseline_says_what_its_directory_says(command, runs):
    """The same drop, interval and pairing from the small file as from the directory that it was made of."""
    code, text, errors = command("baseline", "old")
    assert (code, errors) == (0, "")
    assert len(text) < 10_000
    assert (runs / "base.json").read_text() == text
    by_file, by_directory = (
        json.loads(command("check", "new", "--against", name, "--json")[1])["items"] for name in ("base.json", "old")
    )
    assert by_file == by_directory
    assert {one["pairing"] for one in by_file} == {"rows"}
    assert command("baseline", "old", "--out", "again.json")[0] == 0
    assert (runs / "again.json").read_text() == text
    (runs / "mine.json").write_text("{}")
    assert command("baseline", "old", "--out", "mine.json")[0] == 2
    assert command("diff", "base.json", "new")[0] == 0
    code, _, errors = command("check", "new", "--against", "base.json", "--metric", "log_loss")
    words = "mse), or the results directory that it was made of instead of the file; got log_loss\n"
    assert (code, errors.endswith(words), "base.json keeps (accuracy, " in errors) == (2, True, True)
    for words in (("diff", "new", "base.json"), ("check", "base.json", "--against", "new")):
        code, _, errors = command(*words)
        assert (code, errors.count("\n"), "a file can only be the earlier run" in errors) == (2, 1, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table | {"regfleet_baseline": 2}, "expected a baseline of format 1; got 2, of another regfleet"),
        (lambda table: [table], "got another JSON file"),
        (lambda table: table | {"more": 1}, "got more: Extra inputs are not permitted"),
        (lambda table: table | {"study": "seeds = "}, "got study: "),
        (lambda table: table | {"study": "seeds = -1"}, "seeds: "),
        (lambda table: _with(table, right="AAAA"), "got right: expected compressed bits in base 64"),
        (lambda table: _with(table, seeds=[1, 1, *range(2, 10)]), "expected each seed once"),
        (lambda table: _with(table, scores={"accuracy": [0.5]}), "expected 10 values of accuracy"),
        (lambda table: _with(table, scores={"accuracy": ["NaN"] * 10}), "scores.accuracy.0"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused_in_a_line(command, runs, change, words):
    """The file is named, and what is wrong with which of its fields."""
    (runs / "base.json").write_text(json.dumps(change(json.loads((runs / "base.json").read_text()))))
    code, _, errors = command("check", "new", "--against", "base.json")
    assert (code, errors.count("\n")) == (2, 1), errors
    assert errors.startswith("regfleet: error: base.json: ")
    assert words in errors


def _with(table, **values):
    table["sets"]["iris"]["variants"][L2] |= values
    return table


def test_what_is_no_file_of_text_is_refused(command, runs):
    """Bytes, nothing, a folder without results, depth."""
    for content in (b"\xff\xfe", b"", b"[" * 100_000):
        (runs / "base.json").write_bytes(content)
        code, _, errors = command("check", "new", "--against", "base.json")
        assert (code, errors.count("\n")) == (2, 1)
    assert command("check", "new", "--against", "none.json")[2].count("got no file") == 1


def test_other_rows_are_checked_without_pairing_them(command, tmp_path):
    """Where the data changed each look has rows of its own: wider than on the same rows, and a large drop is seen."""
    keep(tmp_path / "old")
    keep(tmp_path / "new", wrong=by_row({L2: 0.9}), sha256="0" * 64)
    keep(tmp_path / "same", FIELDS | {"seeds": "10-19"}, by_row({L2: 0.9}))
    found = {
        name: json.loads(command("check", name, "--against", "old", "--json")[1])["items"] for name in ("new", "same")
    }
    assert [one["found"] for one in found["new"]] == ["kept", "dropped", "kept"]
    assert {one["pairing"] for items in found.values() for one in items} == {"unpaired"}
    widths = [[one["high"] - one["low"] for one in found[name]] for name in ("new", "same")]
    assert all(other > same for other, same in zip(*widths, strict=True))


def test_a_run_that_breaks_down_does_not_pass(command, tmp_path):
    """All trials of a variant failed: they count as models that learned nothing, a third of the rows right."""
    keep(tmp_path / "old")
    keep(tmp_path / "new", lost=[(L2, seed) for seed in range(10)])
    code, said, _ = command("check", "new", "--against", "old")
    assert code == 1
    assert "33.3 % now, with ten lost trials as models that learned nothing, a clear drop" in " ".join(said.split())


def test_a_run_that_breaks_down_does_not_pass_by_a_metric_that_knows_no_worst(command, tmp_path):
    """No trial of a variant finished, and nobody knows how badly calibrated a model is that learned nothing."""
    keep(tmp_path / "old")
    keep(tmp_path / "new", lost=[(L2, seed) for seed in range(9)])
    code, said, _ = command("check", "new", "--against", "old", "--metric", "calibration_error")
    assert code == 1
    assert "on iris: nine trials of 10 failed or diverged, which leaves too few to compare" in " ".join(said.split())
    assert command("check", "old", "--against", "new", "--metric", "calibration_error")[0] == 0


def test_a_pipe_is_no_baseline(command, runs):
    """What can be read once is refused, and waits for nobody."""
    os.mkfifo(runs / "pipe")
    code, _, errors = command("check", "new", "--against", "pipe")
    assert (code, errors.count("\n")) == (2, 1)
    assert "pipe: expected what regfleet baseline writes; got a pipe, which can be read only once" in errors


def test_files_for_a_pull_request(command, runs):
    """A table in Markdown with one row a variant, and JUnit XML in which one of three tests fails."""
    code, _, errors = command("check", "new", "--against", "old", "--junit", "j.xml", "--markdown", "m.md")
    assert (code, errors.count("wrote")) == (1, 2)
    suite = ET.parse(runs / "j.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.get("name").startswith("L2") for case in suite if case.find("failure") is not None] == [True]
    text = (runs / "m.md").read_text()
    assert text.startswith("### regfleet check: dropped\n")
    assert sum(line.startswith("| ") and "%" in line for line in text.splitlines()) == 3
    assert command("check", "new", "--against", "old", "--junit", "j.xml")[0] == 1  # its own may be written over
    (runs / "mine.md").write_text("mine")
    assert command("check", "new", "--against", "old", "--markdown", "mine.md")[0] == 2
    code, _, errors = command("check", "new", "--against", "old", "--markdown", "m.md", "--junit", "./m.md")
    assert (code, errors.count("\n"), "another file than that of --junit" in errors) == (2, 1, True)
    assert escaped("a|b <b> `c` [d](e)\n@f\x1b") == "a\\|b \\<b\\> \\`c\\` \\[d\\]\\(e\\) \\@f\\\\x1b"


def test_the_example_workflow_checks_as_it_says(command, runs):
    """Its line runs, fails for the drop and leaves the files that its next steps take."""
    steps = yaml.safe_load((ROOT / "examples" / "check-model.yml").read_text())["jobs"]["check"]["steps"]
    (line,) = (step["run"] for step in steps if step.get("run", "").startswith("regfleet check "))
    (runs / "base.json").rename(runs / "baseline.json")
    words = ["new" if word == "results" else word for word in line.split()[1:]]
    assert command(*words)[0] == 1
    assert all((runs / name).stat().st_size for name in ("check.xml", "check.md"))


def test_too_few_seeds_are_not_checked(command, tmp_path):
    """Four seeds say nothing: it passes and says so; a variant that is missing now is an error only where asked for."""
    keep(tmp_path / "old", FIELDS | {"seeds": "4"})
    keep(tmp_path / "new", FIELDS | {"seeds": "4", "variant": [{"technique": "l2"}]}, by_row({L2: 0.9}))
    code, said, _ = command("check", "new", "--against", "old")
    assert code == 0
    assert "Nothing could be checked" in said
    assert "Only old has" in said
    assert command("check", "new", "--against", "old", "--variant", DROPOUT)[0] == 2
