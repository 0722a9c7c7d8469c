"""What a check says to run next can be run; and both verdicts where the control overfits."""

import json
import shlex
from dataclasses import replace

import pytest
from support import work

from regfleet import api
from regfleet.running import run as running
from regfleet.settings import read_study

FIELDS = {
    "model": {"hidden": [8]},
    "training": {"epochs": 4},
    "seeds": "6",
    "split": "random",
    "keep_predictions": False,
    "variant": [{"technique": "l2@all"}, {"technique": "dropout(0.3)"}],
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
    assert found == {"l2(0.01)@all": ("better", "worse"), "dropout(0.3)@first": ("better", "worse")}
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
    _, out, _ = command("report", made.results.path, "--json")
    (data,) = json.loads(out)["summary"]["datasets"]
    assert [one["best_verdict"] for one in data["at_epochs"]] == ["worse", "worse"]


def test_every_check_says_what_to_run_next_and_that_can_be_run(made, command):
    """The whole command, beside the results: as a dry run it plans the same study with the one setting changed."""
    _, out, _ = command("report", made.results.path, "--json")
    checks = {check["code"]: check for check in json.loads(out)["checks"]}
    assert {"R107", "R109"} <= set(checks)
    for code, flag in (("R107", "early_stopping"), ("R109", "batch_size")):
        words = shlex.split(checks[code]["command"])
        assert words[:3] == ["regfleet", "compare", f"{made.results.path}/study.toml"]
        assert words[-2] == "--out"
        assert words[-1] != str(made.results.path)
        assert words[-1].startswith(str(made.results.path))
        assert command(*words[1:], "--dry-run")[0] == 0
        assert f"--{flag.replace('_', '-')}" in words
        assert checks[code]["command"] in " ".join(command("report", made.results.path)[1].split("\n"))


def test_checks_of_data_in_memory_name_the_call_of_python(monkeypatch, tmp_path):
    """No command finds the arrays again."""
    import numpy as np

    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(150, 4)), np.arange(150) % 3
    settings = {"model": [8], "techniques": ["l2"], "seeds": 5, "epochs": 4, "progress": False, "in_process": True}
    monkeypatch.setattr(running, "run", lambda *a, run=running.run, **k: run(*a, **k, work=overfitting))
    found = api.compare((x, y), out=tmp_path / "mine", **settings)
    commands = {check.code: check.command for check in found.summary().datasets[0].checks}
    assert commands["R107"] == "regfleet.compare(…, early_stopping=5, out='mine-early-stopping-5')"
    assert commands["R109"].startswith("regfleet.compare(…, batch_size=")


def test_seeds_that_are_added_later_are_said(command, made, tmp_path):
    """Six, then eight: recorded with the results, and said wherever they are shown; a second time as before once."""
    out = tmp_path / "out"
    study = read_study(FIELDS)
    running.run(study, out, in_process=True, work=overfitting)
    more = running.run(read_study(FIELDS | {"seeds": "8"}), out, in_process=True, work=overfitting)
    said = "The set of seeds was changed after results were there: 0-5, then 0-7."
    assert sum(said in note for note in more.facts.notes) == 1
    assert said in " ".join(command("report", out)[1].split())
    assert said in (out / "report.html").read_text()
    again = running.run(study, out, in_process=True, work=overfitting)
    assert sum("set of seeds" in note for note in again.facts.notes) == 1
    assert not any("set of seeds" in note for note in made.facts.notes)
