"""Main effects and interactions: against least squares, Student's t, and the rule of single rows."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.rows import predictions, trials_of
from support.studies import asked, make_trials

from regfleet.analysis import summarize
from regfleet.analysis.design import Design, Factorial
from regfleet.analysis.row_rule import row_estimate
from regfleet.settings import Training
from regfleet.settings.values import Variant

NAMES = ("L2", "Dropout", "Mix-up", "SWA", "SAM", "Noise")


def study(factors):
    """The variants of a factorial of so many techniques, and the factorial."""
    design = Design(factors)
    called = {run: "+".join(name for name, on in zip(NAMES, run, strict=False) if on) or "none" for run in design.runs}
    singles = NAMES[:factors]
    names = dict.fromkeys([*called.values(), *singles])
    variants = [Variant(name, name, (), Training(), None if name == "none" else "none") for name in names]
    return variants, Factorial(design, singles, tuple(called[run] for run in design.runs), singles)


def scored(factorial, per_seed):
    """Correct rows of 1,000 by variant: ``per_seed`` (seeds, 1 + factors + pairs) are effects in coded units."""
    correct = {}
    levels = dict(zip(factorial.variants, factorial.design.runs, strict=True))
    single = np.eye(factorial.design.factors, dtype=bool)
    levels |= {name: tuple(single[place]) for place, name in enumerate(factorial.singles)}
    for number, (name, run) in enumerate(levels.items()):
        signs = 2 * np.array(run, float) - 1
        pairs = [signs[a] * signs[b] for ((a, b), *_) in factorial.design.pairs]
        means = per_seed @ np.array([1, *signs, *pairs])
        noise = np.random.default_rng(number).integers(-3, 4, len(means))
        correct[name] = (means + noise).round().tolist()
    return correct


def found(correct, variants, factorial, **settings):
    """The analysis of so many correct rows of 1,000."""
    trials = make_trials(correct, n_train=3000, n_test=1000)
    return summarize(trials, None, variants, asked(**settings), combining=factorial).datasets[0]


@pytest.mark.parametrize("factors", [3, 6])
def test_effects_are_those_of_least_squares_with_corrected_intervals(factors):
    """Coded least squares gives those of a seed; their mean has the t of Nadeau and Bengio, for all at once."""
    variants, factorial = study(factors)
    design = factorial.design
    many = 1 + factors + len(design.pairs)
    per_seed = np.random.default_rng(0).normal([800, 10, *[0] * (many - 2)], 3, (12, many))
    per_seed[:, 1 + factors] -= 12  # the first pair
    correct = scored(factorial, per_seed)
    data = found(correct, variants, factorial)
    y = np.array([correct[name] for name in factorial.variants]) / 1000
    signs = 2 * np.array(design.runs, float) - 1
    pairs = [signs[:, a] * signs[:, b] for ((a, b), *_) in design.pairs]
    coefficients = np.linalg.lstsq(np.column_stack([np.ones(len(signs)), signs, *pairs]), y, rcond=None)[0][1:]
    effects = data.combined.effects
    assert len(effects) == len(coefficients)
    for place, (one, of_seeds) in enumerate(zip(effects, coefficients, strict=True)):
        d = of_seeds * (2 if place < factors else 4)
        half = stats.t.ppf(1 - 0.05 / 2 / len(effects), 11) * d.std(ddof=1) * np.sqrt(1 / 12 + 1 / 3)
        assert one.is_main == (place < factors)
        assert [one.difference.mean, one.difference.low, one.difference.high] == pytest.approx(
            [d.mean(), d.mean() - half, d.mean() + half], abs=1e-12
        )
        assert (one.p < 0.05) == (one.difference.low > 0 or one.difference.high < 0)
    assert [one.verdict for one in effects[:1]] == ["better"]
    interaction = effects[factors]
    assert (interaction.verdict, interaction.label) == ("worse", "L2 × Dropout")
    neither, first, second, both = interaction.means
    assert both - first - second + neither == pytest.approx(interaction.difference.mean)
    assert any("L2 and Dropout: less together than apart, by about" in text for text in data.headline)


def test_of_a_fraction_aliased_pairs_are_one_effect():
    """What a defining word of four letters makes one is named as one sum."""
    _, factorial = study(6)
    seven = Design(7)
    assert all(len(pairs) == 1 for pairs in factorial.design.pairs)
    sums = [pairs for pairs in seven.pairs if len(pairs) > 1]
    assert [{*map(frozenset, pairs)} for pairs in sums] == [
        {frozenset(pair) for pair in pairs}
        for pairs in ([(2, 4), (5, 6)], [(2, 5), (4, 6)], [(2, 6), (4, 5)])  # the word CEFG
    ]


def test_single_rows_judge_effects_where_their_predictions_are_there():
    """The second factor does nothing: the effect of the first is then the difference of two variants."""
    variants, factorial = study(2)
    draw = np.random.default_rng(3)
    rows = np.concatenate([np.split(draw.permutation(50), 5) for _ in range(2)])
    off, on = (draw.random((10, 10)) < share for share in (0.6, 0.9))
    right = {"none": off, "L2": on, "Dropout": off, "L2+Dropout": on}
    kept = {name: predictions(one.astype(int), rows) for name, one in right.items()}
    trials = trials_of({name: one.astype(int) for name, one in right.items()}, rows=50, n_train=30)
    data = summarize(
        trials, None, variants, asked(), combining=factorial, predictions=lambda _: iter(sorted(kept.items()))
    ).datasets[0]
    first, second, both = data.combined.effects
    e = (on.astype(float) - off).ravel()
    by_hand = row_estimate(np.repeat(np.arange(10), 10), rows.ravel(), e, 50, 30, counts=True).interval(0.05, 3)
    assert data.combined.rule == "rows"
    assert [first.difference.low, first.difference.high] == pytest.approx([by_hand.low, by_hand.high])
    assert second.difference.mean == both.difference.mean == 0
    # Rows on which an interaction was never seen may show one of 2 at the rate that ln(C/α)/n allows.
    assert both.difference.high == pytest.approx(2 * np.log(3 / 0.05) / 50)
    assert second.difference.high == pytest.approx(np.log(3 / 0.05) / 50)


def test_lost_runs_withdraw_what_they_would_turn_and_few_seeds_show_nothing():
    """A verdict that lost runs, as models that learned nothing, would turn is withdrawn; four seeds are too few."""
    variants, factorial = study(2)
    correct = {"none": [800] * 9, "L2": [860] * 9, "Dropout": [800] * 9, "L2+Dropout": [860] * 9}
    correct = {
        name: [one + seed % 3 + len(name) * seed % 2 for seed, one in enumerate(all_)] for name, all_ in correct.items()
    }
    trials = make_trials(correct, n_train=3000, n_test=1000)
    whole = summarize(trials, None, variants, asked(), combining=factorial).datasets[0]
    assert [one.verdict for one in whole.combined.effects] == ["better", "equivalent", "equivalent"]
    lost = trials.copy()
    gone = (lost["variant"] == "L2+Dropout") & (lost["seed"] < 4)
    lost.loc[gone, "status"] = "failed"
    lost.loc[gone, ["last_test_correct", "last_test_accuracy"]] = np.nan
    shares = {"iris": (0.5, 0.5)}
    data = summarize(lost, None, variants, asked(), shares, combining=factorial).datasets[0].combined
    assert (len(data.seeds), data.dropped) == (5, 4)
    assert {(one.verdict, one.note) for one in data.effects} == {("undecided", "withdrawn because of failed runs")}
    few = summarize(trials[trials["seed"] < 4], None, variants, asked(), combining=factorial).datasets[0]
    assert {one.verdict for one in few.combined.effects} == {"undecided"}
    assert "Four seeds that every combination finished cannot show effects: five are the least." in few.headline
    none = summarize(trials.assign(status="failed"), None, variants, asked(), combining=factorial).datasets[0]
    assert none.combined.seeds == ()
    assert not none.combined.best


def test_the_lead_of_the_best_combination_holds_for_all_combinations_and_singles():
    """It is one of four combinations, and has to be ahead of each of the three single techniques."""
    variants, factorial = study(3)
    base = dict.fromkeys(factorial.variants, 800) | {"L2": 830, "Dropout": 828, "L2+Dropout": 850}
    correct = {name: [one + (7 * seed * len(name)) % 5 for seed in range(10)] for name, one in base.items()}
    data = found(correct, variants, factorial)
    mine = data.combined
    d = (np.array(correct["L2+Dropout"]) - correct["L2"]) / 1000
    half = (
        stats.t.ppf(1 - 0.05 / 2 / 4, 9) * d.std(ddof=1) * np.sqrt(1 / 10 + 1 / 3)
    )  # four combinations of two or three
    assert (mine.best, mine.single, mine.clear) == ("L2+Dropout", "L2", True)
    assert [mine.lead.low, mine.lead.high] == pytest.approx([d.mean() - half, d.mean() + half])
    assert "clearly ahead of every single technique" in data.headline[-1]
    # Behind another single technique on some seeds, it is not clearly ahead of all of them.
    correct["Dropout"] = [one + (40 if seed % 2 else -41) for seed, one in enumerate(correct["Dropout"])]
    data = found(correct, variants, factorial)
    assert data.combined.lead.low > 0
    assert not data.combined.clear
    assert "may be luck" in data.headline[-1]


def test_errors_are_oriented_so_that_better_is_above_zero():
    """An error that grows is a technique that hurts."""
    variants, factorial = study(2)
    trials = make_trials({name: [800 + seed for seed in range(6)] for name in factorial.variants}, n_test=1000)
    worse = trials["variant"].str.contains("L2")
    trials["last_test_mse"] = 0.2 + 0.1 * worse + 0.001 * ((trials["seed"] * 7 + trials["variant"].str.len()) % 5)
    data = summarize(trials, None, variants, asked("mse", rope=0.01), combining=factorial).datasets[0]
    first = data.combined.effects[0]
    assert (first.verdict, round(first.difference.mean, 2)) == ("worse", -0.1)
    assert first.means == pytest.approx((0.2, 0.3), abs=0.005)
    assert first.sentence.startswith("L2 raises mean squared error on new data by about 0.0997")


def test_nothing_is_said_of_effects_where_nothing_was_combined():
    """Variants alone have no effects."""
    variants, factorial = study(2)
    correct = {name: [800 + seed for seed in range(6)] for name in factorial.variants}
    data = found(correct, variants, None)
    assert data.combined is None
    assert "combination" not in " ".join(data.headline)


def test_over_data_sets_an_effect_of_each_is_one_observation():
    """Student's t of one effect per data set, for all effects at once; nothing below five data sets."""
    variants, factorial = study(2)
    draw, frames = np.random.default_rng(5), []
    for number in range(6):
        gain = 40 + 3 * number
        base = {"none": 800, "L2": 800 + gain, "Dropout": 800 + gain, "L2+Dropout": 800 + gain}
        correct = {name: (one + draw.integers(-2, 3, 6)).tolist() for name, one in base.items()}
        frames.append(make_trials(correct, n_train=3000, n_test=1000, dataset=f"d{number}"))
    found = summarize(pd.concat(frames), None, variants, asked(), combining=factorial)
    assert [one.verdict for one in found.across.effects] == ["better", "better", "worse"]
    for place, one in enumerate(found.across.effects):
        means = [data.combined.effects[place].difference.mean for data in found.datasets]
        half = stats.t.ppf(1 - 0.05 / 6, 5) * np.std(means, ddof=1) / np.sqrt(6)
        assert [one.difference.low, one.difference.high] == pytest.approx(
            [np.mean(means) - half, np.mean(means) + half]
        )
    assert "L2 and Dropout: less together than apart, by about" in found.across.headline[-1]
    few = summarize(pd.concat(frames[:4]), None, variants, asked(), combining=factorial)
    assert few.across is None
