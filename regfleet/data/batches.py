"""Rows that come in batches, a `tf.data.Dataset` or a `keras.utils.PyDataset`, read once into memory."""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.tensorflow import is_shuffled_anew
from regfleet.data.files import MAX_BYTES
from regfleet.errors import InputError
from regfleet.files import size
from regfleet.functions import users_code
from regfleet.memory import room
from regfleet.patience import SECONDS
from regfleet.text import named, one_line

if TYPE_CHECKING:
    import numpy as np

ROWS = 1024
"""Of a batch, where the data set has single rows."""


def is_batches(data: Any) -> bool:
    """Whether it gives batches of rows; without their libraries there are none."""
    return _is_tensorflow(data) or _is_keras(data)


def read_batches(data: Any) -> tuple[Any, Any, tuple[str, ...], list[str]]:
    """The features, an array or columns by name, the target, None where there is none, class names, and notes.

    Raises InputError for one without an end, for more than memory takes, and for several inputs or outputs.
    """
    import numpy as np

    notes: list[str] = []
    got: dict[Any, list[np.ndarray]] = {}
    held, most, until = 0, min(MAX_BYTES, room()), time.monotonic() + SECONDS.batches
    limits = f"--data: expected a data set of at most {size(most)}, read within {SECONDS.batches:g} s"
    with users_code("--data", "the data set", "to give its rows"):
        for element in _said_shortly(_elements(data)):
            parts = _named(element)
            if "weight" in parts and not notes:
                notes.append("The sample weights that come with the rows are not used.")
            for name, one in parts.items():
                values = np.asarray(one)
                got.setdefault(name, []).append(values)
                held += values.nbytes + 50 * values.size * (values.dtype == object)
            if held > most or time.monotonic() > until:
                rows = sum(len(batch) for batch in next(iter(got.values())))
                raise InputError(f"{limits}; got more after {rows:,} rows; give part of it with take()")
    if not got:
        raise InputError("--data: expected rows; got an empty data set")
    if _is_tensorflow(data) and is_shuffled_anew(data):
        said = "so that a study of them cannot be resumed: .shuffle(…, seed=0) keeps the order"
        notes.append(f"The rows of the data set come in another order whenever it is made, {said}.")
    whole = {name: _joined(batches) for name, batches in got.items()}
    columns = {name[1]: values for name, values in whole.items() if isinstance(name, tuple)}
    names = getattr(data, "class_names", None) or getattr(data, "class_indices", None) or ()
    return columns or whole["features"], whole.get("target"), tuple(map(str, names)), notes


def _is_tensorflow(data: Any) -> bool:
    library = sys.modules.get("tensorflow")
    return library is not None and hasattr(data, "element_spec") and isinstance(data, library.data.Dataset)


def _is_keras(data: Any) -> bool:
    library = sys.modules.get("keras")
    return library is not None and isinstance(data, library.utils.PyDataset)


def _elements(data: Any) -> Iterator[Any]:
    """The batches, as arrays of NumPy."""
    if not _is_tensorflow(data):
        many = data.num_batches
        if many is None:
            raise InputError("--data: expected a data set with an end; got one of unlimited batches")
        yield from (data[place] for place in range(many))
        return
    library = sys.modules["tensorflow"]
    if int(data.cardinality()) == library.data.INFINITE_CARDINALITY:
        raise InputError("--data: expected a data set with an end; got one that repeats: leave out .repeat()")
    for leaf in library.nest.flatten(data.element_spec):
        if not isinstance(leaf, library.TensorSpec):
            kind = type(leaf).__name__.removesuffix("Spec")
            raise InputError(f"--data: expected elements of tensors; got {kind}; .map(…) can pad it or make it dense")
    yield from (data if _is_batched(data) else data.batch(ROWS)).as_numpy_iterator()


def _said_shortly(elements: Iterator[Any]) -> Iterator[Any]:
    """The elements; of an error of TensorFlow's only the words that are about the data."""
    library = sys.modules.get("tensorflow")
    failures = (library.errors.OpError,) if library else ()
    try:
        yield from elements
    except failures as problem:
        said = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", problem.message).split("Traceback")[0]
        raise InputError(f"--data: expected the data set to give its rows; got {one_line(said, 200)}") from None


def _is_batched(data: Any) -> bool:
    """Whether an element of a `tf.data.Dataset` is a batch, and not a row."""
    import numpy as np

    specs = {name: spec.shape for name, spec in _named(data.element_spec).items()}
    firsts = [shape[0] if shape.rank else 0 for shape in specs.values() if shape.rank is not None]
    if 0 in firsts or len(set(firsts)) > 1:
        return False
    if not firsts or firsts[0] is None or "target" not in specs:
        return True
    # A row of as many features as there are classes looks like a batch of as many rows.
    y = _named(next(data.as_numpy_iterator()))["target"]
    return not (y.ndim == 1 and len(y) > 2 and np.isin(y, (0, 1)).all() and y.sum() == 1)


def _named(element: Any) -> dict[Any, Any]:
    """What is in an element: target, weight, and features, or (features, name) for each of several columns."""
    features, target, weight = element, None, None
    if isinstance(element, tuple | list):
        if len(element) > 3:
            raise InputError(f"--data: expected elements (features, target); got {len(element)} parts")
        features, target, weight = (*element, None, None)[:3]
    for what, part in (("input", features), ("output", target)):
        if isinstance(part, tuple | list) or (what == "output" and isinstance(part, Mapping)):
            got = ", ".join(named(str(one)) for one in part) if isinstance(part, Mapping) else f"{len(part)}"
            raise InputError(f"--data: expected elements of one {what}; got several: {got}")
    parts = {"target": target, "weight": weight}
    if isinstance(features, Mapping):
        parts |= {("features", str(name)): values for name, values in features.items()}
    else:
        parts["features"] = features
    return {name: values for name, values in parts.items() if values is not None}


def _joined(batches: "list[np.ndarray]") -> "np.ndarray":
    import numpy as np

    shapes = {batch.shape[1:] for batch in batches}
    if len(shapes) > 1:
        raise InputError(f"--data: expected rows of one shape; got {' and '.join(map(str, sorted(shapes)[:3]))}")
    return np.concatenate(batches)
