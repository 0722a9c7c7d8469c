"""Which rule judged, what predicts alike and whose probabilities are better, wherever a study is shown."""

import csv
import json
from dataclasses import replace
from io import StringIO

import pytest
from support.rows import CONTROL, ROWS, VARIANT, predictions, trials_of
from support.studies import make_variants
from support.synthetic import article, build

from regfleet import analysis
from regfleet.cli.terminal import print_conclusion
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
