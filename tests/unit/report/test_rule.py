"""Which rule judged, what predicts alike and whose probabilities are better, wherever a study is shown."""

import csv
import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from support.rows import CONTROL, ROWS, VARIANT, predictions, trials_of
from support.studies import make_variants
from support.synthetic import article, build

from regfleet import analysis
from regfleet.cli.terminal import print_conclusion
from regfleet.concluding.predictions import together_by
from regfleet.report import exports
from regfleet.report.context import fragment
from regfleet.report.page import render
from regfleet.running.display import Screen


@pytest.fixture(scope="module")
def conclusion():
    """A study of which one variant predicts as its control does, surer, and one has no predictions."""
    right = {"none": CONTROL, "l2": CONTROL, "l1": VARIANT}
    kept = {"none": predictions(CONTROL, ROWS, sure=0.6), "l2": predictions(CONTROL, ROWS)}
    trials = trials_of(right).assign(key="", label="", error="", traceback="", best_epoch=1, seconds=1.0)
    summary = analysis.summarize(
        trials, None, make_variants(right), analysis.Question(), predictions=lambda _dataset: iter(kept.items())
    )
    whole = build(entries=article()[:2], seeds=5, epochs=3)
    facts = replace(whole.facts, datasets=("toy",), article=False)
    return replace(whole, summary=summary, trials=trials, failures=(), facts=facts)


def test_tables_name_the_rule_and_why(conclusion):
    """CSV and JSON have the rule of each comparison, why not rows, the rows predicted alike and the Brier scores."""
    by_csv = {row["variant"]: row for row in csv.DictReader(StringIO(exports.leaderboard_csv(conclusion.summary)))}
    assert (by_csv["l2"]["verdict"], by_csv["l2"]["rule"], by_csv["l2"]["same_rows"]) == ("undecided", "rows", "20")
    # 26 of 40 cells are right: their Brier score falls by 2·(.4² − .1²), that of the others rises by 2·(.9² − .6²)
    share = CONTROL.mean()
    assert float(by_csv["l2"]["brier"]) == pytest.approx(-share * 0.3 + (1 - share) * 0.9, abs=1e-6)
    assert (by_csv["l1"]["rule"], by_csv["l1"]["brier"]) == ("seeds", "")
    assert "--keep-predictions" in by_csv["l1"]["rule_why"]
    by_json = {row["variant"]: row for row in json.loads(exports.leaderboard_json(conclusion.summary))}
    assert (by_json["l2"]["rule"], by_json["l2"]["same_rows"], by_json["none"]["rule"]) == ("rows", 20, None)


@pytest.mark.usefixtures("drawn")
def test_page_notebook_and_terminal_say_it(conclusion):
    """The same predictions have a chip and a sentence, the rule a sentence, and probabilities a table on the page."""
    page, cell = render(conclusion), fragment(conclusion.summary)
    screen = Screen(record=True, width=200, file=StringIO())
    print_conclusion(screen, conclusion)
    printed = " ".join(screen.export_text().split())
    for text in (page, cell, printed):
        assert "Same predictions" in text
        assert "Judged by single rows" in text
        assert "by one score per seed, because no predictions of test rows were kept" in text
    assert "Whose probabilities are better?" in page
    assert "The rule, for statisticians" in page


@pytest.mark.parametrize("metric", ["f1_macro", "log_loss", "recall:b"])
def test_networks_together_are_in_every_table_by_any_metric(conclusion, metric):
    """Score, leave-one-seed-out and rows, as scikit-learn scores the mean of the probabilities of each row."""
    kept = predictions(CONTROL, ROWS)
    sure = np.abs(kept.probabilities - kept.seeds[:, None] / 100).astype(np.float32)  # no two are equally sure
    kept = replace(kept, probabilities=sure / sure.sum(axis=1, keepdims=True))
    score = together_by(metric, {"toy": ("classification", ("a", "b"))})
    trials = conclusion.trials[conclusion.trials["variant"] == "none"]
    summary = analysis.summarize(
        trials, None, make_variants(["none"]), analysis.Question(), predictions=lambda _: [("none", kept)], score=score
    )
    frame = pd.DataFrame(kept.probabilities).assign(row=kept.rows, truth=kept.target, one=1)
    rows = frame.groupby("row").agg({0: "mean", 1: "mean", "truth": "first", "one": "sum"}).query("one > 1")
    p, truth = rows[[0, 1]].to_numpy(), rows["truth"].astype(int)
    expected = {
        "f1_macro": lambda: metrics.f1_score(truth, p.argmax(axis=1), average="macro"),
        "log_loss": lambda: metrics.log_loss(truth, p, labels=[0, 1]),
        "recall:b": lambda: metrics.recall_score(truth == 1, p.argmax(axis=1) == 1),
    }[metric]()
    for (row,) in (
        list(csv.DictReader(StringIO(exports.leaderboard_csv(summary)))),
        json.loads(exports.leaderboard_json(summary)),
    ):
        assert float(row["together"]) == pytest.approx(expected)
        assert (int(row["together_networks"]), int(row["together_rows"])) == (rows["one"].median(), len(rows))
    for form in ("markdown", "latex", "html"):
        assert "Networks together" in exports.leaderboard(summary, form)
        assert "Networks together" not in exports.leaderboard(conclusion.summary, form)
