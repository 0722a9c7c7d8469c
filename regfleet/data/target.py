"""What is to be predicted: classes or numbers, seen from the target's values."""

from typing import TYPE_CHECKING

from regfleet.data.columns import LARGEST, flat, is_text, parse_numbers, short
from regfleet.errors import InputError
from regfleet.settings.values import Task

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAX_INTEGER_CLASSES = 20
"""Whole numbers with more values than that are a quantity, unless the task says otherwise."""

Target = tuple["np.ndarray", tuple[str, ...], tuple[str, ...]]


def infer_target(name: str, array: "pa.ChunkedArray", task: Task | None, *, missing: bool = False) -> Target:
    """The target as class numbers int64 or quantities float64 (rows,), its classes, and notes on what was assumed.

    Text and truth values are classes, and so are whole numbers of at most 20 values; other numbers are quantities.
    ``array`` has no missing values; ``missing`` says that rows without one were left out, for which pandas turns whole
    numbers into floats. Raises InputError when there is nothing to predict.
    """
    import numpy as np
    import pyarrow as pa

    values = flat(array)
    kind = values.type
    if pa.types.is_temporal(kind) or pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise InputError(f"--target: expected a column of classes or numbers; got {name}, which holds {kind} values")
    distinct = values.unique()
    if len(distinct) < 2:
        held = f"always {short(distinct[0].as_py())}" if len(distinct) else "empty"
        raise InputError(f"--target: expected a column with at least two values; got {name}, which is {held}")
    numbers = _numbers(values)
    if numbers is None:
        if task == "regression":
            raise InputError(f"--task regression: expected numbers in {name}; got {short(distinct[0].as_py())!r}")
        return _classes(name, np.asarray(values.cast(pa.large_string()).to_pandas(), dtype=object))
    huge = numbers[~(np.abs(numbers) <= LARGEST)]
    if huge.size:
        raise InputError(f"--target: expected numbers up to {LARGEST:g} in size in {name}; got {huge[0]:g}")
    whole, typed_whole = bool((numbers % 1 == 0).all()), missing or not pa.types.is_floating(kind)
    few = len(distinct) <= MAX_INTEGER_CLASSES
    if task == "classification" or (task is None and whole and few and typed_whole):
        return _classes(name, numbers)
    notes: tuple[str, ...] = ()
    if task is None and whole and (few or typed_whole):
        what = f"The target {name} has {len(distinct):,} whole values and is taken as a quantity"
        notes = (f"{what} (regression); if they are classes, use --task classification.",)
    return numbers, (), notes


def _numbers(values: "pa.Array") -> "np.ndarray | None":
    """The values as float64 (rows,); None unless every one is a number."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        return None
    if not is_text(values.type):
        return np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    coded = values.dictionary_encode()
    parsed = parse_numbers(coded.dictionary.to_pandas()).to_numpy()
    return None if np.isnan(parsed).any() else parsed[coded.indices.to_numpy()]


def _classes(name: str, values: "np.ndarray") -> Target:
    import numpy as np

    found, codes = np.unique(values, return_inverse=True)
    if len(found) > len(values) / 2:
        msg = f"--target: expected classes that repeat; got {len(found):,} different values in the {len(values):,} rows"
        raise InputError(f"{msg} of {name}")
    names = tuple(str(int(value)) if isinstance(value, float) and value % 1 == 0 else str(value) for value in found)
    return codes.astype("int64"), names, ()
