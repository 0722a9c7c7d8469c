"""The report of a regression: its own scores, gap and curves, and no percentage points."""

import re

import numpy as np
import pandas as pd
import pytest

from regfleet.analysis import Question, summarize
from regfleet.metrics import METRICS
from regfleet.report import exports, render
from regfleet.report.conclusion import Conclusion, StudyFacts
from regfleet.report.figures.gap import gap
from regfleet.results import Provenance
from regfleet.settings import Training
from regfleet.settings.values import Variant

TRAINING = Training(epochs=3, batch_size=32, optimizer="adam")
VARIANTS = (Variant("none", "No regularization", (), TRAINING), Variant("l2", "L2", (), TRAINING, "none"))
FACTS = StudyFacts(("houses",), "8 tanh", 99, (0, 1), 3, "60/20/20", "fused", 12, 12, "", "", (), False, Provenance())


def studied(metric):
    """The summary and the trials of six seeds, whose training rows end at an MSE of .1 and .3."""
    draw = np.random.default_rng(4)
    trials, histories = [], []
    for variant, train_mse in (("none", 0.1), ("l2", 0.3)):
        for seed in range(6):
            r2 = 0.4 + 0.2 * (variant == "l2") + 0.01 * draw.normal()
            where = {"dataset": "houses", "variant": variant, "seed": seed}
            trials.append(
                where
                | {"status": "done", "n_train": 300, "n_val": 100, "n_test": 100, "best_epoch": 2, "seconds": 1.0}
                | {"last_train_r2": 1 - train_mse, "last_val_r2": r2, "last_test_r2": r2}
                | {"last_test_rmse": 90_000 * (1 - r2) ** 0.5, "last_train_mse": draw.random()}
            )
            for epoch in (1, 2, 3):
                curves = {
                    f"{rows}{name}": 1 / epoch for rows in ("", "train_", "val_") for name in ("loss", "mse", "mae")
                }
                histories.append(where | {"epoch": epoch} | curves | {"train_mse": train_mse, "accuracy": np.nan})
    frame = pd.DataFrame(trials)
    return summarize(frame, pd.DataFrame(histories), VARIANTS, Question(METRICS[metric])), frame


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("metric", ["r2", "rmse"])
def test_a_regression_is_told_in_its_own_terms(metric):
    """Gap and best epoch in R² and MSE, curves of R² and MAE, as the loss is the MSE, no accuracy, no points."""
    summary, trials = studied(metric)
    page = render(Conclusion(summary=summary, facts=FACTS, failures=(), trials=trials))
    body = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert "training minus validation R²" in body
    assert "Best epoch: lowest validation mean squared error" in body
    assert re.findall(r'for="metric-(\w+)">(\w+)<', body) == [("r2", "R²"), ("mae", "MAE")]
    assert "L2 cuts that gap to" in body
    assert not re.search(r"accuracy|cross-entropy|\bpoints\b", body)
    assert ", points" not in exports.leaderboard_markdown(summary)


def test_the_gap_is_drawn_in_r2_whatever_is_judged():
    """Training R² of .9 and .7 at the ends of the lines: read from the scores, or from the standardised MSE."""
    told = [
        next(iter(gap(studied(metric)[0].datasets[0], studied(metric)[0]))).description for metric in ("r2", "rmse")
    ]
    assert all("No regularization: training 0.900, " in text and "L2: training 0.700, " in text for text in told)
