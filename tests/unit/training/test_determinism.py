"""The same seed gives the same bits, whatever ran before, and a diverged fit disturbs no other."""

import keras
import numpy as np
from support import quicker
from support.training import assert_divergence_disturbs_no_other, assert_same_bits_again, noisy

from regfleet import training
from regfleet.settings import Training
from regfleet.techniques.recipe import Recipe
from regfleet.training import engines


def test_a_seed_gives_the_same_bits_again(small, iris):
    """Other seeds before, another trace and other global random states change no bit; another seed does.

    Keras' engine, which traces each fit anew, is among the slow tests.
    """
    assert_same_bits_again(noisy(small), iris, "fused", "again", "traced anew")


def test_a_diverging_fit_stops_and_disturbs_no_other(small, iris):
    """A huge learning rate ends the history at the first epoch whose loss is not finite; the next seed is as before.

    Keras' engine is among the slow tests.
    """
    assert_divergence_disturbs_no_other(small, iris, "fused")


def test_both_engines_see_the_same_divergence(small, iris):
    """The epoch of divergence, the epochs before it and the best epoch are the same in both engines."""
    for rate in (3e4, 1e9):
        wild = Recipe(small.model, Training(epochs=50, batch_size=25, learning_rate=rate))
        wild = wild.penalize(("dense_1",), lambda: keras.regularizers.L2(0.1))
        fused = training.fit(wild, iris, 0, "fused", "wild at any rate")
        reference = training.fit(wild, iris, 0, "keras", "wild at any rate")
        assert fused.diverged_at == reference.diverged_at is not None
        assert fused.best_epoch == reference.best_epoch
        np.testing.assert_allclose(fused.history["loss"], reference.history["loss"], rtol=1e-5)


def test_a_program_is_traced_once_and_forgotten_in_time(small, iris, monkeypatch):
    """A second seed pays no trace; a process keeps the traces of so many latest recipes, two here."""
    monkeypatch.setattr(engines, "_KEPT_PROGRAMS", 2)
    first = training.fit(small, iris, 0, "fused", "traced")
    second = training.fit(small, iris, 1, "fused", "traced")
    assert first.trace_seconds > 0 == second.trace_seconds
    tiny = Recipe(small.model, Training(epochs=1, batch_size=128))
    for number in range(2):
        training.fit(tiny, iris, 0, "fused", f"another {number}")
    assert training.fit(small, iris, 0, "fused", "traced").trace_seconds > 0


def test_a_technique_may_set_a_learning_rate_of_its_own(small, iris):
    """It holds beside the study's, which is another one from fit to fit, as in Keras."""
    for rate in (0.001, 0.002):
        slow = Recipe(small.model, Training(epochs=3, batch_size=25, optimizer="sgd", learning_rate=rate))
        quick = quicker.first(slow, None, ())
        fused, reference = (training.fit(quick, iris, 0, engine, "quick") for engine in ("fused", "keras"))
        np.testing.assert_allclose(fused.history["loss"], reference.history["loss"], rtol=1e-5)
