"""`regfleet merge`: parts of one study become one directory, as if it had been computed at once."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support import kept
from support.kept import DROPOUT, FIELDS, HARDWARE, L2, by_row, keep
from support.outcomes import pretended

from regfleet.concluding import merging
from regfleet.concluding.judge import judge, read_results
from regfleet.results import load

OTHER = {"system": "Linux aarch64", "processor": "two"}


@pytest.fixture
def _unreported(monkeypatch):
    """What is merged gets no report, which takes most of the time."""
    monkeypatch.setattr(merging, "write", lambda place, _: place.at("report.html"))


def content(folder):
    """Path → bytes of every file below a folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tables(folder):
    """Trials, histories and predictions of a results directory, without where and how long they ran."""
    found = load(folder)
    frames = [found.trials.drop(columns=["seconds", "host"]), found.histories, found.predictions]
    return [frame.astype({"key": str, "variant": str, "dataset": str}).reset_index(drop=True) for frame in frames]


def test_parts_are_the_whole(command, tmp_path):
    """Seeds, variants and a part of a variant from three places: the same tables, study and summary as at once."""
    keep(tmp_path / "whole", FIELDS | {"seeds": "4"})
    keep(tmp_path / "a", FIELDS | {"seeds": "0-1"})
    keep(tmp_path / "b", FIELDS | {"seeds": "1-3", "variant": [{"technique": "l2"}]}, hardware=OTHER)
    keep(tmp_path / "c", FIELDS | {"seeds": "1-3", "variant": [{"technique": "dropout"}]})
    before = {name: content(tmp_path / name) for name in "abc"}
    code, said, errors = command("merge", "a", "b", "c", "--out", "merged")
    assert code == 0, errors
    assert {name: content(tmp_path / name) for name in "abc"} == before
    assert said.endswith("from b: 4 trials\nfrom c: 2 trials\nmerged: 12 trials. Report: merged/report.html\n")
    assert "ran in no part" not in errors
    for mine, other in zip(tables(tmp_path / "merged"), tables(tmp_path / "whole"), strict=True):
        pd.testing.assert_frame_equal(mine, other)
    study = [(tmp_path / name / "study.toml").read_text() for name in ("merged", "whole")]
    assert study[0] == study[1]
    summaries = [json.loads(judge(*read_results(tmp_path / name)).json())["summary"] for name in ("merged", "whole")]
    assert summaries[0] == summaries[1]
    facts = json.loads((tmp_path / "merged" / "provenance.json").read_text())
    assert [(one["place"], one["trials"]) for one in facts["merged"]] == [("a", 6), ("b", 4), ("c", 2)]
    assert facts["hardware"]["processor"] == "one and two"
    page = (tmp_path / "merged" / "report.html").read_text()
    assert "a (6 trials), b (4 trials), c (2 trials)" in page
    assert facts["whole"] == "regfleet compare merged/study.toml --out merged"
    status = json.loads(command("status", "merged", "--json")[1])
    assert (status["planned"], status["done"]) == (12, 12)


@pytest.mark.usefixtures("_unreported")
def test_what_finished_anywhere_has_finished(command, tmp_path):
    """A trial that failed in one part and finished in another counts as finished; nothing is lost."""
    fields = FIELDS | {"seeds": "4"}
    keep(tmp_path / "a", fields, lost=[(L2, 2), (DROPOUT, 3)])
    keep(tmp_path / "b", fields, only=lambda trial: trial.seed < 3)
    assert command("merge", "a", "b", "--out", "merged")[0] == 0
    trials = load(tmp_path / "merged").trials
    assert len(trials) == 12
    assert trials.loc[trials["status"] == "failed", ["variant", "seed"]].to_numpy().tolist() == [[DROPOUT, 3]]
    assert len(load(tmp_path / "merged").predictions) == 11 * 30


@pytest.mark.usefixtures("_unreported")
def test_what_ran_in_no_part_is_said(command, tmp_path):
    """Seed 2 of the technique that only the first part has, and the command that trains it."""
    keep(tmp_path / "a", FIELDS | {"seeds": "0-1"})
    keep(tmp_path / "b", FIELDS | {"seeds": "1-2", "variant": [{"technique": "l2"}]})
    code, said, errors = command("merge", "a", "b", "--out", "merged")
    assert (code, "from b: 2 trials\nmerged: 8 trials." in said) == (0, True)
    assert "1 trial of the whole ran in no part: regfleet compare merged/study.toml --out merged\n" in errors


def one_wrong(variant, seed, rows):
    """One more row is wrong of one trial."""
    miss = by_row({})(variant, seed, rows)
    if (variant, seed) == (L2, 2):
        miss[np.flatnonzero(~miss)[:1]] = True
    return miss


@pytest.mark.usefixtures("_unreported")
def test_equal_trials_must_agree(command, tmp_path):
    """To the last bit on one kind of machine; on another within a row of the test set, which is said."""
    fields = FIELDS | {"seeds": "3"}
    keep(tmp_path / "a", fields)
    keep(tmp_path / "b", fields, one_wrong)
    keep(tmp_path / "c", fields, one_wrong, hardware=OTHER)
    keep(tmp_path / "d", fields, by_row({L2: 0.5}), hardware=OTHER)
    code, said, errors = command("merge", "a", "b", "--out", "merged")
    assert (code, said) == (2, "")
    assert "regfleet: error: l2(0.01)@first on iris, seed 2: expected one result; got last_test_accuracy" in errors
    assert " in a and " in errors
    assert not (tmp_path / "merged").exists()
    code, _, errors = command("merge", "a", "c", "--out", "near")
    assert code == 0
    assert "1 trial was there twice, not the same to the last bit" in errors
    assert "8 trials were there twice, the same to the last bit" in errors
    assert command("merge", "a", "d", "--out", "far")[0] == 2
    assert not (tmp_path / "far").exists()


@pytest.mark.usefixtures("_unreported")
def test_trials_of_a_regression_must_agree_in_its_own_score(command, tmp_path, monkeypatch):
    """Of another machine within a hundredth of R²: they have no accuracy, which is then no agreement."""
    fields = FIELDS | {"seeds": "2", "variant": []}

    def regression(off):
        def made(trial, correct):
            found = pretended(trial, correct)
            scores = {name: math.nan for name in found.metrics if "accuracy" in name} | {"last_test_r2": 0.5 + off}
            return replace(found, metrics=found.metrics | scores)

        return made

    for name, off, hardware in (("a", 0.0, HARDWARE), ("near", 0.008, OTHER), ("far", 0.03, OTHER)):
        monkeypatch.setattr(kept, "pretended", regression(off))
        keep(tmp_path / name, fields, predicted=False, hardware=hardware)
    code, _, errors = command("merge", "a", "near", "--out", "merged")
    assert (code, "not the same to the last bit" in errors) == (0, True)
    code, _, errors = command("merge", "a", "far", "--out", "other")
    assert (code, "expected one result; got last_test_r2 0.5 in a and 0.53 in far" in errors) == (2, True)


@pytest.mark.parametrize(
    ("fields", "facts", "words"),
    [
        ({"training": {"epochs": 5}}, {}, "training.epochs: expected one study; got 350 in a and 5 in b"),
        ({"split": "random"}, {}, "split: expected one study; got balanced in a and random in b"),
        ({"model": {"hidden": [9]}}, {}, "model.hidden: expected one study; got 8 in a and 9 in b"),
        ({"analysis": {"alpha": 0.1}}, {}, "analysis.alpha: expected one study; got 0.05 in a and 0.1 in b"),
        ({}, {"sha256": "0" * 64}, "data iris: expected the rows of a; got others in b"),
        ({}, {"scaling_key": "raw"}, "data iris: expected the scaling of a; got none in a and raw in b"),
        (
            {"data": [{"location": "iris", "drop": ["x0"]}]},
            {},
            "data iris: expected one drop; got none in a and x0 in b",
        ),
        ({"seeds": "auto"}, {}, "seeds: expected one study"),
    ],
)
def test_what_is_another_study_is_refused_by_its_field(command, tmp_path, fields, facts, words):
    """A line that names the field, and nothing is written."""
    keep(tmp_path / "a", FIELDS | {"seeds": "2"})
    keep(tmp_path / "b", FIELDS | {"seeds": "2"} | fields, only=lambda trial: trial.seed < 2, **facts)
    code, _, errors = command("merge", "a", "b", "--out", "merged")
    assert (code, errors.count("\n")) == (2, 1), errors
    assert words in errors
    assert not (tmp_path / "merged").exists()


def test_the_same_rows_under_two_names_are_refused(command, tmp_path):
    """A trial of one is that of the other: put together, each name would have some of them."""
    keep(tmp_path / "a", FIELDS | {"seeds": "2"})
    keep(tmp_path / "b", FIELDS | {"seeds": "2", "data": [{"location": "flowers.csv", "target": "y"}]}, hardware=OTHER)
    code, _, errors = command("merge", "a", "b", "--out", "merged")
    assert (code, errors.count("\n")) == (2, 1), errors
    assert "data: expected other rows in each data set; got the same in iris and flowers" in errors
    assert not (tmp_path / "merged").exists()


def test_what_cannot_be_merged_is_refused(command, tmp_path):
    """Fewer than two, one twice, a directory that is filled, a part that is torn, what is no results directory."""
    keep(tmp_path / "a", FIELDS | {"seeds": "2"})
    keep(tmp_path / "b", FIELDS | {"seeds": "3"})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    for arguments, words in (
        (("a", "--out", "m"), "expected two results directories or more"),
        (("a", "a/", "--out", "m"), "expected each results directory once"),
        (("a", "b", "--out", "b"), "expected a new directory"),
        (("a", "b", "--out", "mine"), "expected an empty or a results directory"),
        (("a", "mine", "--out", "m"), "mine: expected a results directory"),
    ):
        code, _, errors = command("merge", *arguments)
        assert (code, errors.count("\n")) == (2, 1), errors
        assert words in errors
    part = next((tmp_path / "b" / "histories").iterdir())
    part.write_bytes(part.read_bytes()[:-9])
    assert "Run: regfleet doctor b" in command("merge", "a", "b", "--out", "m")[2]
    assert not (tmp_path / "m").exists()
