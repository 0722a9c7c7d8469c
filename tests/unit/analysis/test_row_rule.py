"""The interval of single rows, against a specification computed with loops and a linear program."""

import math

import numpy as np
import pytest
from scipy import stats
from support.rows import DEALT

from regfleet.analysis.row_rule import envelope, row_estimate

DRAWN = """0 1 5 6 7 17 : 011110 : 111110
0 1 12 15 17 19 : 010100 : 111101
1 6 7 15 18 19 : 111110 : 101111
0 2 3 7 16 18 : 010111 : 110111
2 6 9 12 13 17 : 101001 : 101110
0 2 12 13 15 19 : 000110 : 101011
2 10 11 13 16 19 : 101110 : 111111
0 2 4 5 10 12 : 011110 : 011110""".splitlines()
SAME = [" : ".join([line.split(" : ")[0], *[line.split(" : ")[1]] * 2]) for line in DEALT]
COLLAPSED = [*DEALT[:3], "0 5 7 12 : 0110 : 0000", *DEALT[4:]]


def cells(lines):
    """Seeds, rows and differences of the cells of ``lines``: rows : control right : variant right, a line a seed."""
    seeds, rows, values = [], [], []
    for seed, line in enumerate(lines):
        tested, control, variant = line.split(" : ")
        for row, first, second in zip(tested.split(), control, variant, strict=True):
            seeds.append(seed)
            rows.append(int(row))
            values.append(float(second) - float(first))
    return np.array(seeds), np.array(rows), np.array(values)


def six(value):
    """Equal to six digits after the point."""
    return pytest.approx(value, abs=5.1e-7)


@pytest.mark.parametrize(
    ("lines", "n_train", "comparisons", "ends", "parts"),
    [
        (DEALT, 12, 3, (0.075, -0.360211, 0.532076), (0.388816, 0.275000, 0.027486)),
        (DEALT[:5], 12, 1, (0.05, -0.330054, 0.429528), (0.365789, None, 0.032881)),
        (DRAWN, 10, 3, (0.208333, -0.167319, 0.674295), (0.305190, 0.179444, 0.020478)),
        (SAME, 12, 3, (0.0, -0.204717, 0.204717), (0.0, None, 0.0)),
        (COLLAPSED, 12, 3, (0.0, -0.400492, 0.423590), (0.368421, 0.300000, 0.023275)),
    ],
    ids=["dealt", "five seeds", "drawn", "the same predictions", "a run that failed to train"],
)
def test_the_interval_is_that_of_the_specification(lines, n_train, comparisons, ends, parts):
    """Mean, low, high and T, W, V1 agree to six digits, whatever the order and the numbers of seeds and rows."""
    seeds, rows, values = cells(lines)
    of = row_estimate(seeds, rows, values, 20, n_train, counts=True)
    found = of.interval(0.05, comparisons)
    assert (found.mean, found.low, found.high) == tuple(map(six, ends))
    total, within, common = parts
    assert (of.total, of.common, of.scatter) == (six(total), six(common), 0)
    assert of.within is None if within is None else of.within * of.total == six(within)
    half = min(of.mean - found.low, found.high - of.mean)  # the end that skewness leaves where it is
    assert of.expected(of.seeds, len(values) // of.seeds, 0.05, comparisons) == pytest.approx(half, rel=0.02)
    shuffled = np.random.default_rng(0).permutation(len(seeds))
    again = row_estimate(7 - seeds[shuffled], 100 * rows[shuffled], values[shuffled], 20, n_train, counts=True)
    assert (again.interval(0.05).low, again.interval(0.05).high) == (
        pytest.approx(of.interval(0.05).low),
        pytest.approx(of.interval(0.05).high),
    )


@pytest.mark.parametrize(
    ("overlap", "tests", "evenness", "within", "value"),
    [
        (0.6, 2, 1, None, 1.4),
        (0.6, 2, 1, 0.0, 1.0),
        (0.6, 2, 1, 0.23, 1.23),
        (0.6, 2, 1, 0.44, 1.4),
        (0.6, 2, 1, 0.9, 0.9944),
        (0.6, 2, 1, 1.0, 0.5),
        (0.6, 1, 1, None, 1.72),
        (0.6, 6, 1, 0.5, 1.233333),
        (0.6, 20, 1, 0.23, 1.1265),
        (0.75, 2.5, 1, 0.3, 1.67),
        (0.6, 2, 1.4, 0.23, 1.538),
    ],
)
def test_the_envelope_is_that_of_the_specification(overlap, tests, evenness, within, value):
    """The worst variance that agrees with the scatter seen, to six digits."""
    assert envelope(within, overlap, tests, evenness) == six(value)


def study(rows=100, seeds=10, lead=0.1):
    """Differences of rows in folds of five: an effect of the row and chance, with a mean of ``lead``."""
    draw = np.random.default_rng(1)
    row = np.concatenate([draw.permutation(rows) for _ in range(seeds // 5)])
    values = lead + (draw.normal(size=rows)[row] + draw.normal(size=len(row))) / 2
    return np.repeat(np.arange(seeds), rows // 5), row, values


@pytest.mark.parametrize("counts", [True, False])
def test_p_is_where_the_interval_lets_go_of_zero(counts):
    """Just above p the interval excludes zero, just below it does not, one of three comparisons, whatever the sign."""
    seeds, rows, values = study(lead=0.4)
    values = np.sign(values) if counts else values
    of = row_estimate(seeds, rows, values, 100, 60, counts=counts)
    p = of.p_value(3)
    assert 0 < p < 0.2
    assert of.interval(p * 1.0001, 3).low > 0 >= of.interval(p * 0.9999, 3).low
    assert row_estimate(seeds, rows, -values, 100, 60, counts=counts).p_value(3) == pytest.approx(p)


def test_scores_scale_with_their_unit():
    """In units of a millionth, a million and 10^200 the interval is the same one, and p too."""
    seeds, rows, values = study()
    of = row_estimate(seeds, rows, values, 100, 60, counts=False)
    for unit in (1e-6, 1e6, 1e200):
        with np.errstate(over="ignore"):
            scaled = row_estimate(seeds, rows, values * unit, 100, 60, counts=False)
        low, high = scaled.interval(0.05).low / unit, scaled.interval(0.05).high / unit
        if unit < 1e200:
            assert (low, high) == (pytest.approx(of.interval(0.05).low), pytest.approx(of.interval(0.05).high))
            assert scaled.p_value() == pytest.approx(of.p_value())
        else:
            assert (low, high) == (-math.inf, math.inf)  # its square is no number: nothing is claimed


def test_a_run_that_collapsed_widens_the_interval_by_the_scatter_of_seeds():
    """Of ten seeds one that lost every row: the variance of means beyond chance enters with nine degrees of freedom."""
    seeds = np.repeat(np.arange(10), 20)
    rows = np.concatenate([np.random.default_rng(r).permutation(100) for r in range(2)])
    values = np.where(seeds == 3, -1.0, 0.0)
    of = row_estimate(seeds, rows, values, 100, 60, counts=True)
    means = np.array([values[seeds == s].mean() for s in range(10)])
    deviations = np.zeros((10, 100))
    for s in range(10):
        deviations[s, rows[seeds == s]] = 1 / 20
    spread = np.sum((deviations - 2 / 200) ** 2) / 9
    within = of.within * of.total
    assert of.scatter == pytest.approx(np.var(means, ddof=1) - (of.total - within) * spread - within / 20)
    assert of.interval(0.05).low < -0.25


def test_networks_that_differ_as_a_whole_are_seeds_not_rows():
    """The interval is never narrower than SciPy's t of one mean per seed, here where seeds alone differ."""
    seeds, rows, _ = study()
    means = np.random.default_rng(4).normal(size=10)
    of = row_estimate(seeds, rows, means[seeds] + 0.01 * study()[2], 100, 60, counts=False)
    d = np.array([(means[seeds] + 0.01 * study()[2])[seeds == seed].mean() for seed in range(10)])
    plain = stats.ttest_1samp(d, 0).confidence_interval(1 - 0.05 / 8)
    found = of.interval(0.05, 8)
    assert found.low <= plain.low + 1e-12
    assert found.high >= plain.high - 1e-12
    shared = row_estimate(seeds, rows, -np.abs(means)[seeds], 100, 60, counts=True)
    assert shared.interval(0.05).high - shared.mean >= stats.t.isf(0.025, 9) * np.abs(means).std(ddof=1) / np.sqrt(10)


def test_no_row_on_which_two_differ_proves_little_however_many_seeds():
    """On 150 rows up to 3.4 % of fresh ones may differ, one of eight comparisons: ln(8/.05)/150."""
    rows = np.tile(np.arange(150), 200)
    of = row_estimate(np.repeat(np.arange(1000), 30), rows, np.zeros(30000), 150, 90, counts=True)
    found = of.interval(0.05, 8)
    assert (found.low, found.high) == pytest.approx((-math.log(160) / 150, math.log(160) / 150))
    assert of.limit(0.05, 8) == of.expected(5, 30, 0.05, 8) == found.high
    assert row_estimate(np.repeat(np.arange(1000), 30), rows, np.zeros(30000), 150, 90, counts=False).limit(0.05) == 0


def test_what_is_expected_narrows_with_seeds_towards_the_limit():
    """More seeds of the same deal are expected to be narrower, dealt rows but never past the limit."""
    seeds, rows, values = study(rows=600)
    of = row_estimate(seeds, rows, values, 600, 360, counts=False)
    at = [of.expected(n, 120, 0.05) for n in (10, 20, 40, 160, 10**6)]
    assert at[0] == pytest.approx(of.interval(0.05).high - of.mean, rel=0.05)
    assert at == sorted(at, reverse=True)
    assert at[-1] == pytest.approx(of.limit(0.05), rel=1e-3)
    assert at[-1] < 0.95 * at[0]


@pytest.mark.parametrize("seeds", [0, 1])
def test_without_two_seeds_there_is_no_interval(seeds):
    """No seed, or one: the mean where there is one, NaN for everything that would need more, no warning."""
    where = np.zeros(3 * seeds, int)
    of = row_estimate(where, np.arange(3 * seeds), np.ones(3 * seeds), 10, 6, counts=True)
    assert np.isnan(
        [of.interval(0.05).low, of.interval(0.05).high, of.p_value(), of.limit(0.05), of.expected(10, 2, 0.05)]
    ).all()
    assert of.mean == 1 if seeds else math.isnan(of.mean)


def test_what_is_no_number_is_refused():
    """NaN and infinity are never averaged away; nor are more rows tested than there are."""
    where = np.array([0, 1])
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            row_estimate(where, where, np.array([0.0, bad]), 10, 6, counts=False)
    with pytest.raises(ValueError, match="2 rows were tested, of 1"):
        row_estimate(where, where, np.zeros(2), 1, 1, counts=False)
