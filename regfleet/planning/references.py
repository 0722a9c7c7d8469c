"""Which reference rows a data set has: learners that are no networks, trained on the same rows of the same splits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, get_args

from regfleet.data import cut, row_counts
from regfleet.settings import Training
from regfleet.settings.values import Reference, SplitSpec, Task, Variant

if TYPE_CHECKING:
    from regfleet.data.dataset import Dataset, Sets
    from regfleet.settings import Study

ENGINE = "scikit-learn"
MOST_INPUTS = 4096
"""Numbers in a row of an image or an array up to which it is flattened: 64 × 64 pixels of one channel."""
LINEAR_CELLS = 300_000_000
"""Training rows × inputs × outputs of a linear model: a step of its fit takes a tenth of a second there."""
TREE_COST = 1_500
"""Inputs × outputs × (1 + training rows / 10,000) of boosted trees: each takes a hundredth of a second on one core."""
TITLES: dict[Reference, str] = {"constant": "", "linear": "Linear model", "trees": "Boosted trees"}
_CONSTANT: dict[Task | None, str] = {
    "classification": "Majority class",
    "regression": "Mean of the target",
    None: "Majority class or mean",
}


def reference_variants(kinds: Iterable[Reference], study: Study, task: Task | None) -> tuple[Variant, ...]:
    """The reference rows of these ``kinds`` as what trials are of; ``task`` is None where it is not known yet.

    No setting of the training enters them but the weights of the classes.
    """
    training, wanted = Training(class_weight=study.training.class_weight), {*kinds}
    return tuple(
        Variant(f"reference {kind}", TITLES[kind] or _CONSTANT[task], (), training, reference=kind)
        for kind in get_args(Reference)
        if kind in wanted
    )


def references_for(dataset: Dataset, split: SplitSpec, seed: int) -> tuple[tuple[Reference, ...], str]:
    """The reference rows that a data set can have, and a sentence on those that it cannot; empty where it has all.

    Raises InputError when the data set cannot be split that way.
    """
    if dataset.text_shape is not None:
        return ("constant",), "The model takes texts, so the only reference row looks at no input."
    shape = _shape(dataset, split, seed)
    inputs, rows, outputs = math.prod(shape), row_counts(dataset, split)[0], max(1, len(dataset.classes))
    if len(shape) > 1 and inputs > MOST_INPUTS:
        return ("constant",), (
            f"Its rows have {inputs:,} numbers, more than the {MOST_INPUTS:,} up to which they are flattened, so the "
            "only reference row looks at no input."
        )
    kinds, left = list(get_args(Reference)), []
    if rows * inputs * outputs > LINEAR_CELLS:
        kinds.remove("linear")
        left.append("no linear model")
    if _tree_cost(rows, inputs, outputs) > TREE_COST:
        kinds.remove("trees")
        left.append("no boosted trees")
    sizes = f"{rows:,} training rows of {inputs:,} inputs" + (f" and {outputs:,} classes" if outputs > 1 else "")
    return tuple(kinds), f"Reference rows: {' and '.join(left)}, which would take long on {sizes}." if left else ""


def reference_seconds(kind: Reference, sets: Sets) -> float:
    """About how long a trial of a reference row takes on the rows of a seed."""
    rows, inputs, outputs = len(sets.train.x), math.prod(sets.train.x.shape[1:]), sets.train.y.shape[1]
    if kind == "trees":
        return 0.05 + 0.01 * _tree_cost(rows, inputs, outputs)
    return 0.02 + (rows * inputs * outputs / 1e8 if kind == "linear" else 0.0)


def _tree_cost(rows: int, inputs: int, outputs: int) -> float:
    """The work of boosted trees, which are one for each round and class, of two classes one for both."""
    return inputs * (outputs if outputs > 2 else 1) * (1 + rows / 10_000)


def _shape(dataset: Dataset, split: SplitSpec, seed: int) -> tuple[int, ...]:
    """The shape of an encoded row; that of a table with categories or texts depends on the rows that train."""
    is_table = hasattr(dataset.features, "columns")
    shape = cut(dataset, split, seed).train.x.shape if is_table else dataset.features.shape
    return tuple(shape[1:])
