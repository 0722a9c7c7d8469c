"""A study whose intervals come from pairs of halves: its trials, what it says they cost, and its numbers by hand."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from scipy import stats
from support.outcomes import pretended

from regfleet import techniques, training
from regfleet.data import SPLITS, cut, load_builtin
from regfleet.errors import InputError
from regfleet.results import load
from regfleet.running.prepare import Given, prepare
from regfleet.running.run import run
from regfleet.running.train import Watch
from regfleet.running.trial import run_chunk
from regfleet.settings import Training, read_study
from regfleet.settings.values import ModelSpec, Variant, half_name, halved
from regfleet.streams import stream_int
from regfleet.trials import Chunk, Trial

FIELDS = {"seeds": 5, "training": {"epochs": 1}, "variant": [{"technique": "l2"}]}


class Notes(Watch):
    """Keeps what the user is told."""

    def __init__(self):
        self.told = []

    def note(self, text):
        """Keep it."""
        self.told.append(text)


def trained(out, work, **fields):
    """Run the study; what came of it, and what the user was told."""
    notes = Notes()
    return run(read_study(FIELDS | fields), out, in_process=True, work=work, watch=notes), notes.told


def test_it_is_asked_for_later_stopped_and_resumed(tmp_path):
    """Trials on all rows stay, each half is trained once, the number is the formula's, and the change is said."""
    out, made = tmp_path / "out", []

    def pretend(chunk, _dataset, **_):
        if len(made) == 120:
            raise KeyboardInterrupt
        made.extend(chunk.trials)
        return tuple(
            pretended(trial, 15 + crc32(f"{trial.dataset} {trial.variant} {trial.seed}".encode()) % 10)
            for trial in chunk.trials
        )

    trained(out, pretend)
    assert len(made) == 10
    told = []
    for _ in range(2):
        done, notes = trained(out, pretend, interval="conservative")
        told += notes
        made.append(None) if len(made) == 120 else None
    assert len({trial.key for trial in made if trial}) == len([trial for trial in made if trial]) == 210
    assert (done.interrupted, done.facts.finished, done.facts.planned) == (False, 210, 210)
    assert "210 trials, 21 times the 10" in told[0]
    assert any(
        "The interval was changed after results were there: auto, then conservative" in n for n in done.facts.notes
    )
    (choice,) = done.results.provenance.later
    assert (choice.setting, choice.was, choice.now) == ("interval", "auto", "conservative")

    trials = load(out).trials.pivot_table("last_test_accuracy", ["dataset", "seed"], "variant")
    d = (trials["l2(0.01)@all"] - trials["none"]).unstack()
    sides = [[d.loc[f"iris half {pair}{side}"].mean() for pair in range(1, 11)] for side in "ab"]
    se = np.sqrt(np.sum((np.array(sides[0]) - sides[1]) ** 2) / 20)
    half = max(1.959964 * se, stats.sem(d.loc["iris"]) * stats.t.isf(0.025, 4))
    (row,) = [row for row in done.summary.datasets[0].variants if row.comparison]
    found = row.comparison.difference
    assert [found.low, found.mean, found.high] == pytest.approx(d.loc["iris"].mean() + half * np.array([-1, 0, 1]))
    assert row.comparison.rule == "halves"
    page = (out / "report.html").read_text()
    assert "Pairs of halves judge" in page
    assert "210 trials, 21 times the 10" in page


def test_a_half_trains_its_own_rows_with_its_own_weights():
    """As a fit of those rows alone, with a seed that the other half of the pair does not have."""
    dataset, model = load_builtin("iris"), ModelSpec((4,), ("relu",))
    variant = Variant("none", "None", (), Training(epochs=2))
    recipe, last = techniques.recipe(model, variant.training, ()), {}
    for half in halved(SPLITS["balanced"])[6:8]:
        trial = Trial("key", half_name("iris", half.half), "none", 0)
        (outcome,) = run_chunk(Chunk("iris", variant, model, half, "fused", (trial,)), dataset)
        sets, seed = cut(dataset, half, 0), stream_int(0, "half", str(half.half))
        fit = training.fit(recipe, sets, seed, "fused", "alone")
        assert np.array_equal(outcome.history["loss"], fit.history["loss"])
        assert (outcome.n_train, outcome.n_val, outcome.n_test) == (45, 15, 15)
        last[trial.dataset] = set(outcome.predictions["last"].rows.tolist())
        assert last[trial.dataset] == set(np.asarray(sets.test_rows).tolist())
    assert list(last) == ["iris half 4a", "iris half 4b"]
    assert not set.intersection(*last.values())


@pytest.mark.parametrize("spoil", ["fixed", "small"])
def test_rows_that_cannot_be_halved_are_refused(spoil):
    """A fixed test set, or too few rows: one line that names the flag, before anything is trained."""
    iris = load_builtin("iris")
    rows = np.arange(0, 150, 1 if spoil == "fixed" else 19)
    held_out = np.arange(150) > 100 if spoil == "fixed" else None
    data = replace(iris, features=iris.features[rows], target=iris.target[rows], held_out=held_out)
    with pytest.raises(InputError, match=r"^--interval conservative: expected .* of iris.*; got") as problem:
        prepare(read_study(FIELDS | {"interval": "conservative"}), given=Given({"iris": data}))
    assert "\n" not in str(problem.value)
