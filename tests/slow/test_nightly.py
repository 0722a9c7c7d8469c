"""A year of nightly checks raises hardly any false alarm, and sees a large drop: benchmarks/nightly.py, in small."""

import importlib.util
import math
import sys

import pytest
from support import ROOT

from regfleet.analysis.row_rule import RowEstimate

spec = importlib.util.spec_from_file_location("nightly", ROOT / "benchmarks" / "nightly.py")
nightly = importlib.util.module_from_spec(spec)
sys.modules["nightly"] = nightly
spec.loader.exec_module(nightly)
STUDIES = 20


@pytest.fixture(autouse=True)
def _without_p_values(monkeypatch):
    """They take most of the time, and no check asks for them."""
    monkeypatch.setattr(RowEstimate, "p_value", lambda *_: math.nan)


@pytest.mark.parametrize("case", nightly.NULLS, ids=lambda case: case.name)
def test_a_year_of_nights_at_which_nothing_changed(case):
    """Where one year in twenty has an alarm, twenty years have more than four with one once in 390 times."""
    assert nightly.alarms(case, STUDIES, 1) * STUDIES <= 4


@pytest.mark.parametrize("case", nightly.LEADS[1:], ids=lambda case: case.name)
def test_a_large_drop_is_seen(case):
    """With 600 rows nearly all drops by some 29 points are seen, by a check that 364 others share alpha with."""
    lead, share = nightly.seen(case, 2.0, nightly.LOOKS, STUDIES, 1)
    assert 0.25 < lead < 0.32
    assert share > 0.8
