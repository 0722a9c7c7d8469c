"""Which reference rows a data set has, and what their trials are called."""

from dataclasses import replace

import numpy as np
import pytest

from regfleet.data import from_arrays, load_builtin, parse_split
from regfleet.planning.plan import make_plan, planned_keys, trial_counts
from regfleet.planning.references import references_for
from regfleet.planning.resolved import data_facts, resolve
from regfleet.settings import read_study

SPLIT = parse_split("balanced")
FIELDS = {"seeds": 2, "model": {"hidden": [8]}, "variant": [{"technique": "l2"}], "references": "auto"}


def arrays(*shape, classes=2):
    """Random rows of this shape."""
    return from_arrays("some", (np.random.default_rng(0).normal(size=shape), np.arange(shape[0]) % classes))


@pytest.mark.parametrize(
    ("dataset", "kinds", "said"),
    [
        (arrays(40, 5), ("constant", "linear", "trees"), ""),
        (arrays(40, 28, 28, 1), ("constant", "linear", "trees"), ""),
        (arrays(40, 28, 28, 1, classes=10), ("constant", "linear"), "no boosted trees"),
        (arrays(40, 65, 64, 1), ("constant",), "4,160 numbers"),
        (replace(arrays(40, 1), text_shape=()), ("constant",), "takes texts"),
    ],
)
def test_large_rows_have_fewer_references_and_it_is_said(dataset, kinds, said):
    """Tables and small images have all; what takes long, or cannot be flattened, is left out by a rule."""
    found, note = references_for(dataset, SPLIT, 0)
    assert found == kinds
    assert said in note
    assert bool(note) == bool(said)


def planned(**fields):
    """The study on Iris with its references, and its plan."""
    iris = load_builtin("iris")
    facts = data_facts(iris, SPLIT, (), references_for(iris, SPLIT, 0))
    resolved = resolve(read_study(FIELDS | fields), {"iris": facts})
    return resolved, make_plan(resolved, {"iris": iris})


def keys(plan, *, references):
    """The keys of the trials of references, or of the others."""
    return {one.key for group in plan.groups for one in group.trials if bool(group.variant.reference) is references}


def test_references_change_no_key_and_depend_on_no_training_but_class_weights():
    """The trials of networks are those of a study without references; another network keeps those of references."""
    resolved, plan = planned()
    _, alone = planned(references="no")
    _, other = planned(model={"hidden": [4]}, training={"epochs": 7})
    _, weighted = planned(training={"class_weight": "balanced"})
    assert keys(plan, references=False) == {trial.key for trial in alone.trials}
    assert keys(plan, references=True) == keys(other, references=True)
    assert len(keys(plan, references=True)) == 6
    assert not keys(plan, references=True) & keys(weighted, references=True)
    assert planned_keys(resolved) == {trial.key for trial in plan.trials}
    assert sum(trial_counts(resolved).values()) == len(plan.trials) == 10
    assert read_study(FIELDS).differences(read_study(FIELDS | {"references": "no"})) == []
