"""References in a study: trained as trials are, kept, added later, and shown apart."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from support.outcomes import pretended

import regfleet
from regfleet.concluding.judge import judge, read_results
from regfleet.concluding.status import status
from regfleet.report.publish import publish
from regfleet.results import read_provenance
from regfleet.results.address import place_of
from regfleet.running import run as pipeline
from regfleet.running import trial as worker
from regfleet.settings import read_study

FIELDS = {"seeds": 5, "model": {"hidden": [4]}, "training": {"epochs": 1}, "variant": [{"technique": "l2"}]}
KINDS = {"reference constant", "reference linear", "reference trees"}


def pretend(chunk, _dataset):
    """References are really trained; networks get 20 rows of 30 right, or 25."""
    if chunk.variant.reference:
        return worker.run_chunk(chunk, _dataset)
    return tuple(pretended(trial, 20 + 5 * (trial.variant != "none")) for trial in chunk.trials)


def train(out, **fields):
    """Run the study on Iris."""
    return pipeline.run(read_study(FIELDS | fields), out, in_process=True, work=pretend)


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """A study without references, and then with them: its directory, before, and the conclusion."""
    out = tmp_path_factory.mktemp("study") / "out"
    before = train(out, references="no")
    return out, before, train(out, references="auto")


def test_they_are_added_to_results_and_change_nothing_of_them(added):
    """Only references are trained; the trials of networks keep their keys, and everything counts both."""
    out, before, found = added
    assert before.summary.datasets[0].references is None
    assert "eference" not in "".join(before.summary.datasets[0].headline)
    trials = regfleet.load(out).trials
    theirs = trials["variant"].isin(KINDS)
    assert {*trials.loc[~theirs, "key"]} == {*before.results.trials["key"]}
    assert (found.facts.planned, found.facts.finished, int(theirs.sum())) == (25, 25, 15)
    stands = status(out)
    assert (stands.planned, stands.done) == (25, 25)
    assert read_provenance(place_of(out)).data["iris"].references == ("constant", "linear", "trees")
    assert (trials.loc[theirs, "n_predicted"] == 30).all()


def test_they_are_shown_apart_everywhere(added, command, tmp_path):
    """Page, terminal, CSV, JSON, notebook and site have them, without a rank and never first."""
    out, _, found = added
    labels = ["Linear model", "Boosted trees", "Majority class"]
    said = found.summary.datasets[0].references.sentence
    code, printed, _ = command("report", out)
    assert code == 0
    frame = pd.read_csv(out / "leaderboard.csv")
    assert frame["kind"].tolist() == ["variant"] * 2 + ["reference"] * 3
    assert frame.loc[frame["kind"] == "reference", "rank"].isna().all()
    page, fragment = (out / "report.html").read_text(), found._repr_html_()
    for label in labels:
        assert label in page
        assert label in fragment
        assert label in printed
    assert said in page
    listed = json.loads(found.json())["summary"]["datasets"][0]
    assert {row["name"] for row in listed["references"]["rows"]} == KINDS
    assert not {row["name"] for row in listed["variants"]} & KINDS
    publish([out], tmp_path / "site")
    card = json.loads((tmp_path / "site/regfleet-site.json").read_text())["entries"]["out"]["datasets"][0]
    assert not {row["label"] for row in card["leaderboard"]} & {*labels}
    assert {row["label"] for row in card["references"]} == {*labels}


def test_a_reference_that_cannot_be_trained_is_a_failed_trial_and_the_study_goes_on(tmp_path, monkeypatch):
    """Its failure is recorded as any trial's, and tried again by the same command."""

    def fit(kind, *rest):
        if kind == "trees":
            raise ValueError("no trees here")
        return fit_reference(kind, *rest)

    fit_reference = worker.training.fit_reference
    monkeypatch.setattr(worker.training, "fit_reference", fit)
    found = train(tmp_path / "out", references="auto")
    assert {failure.error for failure in found.failures} == {"ValueError: no trees here"}
    rows = {row.name: row for row in found.summary.datasets[0].references.rows}
    assert (rows["reference trees"].failed, rows["reference linear"].finished) == (5, 5)
    monkeypatch.undo()
    assert not train(tmp_path / "out", references="auto").failures


def test_results_from_before_there_were_references_say_nothing_of_them(tmp_path):
    """Their provenance knows of none, and no trial is missing."""
    out = tmp_path / "out"
    train(out, references="no")
    lines = (out / "study.toml").read_text().splitlines()[1:]  # without its checksum
    (out / "study.toml").write_text("\n".join(one for one in lines if not one.startswith("references")))
    resolved, results = read_results(out)
    auto = replace(resolved, study=resolved.study.model_copy(update={"references": "auto"}))
    found = judge(auto, results)
    assert found.summary.datasets[0].references is None
    assert (found.facts.planned, found.facts.finished) == (10, 10)


def test_a_study_that_adds_seeds_trains_them_on_as_many_as_its_networks(tmp_path):
    """Looks do not wait for them, and each has the seeds of the variant that has most."""
    found = train(tmp_path / "out", seeds="auto", references="auto")
    counts = found.results.trials.groupby("variant")["seed"].count()
    assert {counts[name] for name in KINDS} == {counts.max()}
    assert found.facts.planned == found.facts.finished == counts.sum()
