"""Learning curves over seeds."""

import numpy as np
import pandas as pd
import pytest
from support.studies import CORRECT, asked, make_histories, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.curves import curve
from regfleet.trials import HISTORY_COLUMNS


def test_the_curve_is_the_mean_and_the_middle_ninety_percent():
    """Twenty-one seeds at values 0 to 20: mean 10, band from 1 to 19."""
    found = curve(np.tile(np.arange(21.0)[:, None], (1, 4)))
    assert found.epochs == (1, 2, 3, 4)
    assert found.mean == (10.0,) * 4
    assert found.low == pytest.approx((1.0,) * 4)
    assert found.high == pytest.approx((19.0,) * 4)


def test_early_stopped_seeds_leave_the_average_and_the_curve_ends_with_half_of_them():
    """Four seeds of 1, 2, 2 and 4 epochs: the curve has two epochs, the second without the first seed."""
    values = np.array([[8, np.nan, np.nan, np.nan], [2, 4, np.nan, np.nan], [2, 6, np.nan, np.nan], [4, 8, 9, 9.0]])
    found = curve(values)
    assert found.epochs == (1, 2)
    assert found.mean == (4.0, 6.0)
    assert found.high[1] == pytest.approx(np.quantile([4, 6, 8], 0.95))


def test_a_curve_of_nothing_is_empty():
    """No seeds, no epochs."""
    assert curve(np.empty((0, 0))).epochs == ()


def test_only_finished_seeds_are_drawn(study):
    """The history of a diverged seed, which ends in infinity, is not in the mean."""
    trials, histories, variants = study
    trials.loc[(trials["variant"] == "l2") & (trials["seed"] == 11), "status"] = "diverged"
    wild = (histories["variant"] == "l2") & (histories["seed"] == 11)
    histories.loc[wild, list(HISTORY_COLUMNS)] = np.float32(np.inf)
    rows = {row.name: row for row in summarize(trials, histories, variants, asked()).datasets[0].variants}
    assert set(rows["l2"].curves) == set(HISTORY_COLUMNS)
    assert rows["l2"].curves["val_loss"].mean == (6.0, 7.0, 8.0)  # seeds 0 to 10, each seed + epoch
    assert rows["baseline"].curves["val_loss"].mean == (6.5, 7.5, 8.5)


def test_histories_may_come_in_any_order():
    """Rows are placed by seed and epoch."""
    trials, variants, histories = make_trials(CORRECT), make_variants(CORRECT), make_histories(CORRECT)
    histories["loss"] = (histories["seed"] * 100 + histories["epoch"]).astype(np.float32)
    there = summarize(trials, histories, variants, asked())
    back = summarize(trials, histories.iloc[::-1], variants, asked())
    assert repr(there) == repr(back)


def test_a_study_without_histories_has_no_curves():
    """Foreign scores have no epochs."""
    summary = summarize(make_trials(CORRECT), pd.DataFrame(), make_variants(CORRECT), asked())
    assert all(row.curves == {} for row in summary.datasets[0].variants)
