"""Outcomes as workers return them, and a writer to hand them to."""

import pytest
from support.outcomes import VARIANTS, made_up

from regfleet.results import Store, claim


@pytest.fixture(scope="session")
def outcome():
    """The function that makes an outcome of a variant and a seed."""
    return made_up


@pytest.fixture
def store(tmp_path):
    """The writer of a new results directory."""
    with claim(tmp_path / "out"):
        found = Store(tmp_path / "out", VARIANTS)
        found.place.write("study.toml", b"")
        yield found
