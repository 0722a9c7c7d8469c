"""Inputs have one width for every seed, and what is computed is what it was without the columns of zeros."""

import numpy as np
import pandas as pd
import pytest
from support.planning import planned

from regfleet import techniques, training
from regfleet.data import cut, from_arrays, padded, parse_split
from regfleet.running.trial import run_chunk
from regfleet.settings import Training, read_study
from regfleet.settings.values import ModelSpec
from regfleet.techniques import parse_techniques

SPLIT = parse_split("balanced")
MODEL = ModelSpec((6, 4), ("relu", "relu"))


@pytest.fixture(scope="module")
def rare():
    """170 rows: rare categories, one of more values than get a column each, a number that is hardly ever missing."""
    draw = np.random.default_rng(0)
    rows = np.arange(170)
    size = draw.normal(size=170)
    size[[7, 8]] = np.nan
    frame = pd.DataFrame(
        {
            "few": pd.Categorical(np.where(rows < 3, "rare", draw.choice(["a", "b"], 170))),
            "one": pd.Categorical(np.where(rows == 50, "x", "y")),
            "many": pd.Categorical((rows % 120).astype(str)),
            "size": size,
        }
    )
    return from_arrays("rare", frame, draw.integers(0, 2, 170))


def test_every_seed_is_as_wide_as_the_widest(rare):
    """The width is that of all rows' columns, whatever seed; what a seed has stays in front, and zeros follow."""
    seeds = [cut(rare, SPLIT, seed) for seed in range(10)]
    widths = {sets.train.x.shape[1] for sets in seeds}
    assert len(widths) > 1
    wide = [padded(sets) for sets in seeds]
    # a, b and rare; x and y; a hundred of 120; a number, and whether it is missing.
    assert {sets.train.x.shape[1] for sets in wide} == {3 + 2 + 100 + 2}
    for sets, same in zip(seeds, wide, strict=True):
        for name in ("train", "validation", "test"):
            x, own = getattr(same, name).x, getattr(sets, name).x
            assert np.array_equal(x[:, : own.shape[1]], own)
            assert not x[:, own.shape[1] :].any()
        assert same.padding == x.shape[1] - own.shape[1]
    plain = from_arrays("plain", np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2)
    assert padded(cut(plain, SPLIT, 0)).padding == 0


def test_padding_changes_nothing_that_is_computed(rare):
    """History and predictions are those of the narrower network, up to the rounding of sums."""
    text = "l2(0.01)+maxnorm+batchnorm@input+dropout(0.3)+sam"
    sets = next(sets for sets in (cut(rare, SPLIT, seed) for seed in range(10)) if sets.spare)
    combination = parse_techniques(text, MODEL).combinations[0]
    recipe = techniques.recipe(MODEL, Training(epochs=3, batch_size=16, optimizer="adam"), combination)
    narrow, wide = (training.fit(recipe, rows, 3, "fused", f"{text} {rows.padding}") for rows in (sets, padded(sets)))
    for name, values in narrow.history.items():
        np.testing.assert_allclose(wide.history[name], values, rtol=1e-3, atol=1e-4)
    for name, values in narrow.predictions["last"].items():
        np.testing.assert_allclose(wide.predictions["last"][name], values, rtol=1e-3, atol=1e-4)


def test_one_trace_serves_every_seed_where_nothing_else_changes(rare):
    """Five seeds of a study have one width; techniques that draw a number for each input keep that of their seed."""
    fields = {"data": "rare", "seeds": 5, "model": {"hidden": [4]}, "training": {"epochs": 1, "batch_size": 64}}
    study = read_study(fields | {"variant": [{"technique": "l2"}]})
    group = planned(study, {"rare": rare}).groups[1]
    assert sum(one.trace_seconds > 0 for one in run_chunk(group, rare)) == 1
    takes = {text: techniques.take_padding(parse_techniques(text, MODEL).combinations[0]) for text in TEXTS}
    assert takes == TEXTS


TEXTS = {"none": True, "mixup+swa": True, "batchnorm@input": True, "dropout@input": False, "cutmix": False}
TEXTS |= {"dropconnect": False, "l2+weightnoise": False}
