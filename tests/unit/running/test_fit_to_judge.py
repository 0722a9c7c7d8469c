"""What a check says to run next can be run; and both verdicts where the control overfits."""

import json
import shlex
from dataclasses import replace

import pytest
from support import work

from regfleet.concluding.advice import with_commands
from regfleet.running import run as running
from regfleet.settings import Data, read_study

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
    return running.run(read_study(FIELDS), out, in_process=True, command="regfleet compare", work=overfitting)


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
    page = (made.results.path / "report.html").read_text()
    assert said in page
    assert "Both verdicts, by the weights of the last epoch and of the best" in page
    (data,) = json.loads(made.json())["summary"]["datasets"]
    assert [one["best_verdict"] for one in data["at_epochs"]] == ["worse", "worse"]
    for check in dataset.checks:
        assert check.command in out
        assert check.command in page


def test_every_check_says_what_to_run_next_and_that_can_be_run(made, command):
    """The whole command, beside the results: as a dry run it plans the same study with the one setting changed."""
    checks = {check["code"]: check for check in json.loads(made.json())["checks"]}
    assert {"R107", "R109"} <= set(checks)
    for code, flag in (("R107", "--early-stopping"), ("R109", "--batch-size")):
        words = shlex.split(checks[code]["command"])
        assert words[:4] == ["regfleet", "compare", f"{made.results.path}/study.toml", flag]
        assert words[-2:] == ["--out", f"{made.results.path}-{flag[2:]}-{words[4]}"]
    assert command(*words[1:], "--dry-run")[0] == 0


def test_checks_of_data_in_memory_name_the_call_of_python(made):
    """No command finds the arrays again."""
    study = made.resolved.study.model_copy(update={"data": (Data(location="mine"),)})
    found = with_commands(made.summary, replace(made.resolved, study=study), made.results)
    commands = {check.code: check.command for check in found.datasets[0].checks}
    assert commands["R107"] == "regfleet.compare(…, early_stopping=5, out='out-early-stopping-5')"
    assert commands["R109"].startswith("regfleet.compare(…, batch_size=")
