"""`regfleet diff`: what changed from one run to another, on runs whose right and wrong rows are known."""

import json
import math
from types import SimpleNamespace

import pandas as pd
import pytest
from support.kept import DROPOUT, FIELDS, L2, by_row, keep

from regfleet.concluding.contents import row_change
from regfleet.concluding.sides import order_notes
from regfleet.report.exports import PREDICTED, kept_cells


@pytest.fixture
def runs(tmp_path):
    """An earlier run, and one of more epochs and other versions in which L2 does worse by about 20 points."""
    keep(tmp_path / "old")
    fields = FIELDS | {"training": {"epochs": 400}}
    versions = {"regfleet": "0.1.0", "tensorflow": "2.22.0", "keras": "3.15.1", "numpy": "2.4.6"}
    keep(tmp_path / "new", fields, by_row({L2: 0.25}), versions=versions, hardware={"processor": "two", "cpus": 4})
    return tmp_path


@pytest.mark.usefixtures("runs")
def test_what_changed_is_said_by_name_and_the_drop_by_its_size(command):
    """Settings old and new, versions, hardware; L2 is worse row by row, the others predict as before."""
    code, said, errors = command("diff", "old", "new", "--json")
    assert (code, errors) == (0, "")
    found = json.loads(said)
    assert found["study"] == [{"name": "training.epochs", "old": "350", "new": "400"}]
    assert found["versions"] == [{"name": "tensorflow", "old": "2.21.0", "new": "2.22.0"}]
    assert {one["name"]: (one["old"], one["new"]) for one in found["hardware"]} == {
        "processor": ("one", "two"),
        "cpus": ("", "4"),
        "system": ("Linux x86_64", ""),
    }
    (iris,) = found["sets"]
    changes = {one["name"]: one for one in iris["changes"]}
    assert {name: (one["verdict"], one["pairing"]) for name, one in changes.items()} == {
        "none": ("undecided", "rows"),
        L2: ("worse", "rows"),
        DROPOUT: ("undecided", "rows"),
    }
    assert changes["none"]["same"] == 150
    one = changes[L2]
    assert one["difference"]["mean"] == pytest.approx(one["new"] - one["old"])
    assert -0.3 < one["difference"]["mean"] < -0.1
    assert (
        iris["headline"]
        == f"On iris {one['label']} is worse than before in accuracy; two others have not clearly changed."
    )


def test_the_terminal_and_the_page_say_the_same(command, runs):
    """The headline, the means and the interval of the variant that is worse; a file of somebody else's stays."""
    found = json.loads(command("diff", "old", "new", "--json")[1])["sets"][0]
    code, said, errors = command("diff", "old", "new", "--html", "page.html")
    assert (code, errors) == (0, "regfleet: wrote page.html\n")
    page = (runs / "page.html").read_text()
    worse = next(one for one in found["changes"] if one["verdict"] == "worse")
    for text in (" ".join(said.split()), " ".join(page.split())):
        assert found["headline"] in text
        assert all(f"{100 * worse[when]:.1f}" in text for when in ("old", "new"))
        assert "training.epochs" in text
    assert "<script" not in page
    assert command("diff", "old", "new", "--html", "page.html")[0] == 0
    (runs / "mine.html").write_text("<p>mine</p>")
    code, _, errors = command("diff", "old", "new", "--html", "mine.html")
    assert (code, errors.count("\n"), (runs / "mine.html").read_text()) == (2, 1, "<p>mine</p>")


def test_variants_of_one_run_only_are_named(command, tmp_path):
    """What was dropped and what is new; --variant picks by name or label and refuses what one run alone has."""
    keep(tmp_path / "old")
    keep(tmp_path / "new", FIELDS | {"variant": [{"technique": "l2"}, {"technique": "l1", "label": "Lasso"}]})
    (iris,) = json.loads(command("diff", "old", "new", "--json")[1])["sets"]
    assert (len(iris["only_old"]), iris["only_new"]) == (1, ["Lasso"])
    assert [one["name"] for one in iris["changes"]] == ["none", L2]
    (iris,) = json.loads(command("diff", "old", "new", "--variant", L2, "--json")[1])["sets"]
    assert ([one["name"] for one in iris["changes"]], iris["comparisons"]) == ([L2], 1)
    code, _, errors = command("diff", "old", "new", "--variant", "Lasso")
    assert code == 2
    assert errors == "regfleet: error: --variant: expected one of none, l2(0.01)@first; got Lasso, which only new has\n"


@pytest.mark.parametrize(
    ("fields", "facts", "predicted", "pairing", "why"),
    [
        ({}, {}, False, "seeds", "no predictions of test rows were kept by both runs"),
        ({"seeds": "10-19"}, {}, True, "unpaired", "no seed is in both runs"),
        ({"split": "random"}, {}, True, "unpaired", "rows were split as balanced before and as random now"),
        ({}, {"sha256": "0" * 64}, True, "unpaired", "what its rows hold was not kept"),
        ({}, {"grouped": True}, True, "seeds", "its rows come in groups"),
        ({"analysis": {"metric": "macro_f1"}}, {}, True, "seeds", "macro-F1 is no mean over rows"),
    ],
)
def test_what_is_paired_is_what_can_be(command, tmp_path, fields, facts, predicted, pairing, why):
    """Rows where both tested the same, else seeds, else nothing, and why."""
    keep(tmp_path / "old", predicted=predicted)
    keep(tmp_path / "new", FIELDS | fields, predicted=predicted, **facts)
    (iris,) = json.loads(command("diff", "old", "new", "--json")[1])["sets"]
    assert {one["pairing"] for one in iris["changes"]} == {pairing}
    assert why in iris["judged"]


def test_runs_with_nothing_in_common_are_refused(command, tmp_path):
    """Another metric than the task has, another data set; what is no results directory."""
    keep(tmp_path / "old")
    for arguments, words in (
        (("old", "old", "--metric", "rmse"), "--metric: expected one of accuracy"),
        (("old", "nowhere"), "nowhere: expected a results directory; got no directory"),
    ):
        code, _, errors = command("diff", *arguments)
        assert (code, errors.count("\n")) == (2, 1)
        assert words in errors


def frame(rows, first=0, columns=("x", "y", "z")):
    """A table of texts by row number."""
    return pd.DataFrame([list(row) for row in rows], columns=list(columns), index=range(first, first + len(rows)))


def test_rows_are_known_again_by_what_they_hold():
    """Added, removed, moved and changed rows, new columns; two rows that are alike are two rows."""
    old = frame(["abc", "def", "ghi", "ghi", "jkl"])
    assert row_change(old, old).sentences() == ["The same 5 rows."]
    more = row_change(old, frame(["abc", "new", "def", "ghi", "ghi", "jkl"]))
    assert (more.same, more.added, more.removed, more.changed, more.numbered) == (5, 1, 0, 0, False)
    changed = row_change(old, frame(["abc", "deX", "ghi", "ghi", "jkl"]))
    assert (changed.same, changed.changed, changed.columns, changed.numbered) == (4, 1, ("z",), True)
    assert changed.sentences() == ["1 row changed in z; 4 rows as before."]
    gone = row_change(old, frame(["abc", "ghi", "jkl", "XYZ"]))
    assert (gone.same, gone.added, gone.removed, gone.changed) == (3, 1, 2, 0)
    moved = row_change(old, frame(["jkl", "ghi", "ghi", "def", "abc"]))
    assert (moved.same, moved.numbered) == (5, False)
    wider = row_change(old, frame(["abc1", "def2", "ghi3", "ghi4", "jkl5"], columns=("x", "y", "z", "new")))
    assert (wider.same, wider.more, wider.numbered) == (5, ("new",), True)
    called = row_change(old, frame(["abc1", "def2", "ghi3", "ghi4", "jkl5"], columns=("x", "y", "w", "v")))
    assert called.sentences() == ["The same 5 rows.", "Column z is called w now.", "New: column v."]
    assert row_change(old, frame(["a"], columns=("other",))) is None


def test_what_is_predicted_belongs_to_a_row():
    """Classes that are others now, in rows whose columns are as before, are named; a class alone tells no row."""
    old, new = (frame(rows, columns=("x", "y", PREDICTED)) for rows in (["abk", "cdk", "efl"], ["abk", "cdl", "efl"]))
    found = row_change(old, new)
    assert found.sentences() == ["1 row changed in what is predicted; 2 rows as before."]
    assert found.numbered
    assert row_change(old, new.rename(columns={"x": "v", "y": "w"})) is None
    table = "dataset,row,target,class,tested,wrong,target\r\niris,0,1,yes,2,1,0.5\r\niris,3,0.25,,2,1,7\r\n"
    (held,) = kept_cells(table.encode(), predicted=True).values()
    assert held.to_dict("list") == {"target": ["0.5", "7"], PREDICTED: ["yes", "0.25"]}
    assert held.index.tolist() == [0, 3]


def test_rows_that_were_not_tested_are_neither_added_nor_removed():
    """Where tests leave rows out, what is said is of rows that both runs tested, by number if possible."""
    old, new = frame(["abc", "def", "ghi"]), frame(["def", "ghX", "jkl"], first=1)
    found = row_change(old, new, (4, 4))
    assert found.sentences() == ["1 row changed in z, of 2 that both runs tested."]
    assert found.numbered
    (same,) = row_change(old, frame(["def", "ghi", "jkl"], first=1), (4, 4)).sentences()
    assert same == "2 rows that both runs tested are as before, and other rows are not."
    fewer = row_change(old, frame(["def", "jkl"]), (4, 3))
    assert fewer.sentences()[0].startswith("1 row that both runs tested is as before; how many were added, removed")
    assert not fewer.numbered
    assert row_change(old, frame(["jkl"], first=3), (4, 4)) is None


def test_a_metric_that_is_asked_afterwards_is_worked_out(command, tmp_path):
    """Log loss of 0.6 for the true class where right, 0.2 where wrong; without predictions it is refused."""
    for name, share in (("old", 0.05), ("new", 0.4)):
        keep(tmp_path / name, FIELDS | {"seeds": "5"}, by_row({L2: share}))
    (iris,) = json.loads(command("diff", "old", "new", "--metric", "log_loss", "--json")[1])["sets"]
    by_accuracy = json.loads(command("diff", "old", "new", "--json")[1])["sets"][0]["changes"]
    for one, other in zip(iris["changes"], by_accuracy, strict=True):
        for when in ("old", "new"):
            right = other[when]
            assert one[when] == pytest.approx(-right * math.log(0.6) - (1 - right) * math.log(0.2), abs=1e-6)
    assert [one["verdict"] for one in iris["changes"]][1] == "worse"
    keep(tmp_path / "none", FIELDS | {"seeds": "5"}, predicted=False)
    for metric, words in (("log_loss", "which none has; got log_loss"), ("los", "--metric: expected one of")):
        code, _, errors = command("diff", "old", "none", "--metric", metric)
        assert (code, errors.count("\n")) == (2, 1)
        assert words in errors


def test_runs_the_wrong_way_round_are_asked_about():
    """By when they were finished, in whatever time zone; nothing where that is not known."""
    times = {"old": "2026-11-02T01:30:00+02:00", "new": "2026-11-01T23:45:00+00:00", "unknown": ""}
    old, new, unknown = (SimpleNamespace(shown=name, finished=time) for name, time in times.items())
    assert order_notes(new, old) == ["old was finished before new: are they the right way round?"]
    assert order_notes(old, new) == order_notes(old, old) == order_notes(new, unknown) == []
