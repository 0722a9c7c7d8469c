"""Bootstrap intervals over seeds, beside scipy's."""

import numpy as np
import pytest
from scipy import stats

from regfleet.analysis.effects import a12, d_z, effects, iqm, iqm_interval, mean_interval, superiority_interval


@pytest.mark.parametrize("count", [2, 3, 8, 25])
def test_the_iqm_interval_is_that_of_resamples_drawn_and_trimmed_one_by_one(count):
    """Counting draws of sorted values gives exactly the quantiles of scipy's trimmed means of the resamples."""
    values = np.random.default_rng(1).normal(0.9, 0.03, count)
    ours = iqm_interval(values, np.random.default_rng(2))
    resamples = np.sort(values)[np.random.default_rng(2).integers(0, count, size=(2000, count))]
    oracle = np.quantile(stats.trim_mean(resamples, 0.25, axis=1), [0.025, 0.975])
    assert ours.mean == iqm(values)
    assert (ours.low, ours.high) == pytest.approx(tuple(oracle))


def test_the_superiority_interval_is_scipys_percentile_bootstrap():
    """Drawing wins, ties and losses at once has the quantiles of drawing pairs."""
    d = np.array([1, 1, 1, 0, 0, -1, 2, 1, -1, 0, 1, 3.0])
    ours = superiority_interval(d, np.random.default_rng(2))
    oracle = stats.bootstrap(
        ((d > 0) + 0.5 * (d == 0),), np.mean, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((oracle.low, oracle.high), abs=1 / 24 + 1e-9)


def test_intervals_without_scatter_are_points():
    """Equal values have an interval of no width, and one value has none."""
    rng = np.random.default_rng(0)
    same = np.full(8, 0.9)
    for found in (mean_interval(same, rng), iqm_interval(same, rng)):
        assert (found.low, found.high) == pytest.approx((0.9, 0.9))
    for found in (mean_interval(same[:1], rng), iqm_interval(same[:1], rng), superiority_interval(same[:1], rng)):
        assert np.isnan([found.low, found.high]).all()


def test_effects_without_scatter_or_without_seeds_are_undefined_not_infinite():
    """A constant shift has no d_z, and no seeds have no effect at all."""
    rng = np.random.default_rng(0)
    shift = effects(np.full(5, 0.9), np.full(5, 0.8), np.full(5, 0.1), rng)
    assert np.isnan([shift.d_z, shift.g_z]).all()
    assert (shift.superiority.mean, shift.a12, shift.cliff_delta) == (1.0, 1.0, 1.0)
    assert shift.seeds_needed == 8  # of Noether's formula at a chance of 1
    none = effects(np.empty(0), np.empty(0), np.empty(0), rng)
    assert np.isnan([none.superiority.mean, none.d_z, none.a12]).all()
    assert none.seeds_needed is None


def test_a12_ignores_the_pairing_and_d_z_does_not():
    """Shuffling one side leaves A12 alone."""
    variant, control = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.88, 0.79, 0.66, 0.61])
    assert a12(variant, control) == a12(variant[::-1], control)
    assert d_z(variant - control) != d_z(variant[::-1] - control)
