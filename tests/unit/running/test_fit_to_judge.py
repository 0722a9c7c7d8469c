"""What a check says to run next can be run; and both verdicts where the control overfits."""

import json
import shlex
from dataclasses import replace

import pytest
from support import work
from support.parsed import Page

from regfleet.analysis.summary import Check
from regfleet.concluding.advice import next_command
from regfleet.running import run as running
from regfleet.settings import read_study

COMMAND = "regfleet compare --model 8 --epochs 4 --seeds 6 --split random -t l2 -t 'dropout(0.3)' --out out -q"
FIELDS = {
    "model": {"hidden": [8]},
    "training": {"epochs": 4},
    "seeds": "6",
    "split": "random",
    "keep_predictions": False,
    "variant": [{"technique": "l2"}, {"technique": "dropout(0.3)"}],
}


def overfitting(chunk, dataset, **more):
    """Pretend; at its best epoch the control has six more rows right, and any other variant as many as at the last."""
    gain = 0 if chunk.variant.techniques else 6
    return tuple(
        replace(one, metrics={**one.metrics, "best_test_correct": one.metrics["last_test_correct"] + gain})
        for one in work.pretend(chunk, dataset, **more)
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The conclusion of such a study."""
    out = tmp_path_factory.mktemp("overfits") / "out"
    return running.run(read_study(FIELDS), out, in_process=True, command=COMMAND, work=overfitting)


def test_both_verdicts_stand_side_by_side_where_the_control_overfits(made, command):
    """Ahead by three rows of thirty at the last epoch, behind by three at the best: in terminal, page and JSON."""
    (dataset,) = made.summary.datasets
    found = {one.name: (one.last_verdict, one.best_verdict) for one in dataset.at_epochs}
    assert found == {"l2(0.01)@first": ("better", "worse"), "dropout(0.3)@first": ("better", "worse")}
    for one in dataset.at_epochs:
        assert one.last.mean == pytest.approx(0.1)
        assert one.best.mean == pytest.approx(-0.1)
    said = "With the last weights: 2 better; with those of the best epoch: 2 worse."
    _, out, _ = command("report", made.results.path)
    assert said in " ".join(out.split())
    assert "By the weights of the last epoch and of the best" in out
    page = Page((made.results.path / "report.html").read_text()).text
    assert said in page
    assert "Both verdicts, by the weights of the last epoch and of the best" in page
    (data,) = json.loads(made.json())["summary"]["datasets"]
    assert [one["best_verdict"] for one in data["at_epochs"]] == ["worse", "worse"]
    for check in dataset.checks:
        assert check.command in " ".join(out.split())
        assert check.command in page


def test_every_check_says_what_to_run_next_and_that_can_be_run(made, command):
    """The study's own command with the one setting changed, beside the results; as a dry run it plans that."""
    checks = {check["code"]: check for check in json.loads(made.json())["checks"]}
    own = shlex.split(COMMAND.removesuffix(" --out out -q"))
    assert {"R107", "R109"} <= set(checks)
    for code, flag in (("R107", "--early-stopping"), ("R109", "--batch-size")):
        words = shlex.split(checks[code]["command"])
        assert words[: len(own) + 1] == [*own, flag]
        assert words[-2:] == ["--out", f"out-{flag[2:]}-{words[-3]}"]
    assert command(*words[1:], "--dry-run")[0] == 0


@pytest.mark.parametrize(
    ("code", "flags", "ran", "expected"),
    [
        ("R101", "--metric auc", "regfleet compare --data a.csv", "regfleet report reports/iris --metric auc"),
        ("R101", "", "regfleet compare --data a.csv --out=b -q", "regfleet compare --data a.csv --dry-run"),
        ("R104", "", "regfleet compare", "regfleet datasets iris"),
        ("R107", "--at best", "regfleet compare --out s3://b/x", "regfleet compare --at best --out s3://b/x"),
        (
            "R109",
            "--technique 'l2(1)' --batch-size 32",
            "regfleet compare --out o --batch-size 4 -t 'batchnorm@all' --technique=l1 --seeds 5",
            "regfleet compare --seeds 5 --technique 'l2(1)' --batch-size 32 --out o-technique-l2-1-batch-size-32",
        ),
        (
            "R102",
            "--epochs 80",
            "regfleet compare --out 's3://b/x?scheme=http&region=eu'",
            "regfleet compare --epochs 80 --out 's3://b/x-epochs-80?scheme=http&region=eu'",
        ),
        ("R102", "--epochs 80", "regfleet.compare(…)", "regfleet.compare(…, epochs=80, out=…)"),
        ("R103", "--optimizer adam", "regfleet.compare(…)", "regfleet.compare(…, optimizer='adam', out=…)"),
        ("R105", "--metric auc", "regfleet.compare(…)", "results.score('auc').summary()"),
        ("R102", "--epochs 80", "", ""),
        ("R102", "--epochs 80", "regfleet compare 'cut of", ""),
    ],
)
def test_the_command_is_the_one_that_was_run_with_another_setting(made, code, flags, ran, expected):
    """What it said of its output is left out; of data in memory it is the call of Python."""
    check = Check(code, "", "iris", (), "", {}, flags)
    assert next_command(check, made.resolved, ran) == expected
