"""`regfleet analyze` and `regfleet.analyze`: scores that another tool produced."""

import json
import math

import numpy as np
import pandas as pd
import pytest

import regfleet
from regfleet.analysis.row_rule import row_estimate
from regfleet.errors import InputError

CORRECT = {
    "None": "27 28 26 29 27 28 25 28 27 29 26 28",
    "l2": "28 28 27 29 28 28 27 29 27 29 27 29",
    "dropout": "27 29 26 28 27 29 26 27 27 29 27 28",
    "batchnorm": "25 26 24 28 26 25 24 26 26 27 23 27",
}
SETS = """.912 .921 .915 .905|.853 .861 .858 .849|.774 .779 .786 .771|.951 .950 .953 .948
.688 .702 .695 .676|.820 .829 .817 .822|.735 .741 .744 .729|.899 .905 .902 .893
.642 .651 .648 .645|.967 .969 .964 .962|.801 .812 .809 .790|.876 .880 .885 .871"""


def long():
    """Twelve paired seeds of four techniques, 90 training and 30 test rows, as a long frame."""
    rows = [
        {"technique": name, "seed": seed, "accuracy": int(text) / 30, "n_train": 90, "n_val": 30, "n_test": 30}
        for name, found in CORRECT.items()
        for seed, text in enumerate(found.split())
    ]
    return pd.DataFrame(rows)


def wide():
    """The same with a column for each technique."""
    columns = {name: [int(text) / 30 for text in found.split()] for name, found in CORRECT.items()}
    return pd.DataFrame({"seed": range(12)} | columns)


def comparisons(analysis):
    """Technique → comparison on the one data set."""
    (data,) = analysis.summary.datasets
    return {row.name: row.comparison for row in data.variants if row.comparison}


def assert_specified(found):
    """The verdicts and intervals of three comparisons: t quantile 2.820034, standard errors computed elsewhere."""
    expected = {
        "l2": (0.022222, 0.014015, "undecided"),
        "dropout": (0.005556, 0.015443, "undecided"),
        "batchnorm": (-0.058333, 0.016219, "worse"),
    }
    assert set(found) == set(expected)
    for name, (mean, error, verdict) in expected.items():
        assert found[name].verdict == verdict
        assert found[name].difference.mean == pytest.approx(mean, abs=1e-6)
        assert found[name].difference.low == pytest.approx(mean - 2.820034 * error, abs=5e-6)
        assert found[name].difference.high == pytest.approx(mean + 2.820034 * error, abs=5e-6)


def test_a_csv_of_any_tool_gets_verdicts_a_table_and_a_report(command, tmp_path):
    """The technique called None is the control and not a missing value, and the interval is the corrected one."""
    long().to_csv(tmp_path / "scores.csv", index=False)
    code, out, err = command("analyze", "scores.csv", "--json")
    assert (code, err) == (0, "")
    (data,) = json.loads(out)["summary"]["datasets"]
    assert data["dataset"] == "scores"
    assert [row["name"] for row in data["variants"]] == ["l2", "dropout", "None", "batchnorm"]
    assert_specified(comparisons(regfleet.analyze(tmp_path / "scores.csv")))
    assert json.loads(out)["report"] == "reports/scores/report.html"
    assert sorted(path.name for path in (tmp_path / "reports/scores").iterdir()) == [
        "leaderboard.csv",
        "regfleet.sha256",
        "report.html",
        "trials.csv",
    ]
    code, out, _ = command("analyze", "scores.csv")
    for words in ("▼ Worse", "● Undecided", "scope new_data", "±1.0 points", "Avoid batchnorm: it lowers accuracy"):
        assert words in " ".join(out.split())
    assert "epoch" not in out  # nobody said that there are any


def test_a_frame_a_wide_frame_and_parquet_say_the_same(tmp_path):
    """The form of the scores changes nothing but what a wide frame cannot hold, and no file is written."""
    assert_specified(comparisons(regfleet.analyze(long())))
    sized = wide().assign(n_train=90, n_val=30, n_test=30)
    assert_specified(comparisons(regfleet.analyze(sized)))
    sized.to_parquet(tmp_path / "scores.parquet")
    found = regfleet.analyze(tmp_path / "scores.parquet", "None", metric="accuracy")
    assert_specified(comparisons(found))
    assert found.report is None
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]


def test_the_same_scores_give_the_same_bytes_in_any_order_of_rows(tmp_path):
    """Neither the order of the rows nor a second run changes a byte of the report."""
    whole = regfleet.analyze(long(), out=tmp_path / "a")
    shuffled = long().sample(frac=1, random_state=0)
    regfleet.analyze(shuffled.sort_values("technique", key=lambda t: t.map(list(CORRECT).index)), out=tmp_path / "b")
    regfleet.analyze(long(), out=tmp_path / "a")
    assert whole.report == tmp_path / "a/report.html"
    for name in ("report.html", "leaderboard.csv"):
        first, second = (
            (tmp_path / folder / name).read_text().split('<section id="reproduce"')[0] for folder in ("a", "b")
        )
        assert first == second


def test_scope_rope_and_alpha_are_taken_and_printed(command, tmp_path):
    """About these rows L2 is better, as the paired t-test finds (t 3.55, 11 degrees of freedom)."""
    wide().to_csv(tmp_path / "w.csv", index=False)
    flags = ("--scope", "this_dataset", "--rope", "0.02", "--alpha", "0.1", "--control", "None")
    _, out, _ = command("analyze", "w.csv", *flags, "--json")
    settings = json.loads(out)["summary"]["settings"]
    assert (settings["scope"], settings["rope"], settings["alpha"]) == ("this_dataset", 0.02, 0.1)
    row = next(r for r in json.loads(out)["summary"]["datasets"][0]["variants"] if r["name"] == "l2")
    # .021711/√12 · t(1 − .1/6, 11) = .006267 · 2.4310
    assert row["comparison"]["verdict"] == "better"
    assert row["comparison"]["difference"]["low"] == pytest.approx(0.022222 - 0.006267 * 2.4310, abs=1e-5)
    _, out, _ = command("analyze", "w.csv", *flags)
    text = " ".join(out.split())
    for words in ("90 % intervals about these rows", "this_dataset", "±2.0 points"):
        assert words in text


def test_a_metric_of_ones_own_is_judged_and_ranked_its_way(command, tmp_path):
    """A lower error ranks first; one whose name tells nothing must be told."""
    frame = long().rename(columns={"accuracy": "mape"}).assign(mape=lambda f: 2 - f["mape"])
    frame.to_csv(tmp_path / "scores.csv", index=False)
    code, out, _ = command("analyze", "scores.csv", "--metric", "mape", "--json")
    assert code == 0
    assert json.loads(out)["summary"]["settings"]["higher_is_better"] is False
    (data,) = json.loads(out)["summary"]["datasets"]
    assert [row["rank"] for row in data["variants"]] == [1, 2, 3, 4]
    assert data["variants"][0]["name"] == "l2"
    table = pd.read_csv(tmp_path / "reports/scores/leaderboard.csv", keep_default_na=False)
    assert table["variant"].tolist() == ["l2", "dropout", "None", "batchnorm"]
    frame.rename(columns={"mape": "quux"}).to_csv(tmp_path / "scores.csv", index=False)
    assert command("analyze", "scores.csv")[0] == 2
    _, out, _ = command("analyze", "scores.csv", "--higher-is-better", "no", "--json")
    assert json.loads(out)["summary"]["datasets"][0]["variants"][0]["name"] == "l2"


def test_missing_scores_and_pairs_are_counted_and_named(command, tmp_path):
    """An empty score is a failed run: exit code 1, a count, and the pair is dropped; a missing row is named."""
    frame = long()
    frame.loc[(frame["technique"] == "l2") & (frame["seed"] == 3), "accuracy"] = math.nan
    frame = frame[(frame["technique"] != "dropout") | (frame["seed"] != 5)]
    frame.to_csv(tmp_path / "scores.csv", index=False)
    code, out, _ = command("analyze", "scores.csv", "--json")
    assert code == 1
    said = json.loads(out)
    rows = {row["name"]: row for row in said["summary"]["datasets"][0]["variants"]}
    assert (rows["l2"]["failed"], rows["l2"]["comparison"]["dropped"]) == (1, 1)
    assert len(rows["l2"]["comparison"]["seeds"]) == len(rows["dropout"]["comparison"]["seeds"]) == 11
    assert said["notes"] == ["dropout has no score on scores for seeds 5: those pairs are left out."]
    assert [(f["variant"], f["seed"], f["error"]) for f in said["failures"]] == [("l2", 3, "there is no score")]


def test_from_five_data_sets_on_the_data_set_is_the_unit(command, tmp_path):
    """Twelve data sets: a t-test on their twelve mean differences, and the critical difference of the ranks."""
    means = [dict(zip(CORRECT, map(float, cell.split()), strict=True)) for cell in SETS.replace("\n", "|").split("|")]
    jitter = {seed: 0.0004 * (seed - 2) for seed in range(5)}
    rows = [
        {"dataset": f"d{j:02}", "technique": name, "seed": seed, "accuracy": mean + change}
        for j, row in enumerate(means)
        for name, mean in row.items()
        for seed, change in jitter.items()
    ]
    pd.DataFrame(rows).assign(n_train=9000, n_val=3000, n_test=3000).to_csv(tmp_path / "many.csv", index=False)
    code, out, _ = command("analyze", "many.csv", "--json")
    assert code == 0
    across = json.loads(out)["summary"]["across"]
    assert across["ranks"]["mean_ranks"] == pytest.approx([2.916667, 1.416667, 1.916667, 3.75], abs=1e-6)
    assert across["ranks"]["critical_difference"] == pytest.approx(1.353999, abs=1e-6)
    found = {one["name"]: one for one in across["comparisons"]}
    assert [found[name]["difference"]["mean"] for name in list(CORRECT)[1:]] == pytest.approx(
        [0.006833, 0.004833, -0.004750], abs=1e-6
    )
    # The smallest t of the three, 3.586988, is beyond the simultaneous quantile t(1 − .05/6, 11) = 2.820034.
    assert found["l2"]["p"] == pytest.approx(3 * 0.000115, abs=2e-6)
    # .006833 ± 2.820034 · .006833/5.824812 ends at .010141, beyond the ROPE; the other two end at .008632 and −.008326.
    assert {name: (one["verdict"], one["note"]) for name, one in found.items()} == {
        "l2": ("better", ""),
        "dropout": ("equivalent", "tiny but real"),
        "batchnorm": ("equivalent", "tiny but real"),
    }
    _, out, _ = command("analyze", "many.csv")
    assert "Over 12 data sets, each counted once" in out
    assert across["headline"][0] in " ".join(out.split())


BAD = {
    "a file that is not there": ([], None, "scores.csv: expected a CSV or Parquet file of scores; got No such file"),
    "an empty file": ([], "", "scores.csv: expected a CSV or Parquet file of scores; got No columns to parse"),
    "no technique, no seed": (
        [],
        "a,b\n1,2\n",
        "scores.csv: scores must have the columns technique, seed and a metric",
    ),
    "an unknown control": (["--control", "nil"], long, "control must be one of the techniques .* Got 'nil'"),
    "an unknown metric": (["--metric", "acc"], long, "--metric: expected a column of .*; got 'acc'"),
    "an unknown scope": (["--scope", "all"], long, "--scope: expected one of new_data, this_dataset; got 'all'"),
    "a direction in other words": (
        ["--higher-is-better", "up"],
        long,
        "--higher-is-better: expected yes or no; got 'up'",
    ),
    "a negative ROPE": (["--rope", "-1"], long, "--rope: expected a number from 0"),
    "an alpha of one": (["--alpha", "1"], long, "--alpha: expected a number below 1"),
    "no row counts": ([], lambda: long().drop(columns="n_train"), "column n_train must be there for scope new_data"),
    "a run twice": (
        [],
        lambda: pd.concat([long(), long()[:1]]),
        "each seed of a technique once. Got technique None, seed 0, dataset scores again",
    ),
    "two controls": (
        [],
        lambda: long().replace({"technique": {"l2": "baseline"}}),
        "control must be named, as 2 of the techniques",
    ),
    "a column twice": ([], "technique,seed,x,x\na,1,2,3\n", "columns must have names of their own. Got 'x' twice"),
    "a value too many": ([], "technique,seed,x\na,1,2,3\n", "expected 3 values in each row, as in the header; got 4"),
    "a score in words": (
        [],
        "technique,seed,accuracy\nnone,1,good\n",
        "accuracy must be a number. Got 'good' in row 1",
    ),
    "a data set without a name": (
        [],
        "technique,seed,dataset,accuracy\nnone,1,,0.5\n",
        "dataset must be a name. Got nothing in row 1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_scores_are_one_line_and_write_nothing(command, tmp_path, case):
    """The column, the technique or the flag, what was expected, what was given; exit code 2."""
    flags, content, complaint = BAD[case]
    if content is not None:
        text = content if isinstance(content, str) else content().to_csv(index=False)
        (tmp_path / "scores.csv").write_text(text)
    code, out, err = command("analyze", "scores.csv", *flags)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("regfleet: error: ")
    assert pd.Series([line]).str.contains(complaint, regex=True).all(), line
    assert not (tmp_path / "reports").exists()


def test_a_directory_of_something_else_is_not_overwritten(tmp_path):
    """Only an earlier report on scores may be replaced."""
    (tmp_path / "study.toml").write_text("")
    with pytest.raises(InputError, match=r"--out: expected an empty directory or a report on scores; .*study\.toml"):
        regfleet.analyze(long(), out=tmp_path)


def lines(**changes):
    """Ten seeds of repeated five folds of twenty rows, a line for each test row of two techniques."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(10):
        if seed % 5 == 0:
            deal = rng.permutation(20).reshape(5, 4)
        for row in sorted(deal[seed % 5]):
            truth = "cat" if row % 2 else "dog"
            for name, wrong in (("none", {0, 1, 5, 7}), ("l2", {0, 3})):
                said = {"cat": "dog", "dog": "cat"}[truth] if row in wrong else truth
                p = 0.8 if said == "cat" else 0.3
                rows.append((name, seed, row, 12, truth, said, p, 1 - p, said == truth))
    names = ["technique", "seed", "row", "n_train", "y_true", "y_pred", "proba_cat", "proba_dog", "correct"]
    return pd.DataFrame(rows, columns=names).assign(**changes)


def test_scores_of_single_rows_are_judged_by_the_rule_of_rows(command, tmp_path):
    """The same interval as the rule gives of the differences, from correct, from classes, from probabilities."""
    frame = lines()
    wide = frame.pivot_table("correct", ["seed", "row"], "technique").astype(float).reset_index()
    difference = (wide["l2"] - wide["none"]).to_numpy()
    arrays = wide["seed"].to_numpy(np.int64), wide["row"].to_numpy(np.int64), difference
    expected = row_estimate(*arrays, 20, 12, counts=True).interval(0.05, 1)
    classes = ["y_true", "y_pred", "proba_cat", "proba_dog"]
    shapes = [
        frame.drop(columns=classes),
        frame.drop(columns=["correct", "proba_cat", "proba_dog"]),
        frame.drop(columns=["correct", "y_pred"]),
        frame.rename(columns={"correct": "accuracy"}).drop(columns=classes).sample(frac=1, random_state=1),
        frame.drop(columns=classes).assign(row="r" + frame["row"].astype(str).str.zfill(2)),
    ]
    for shape in shapes:
        one = comparisons(regfleet.analyze(shape))["l2"]
        assert (one.rule, one.rule_why) == ("rows", "")
        assert one.difference == expected
    frame.drop(columns="correct").to_csv(tmp_path / "rows.csv", index=False)
    code, out, err = command("analyze", "rows.csv", "--metric", "recall:dog", "--json")
    assert (code, err) == (0, "")
    (data,) = json.loads(out)["summary"]["datasets"]
    assert [row["comparison"]["rule"] for row in data["variants"] if row["comparison"]] == ["seeds"]
    means = {row["name"]: row["score"]["mean"] for row in data["variants"]}
    dogs = frame[frame["y_true"] == "dog"].groupby(["technique", "seed"])["correct"].mean().groupby("technique").mean()
    assert means == pytest.approx(dogs.to_dict())
    assert comparisons(regfleet.analyze(frame.assign(n_rows=60)))["l2"].difference != expected


def test_rows_from_elsewhere_show_what_is_got_wrong(tmp_path):
    """By the names that the scores give rows and classes; of rows that are only right or wrong nothing else is told."""
    named = lines().assign(row="p-" + lines()["row"].astype(str).str.zfill(2))
    classes = ["y_true", "y_pred", "proba_cat", "proba_dog"]
    shapes = {
        "probabilities": named.drop(columns="correct"),
        "classes": named.drop(columns=["correct", "proba_cat", "proba_dog"]),
        "correct": named.drop(columns=classes),
    }
    wrong = named.assign(wrong=1 - named["correct"]).groupby(["technique", "row"])["wrong"].mean()
    for name, frame in shapes.items():
        done = regfleet.analyze(frame, out=tmp_path / name)
        page = (tmp_path / name / "report.html").read_text()
        assert "What the networks get wrong" in page
        assert ("True class" in page, "Reliability: of the" in page) == (name != "correct", name == "probabilities")
        table = pd.read_csv(tmp_path / name / "rows.csv", index_col="row")
        for technique in ("none", "l2"):
            told = table[f"wrong: {technique}"]
            assert told.to_dict() == pytest.approx(wrong[technique].to_dict(), abs=1e-3)
        assert table["class"].isna().all() == (name == "correct")
        found = done.summary.datasets[0].predicted.variants["l2"]
        assert (found.matrix is None, found.together is None) == (name == "correct", name != "probabilities")
        assert (
            found.changes.differ
            == (named["correct"] != named["correct"].groupby([named["seed"], named["row"]]).transform("min")).sum()
        )


def test_where_rows_cannot_be_judged_the_report_says_why():
    """Groups of rows, the same test rows of every seed, and an error that is no mean of what was simulated."""
    assert "groups" in comparisons(regfleet.analyze(lines(group=lines()["row"] // 2)))["l2"].rule_why
    fixed = lines()
    fixed = fixed[fixed["seed"] == 0]
    fixed = pd.concat([fixed.assign(seed=seed) for seed in range(6)])
    assert "the same rows" in comparisons(regfleet.analyze(fixed))["l2"].rule_why
    own = lines()[["technique", "seed", "row", "n_train"]].assign(cost=lambda f: f["row"] * 0.1 + f["seed"])
    with pytest.raises(InputError, match="--higher-is-better yes"):
        regfleet.analyze(own)
    assert comparisons(regfleet.analyze(own, higher_is_better=False))["l2"].rule == "seeds"
    numbers = lines()[["technique", "seed", "row", "n_train"]].assign(y_true=lambda f: f["row"] + 0.5)
    numbers = numbers.assign(y_pred=lambda f: f["y_true"] + f["technique"].eq("none") + 0.01 * f["seed"])
    one = comparisons(regfleet.analyze(numbers))["l2"]
    assert (one.rule, round(one.difference.mean, 9)) == ("seeds", 1.0)  # mean absolute errors of .045 and 1.045


BAD_ROWS = {
    "a row twice": (lambda f: pd.concat([f, f[:1]]), "row must occur once .* Got technique none, seed 0, row .* twice"),
    "other rows": (
        lambda f: f[1:],
        "row must be tested in every technique of a seed. Got row .* for l2 and not for none",
    ),
    "no training rows": (lambda f: f.drop(columns="n_train"), "column n_train must be there for scope new_data"),
    "rows without a number": (
        lambda f: f.assign(row=None),
        "row must say which row of the data set it is. Got nothing",
    ),
    "two truths": (
        lambda f: f.assign(y_true=np.where(f["seed"] < 5, f["y_true"], "dog"), correct=None),
        "row must number the rows of the data set, each with one y_true. Got 'cat' and 'dog'",
    ),
    "half right": (lambda f: f.drop(columns=TRUTHS).assign(correct=0.5), "correct must be 1 or 0, .* Got '0.5'"),
    "no scores": (lambda f: f.drop(columns=[*TRUTHS, "correct"]), "must have the column correct, y_true with"),
    "no probabilities": (lambda f: f.assign(proba_cat=0.9), "proba_ columns must be probabilities, which add up to 1"),
    "a class without one": (lambda f: f.drop(columns="proba_dog"), "a column proba_CLASS for each class"),
    "fewer rows than there are": (lambda f: f.assign(n_rows=10), "n_rows must be a whole number, at least the 20 rows"),
    "changing training rows": (
        lambda f: f.assign(n_train=f["row"] + 1),
        "n_train must be the same for all rows of a run",
    ),
}
TRUTHS = ["y_true", "y_pred", "proba_cat", "proba_dog"]


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_scores_of_rows_are_one_line(case):
    """What was expected and what was given, by the column's name."""
    change, complaint = BAD_ROWS[case]
    with pytest.raises(InputError, match=complaint):
        regfleet.analyze(change(lines()))
