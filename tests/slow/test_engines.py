"""What both engines do alike, in the cases that tests/unit/training leaves out."""

import pytest
from support.compiled import SLOW, check_compiled, check_not_compiled
from support.training import (
    assert_divergence_disturbs_no_other,
    assert_rows_train_alike,
    assert_same_bits_again,
    iris,
    noisy,
    small,
    worker_runtime,
)

__all__ = ["iris", "small", "worker_runtime"]


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 1), (2, 1), (8, 100)])
def test_any_number_of_rows(small, iris, rows, batch_size):
    """One row, batches of one row and fewer rows than a batch: as in Keras."""
    assert_rows_train_alike(small, iris, rows, batch_size)


def test_a_seed_gives_the_same_bits_again_in_keras(small, iris):
    """Other seeds before and other global random states change no bit; another seed does."""
    assert_same_bits_again(noisy(small), iris, "keras", "again")


def test_a_diverging_fit_stops_and_disturbs_no_other_in_keras(small, iris):
    """Its history ends at the first epoch whose loss is not finite; the next seed is as before."""
    assert_divergence_disturbs_no_other(small, iris, "keras")


@pytest.mark.parametrize("case", sorted(SLOW))
def test_a_compiled_model_trains_as_it_does_in_keras(case):
    """Its optimizer and its loss give the losses and outputs of `model.fit`."""
    check_compiled(case)


@pytest.mark.parametrize(("name", "units", "activation"), [("iris", 3, None), ("two", 1, "sigmoid")])
def test_outputs_without_a_loss_get_the_one_that_fits(name, units, activation):
    """Logits and a sigmoid, not compiled, train as Keras' cross-entropy for them does."""
    check_not_compiled(name, units, activation)
