"""The study of twelve seeds that the tests of the analysis share."""

import hypothesis
import numpy as np
import pytest
from support.studies import CORRECT, ROWS, make_histories, make_trials, make_variants

hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine proves nothing about an example
hypothesis.settings.load_profile("patient")


@pytest.fixture
def scores():
    """Accuracy by variant, (12 seeds,), as share of thirty rows."""
    return {name: np.array(counts) / ROWS for name, counts in CORRECT.items()}


@pytest.fixture
def study():
    """Trials, histories and variants of the twelve seeds."""
    return make_trials(CORRECT), make_histories(CORRECT), make_variants(CORRECT)
