"""What somebody brings in memory, taken apart: features, target, and the test set where it is fixed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regfleet.data.batches import is_batches, read_batches
from regfleet.data.values import array_of, collected, is_frame
from regfleet.errors import InputError
from regfleet.functions import module_and_name
from regfleet.settings import Data
from regfleet.text import listed, named, nearest


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Features and target as they were given.

    ``target``: values, or the name of a column, or None for the one that the study names. ``test`` holds the rows that
    every seed is tested on, ``validation`` such as are joined with the training rows. ``classes`` are the names of
    classes 0, 1, …, as far as they are known. ``dropped`` are columns that the features are without already.
    """

    features: Any
    target: Any = None
    validation: "Parts | None" = None
    test: "Parts | None" = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def take_apart(name: str, data: Any, target: Any, test: Any, source: Data) -> Parts:
    """The parts of ``data``, called ``name``; ``target`` and ``test`` are None where they were not given beside it.

    Raises InputError for what has no parts that are known here.
    """
    parts = _apart(name, data, target, source)
    if test is None:
        return parts
    if parts.test is not None:
        raise InputError(f"--test: expected the test set once; got it beside {name}, which has one")
    if isinstance(test, str) or hasattr(test, "__fspath__"):
        raise InputError(f"--test: expected (features, target) or a frame beside data in memory; got {str(test)!r}")
    beside = target if isinstance(target, str | int) else None
    return replace(parts, test=_apart(name, test, beside, source))


def _apart(name: str, data: Any, target: Any, source: Data) -> Parts:
    data = collected(data)
    if is_batches(data):
        features, values, classes, notes = read_batches(data)
        return Parts(features, target if values is None else values, classes=classes, notes=tuple(notes))
    if _is_hugging_face(data):
        return _of_hugging_face(data, target, source)
    if type(data).__name__ == "Bunch" and isinstance(data, Mapping):
        return _of_bunch(name, data, target)
    if isinstance(data, Mapping):
        return _of_mapping(name, data, target, source)
    if isinstance(data, tuple | list) and (target is None or isinstance(target, str)):
        return _of_sequence(name, data, target, source)
    if not hasattr(data, "__array__") and not is_frame(data) and target is None:
        raise InputError(f"--data: expected {_accepted(source)}; got {type(data).__name__}{_hint(data)}")
    return Parts(data, target)


def _accepted(source: Data) -> str:
    to_return = f"{source.location} to return " if module_and_name(source.location) else ""
    return f"{to_return}(features, target), a frame, a mapping of arrays or a Dataset"


def _hint(data: Any) -> str:
    if hasattr(data, "__next__"):
        return ", which gives its rows once: tf.data.Dataset.from_generator makes a data set of it"
    if hasattr(data, "__iter__") and (hasattr(data, "dataset") or hasattr(data, "column_names")):
        return ", which gives its rows as it goes: bring them as arrays"
    return ""


def _of_sequence(name: str, data: Any, target: Any, source: Data) -> Parts:
    """(x, y), two or three such pairs or data sets, or (x, y, x_test, y_test)."""
    many = len(data)
    if many in {2, 3} and all(_is_whole(one, target) for one in data):
        wholes = [_apart(name, one, target, source) for one in data]
        return _with_parts(dict(zip(("train", "test") if many == 2 else ("train", "val", "test"), wholes, strict=True)))
    if many in {2, 4, 6} and not any(isinstance(one, str | bytes | int | float) or one is None for one in data):
        if many == 2:
            return Parts(data[0], data[1])
        if many == 4 and _is_split(*data):
            train, test, y_train, y_test = data
            parts = Parts(train, y_train, test=Parts(test, y_test))
            said = "The four parts have the order of train_test_split: features, test features, target, test target."
            return replace(parts, notes=(said,))
        pairs = [Parts(*data[place : place + 2]) for place in range(0, many, 2)]
        return _with_parts(dict(zip(("train", "test") if many == 4 else ("train", "val", "test"), pairs, strict=True)))
    if data and isinstance(data[0], Mapping):
        return Parts(data, target)
    if many == 3 and all(map(_shape, data)) and len({_rows(one) for one in data}) == 1:
        raise InputError("--data: expected (features, target); got a third part: weights of rows are not taken")
    kinds = listed([type(one).__name__ for one in data]) if data else "nothing"
    raise InputError(f"--data: expected {_accepted(source)}; got {type(data).__name__} of {kinds}")


def _is_whole(one: Any, target: Any) -> bool:
    """Whether one of several has its own target."""
    if isinstance(one, tuple | list):
        parts = [part for part in one if hasattr(part, "__len__") and not isinstance(part, str)]
        return len(one) == len(parts) == 2 and _rows(one[0]) == _rows(one[1])
    if isinstance(target, str) and is_frame(one):
        return target in map(str, getattr(one, "column_names", one.columns))
    return is_batches(one) or _is_hugging_face(one) or (type(one).__name__ == "Bunch" and isinstance(one, Mapping))


def _rows(values: Any) -> int:
    shape = getattr(values, "shape", None)  # a sparse matrix has no length
    return int(shape[0]) if shape else len(values)


def _is_split(x: Any, second: Any, third: Any, y_test: Any) -> bool:
    """Whether four parts are (x, x_test, y, y_test), as scikit-learn's train_test_split returns them."""
    lengths = [_rows(part) for part in (x, second, third, y_test)]
    if lengths[0] == lengths[1]:
        if lengths[2] != lengths[0]:
            return False
        widths = [tuple(getattr(part, "shape", ()))[1:] for part in (x, second, third, y_test)]
        return widths[0] == widths[1] != widths[2] == widths[3]
    return lengths[0] == lengths[2] and lengths[1] == lengths[3]


def _with_parts(parts: Mapping[str, Parts]) -> Parts:
    """Training rows with those of validation and the test set beside them."""
    train, held_out, test = parts["train"], parts.get("val"), parts.get("test")
    if held_out is None:
        return replace(train, test=test)
    if test is None:
        said = "The validation rows are the test set; each seed draws validation rows of its own from the others."
        return replace(train, test=held_out, notes=(*train.notes, said))
    said = "The validation rows are joined with the training rows; each seed draws its own from both."
    return replace(train, validation=held_out, test=test, notes=(*train.notes, said))


_PART = "(?:train|training|test|testing|val|valid|validation|dev)"
_ROLES = {
    "features": "x|data|features?|inputs?|images?|texts?|sentences?",
    "target": "y|targets?|labels?|class|classes",
}
_NAMES = [
    (role, re.compile(rf"(?:(?P<before>{_PART})[_ .-]?)?(?:{words})(?:[_ .-]?(?P<after>{_PART}))?"))
    for role, words in _ROLES.items()
]


def _part(name: str) -> str:
    """train, val or test, of a name that begins so; empty for any other."""
    if not re.fullmatch(_PART, name.lower()):
        return ""
    return {"tr": "train", "te": "test"}.get(name.lower()[:2], "val")


def _of_mapping(name: str, data: Mapping[Any, Any], target: Any, source: Data) -> Parts:
    """Arrays by name, x and y, x_test and y_test; data sets by name, train and test; or columns by name."""
    names = {str(key).lower(): key for key in data}
    wholes = {_part(key): data[names[key]] for key in names if _part(key) and _is_whole(data[names[key]], target)}
    if "train" in wholes:
        rest = [str(key) for key in data if not _part(str(key))]
        parts = _with_parts({part: _apart(name, one, target, source) for part, one in wholes.items()})
        notes = (f"Only the parts {listed([*wholes])} are used, and not {listed(rest)}.",) if rest else ()
        return replace(parts, notes=(*parts.notes, *notes))
    if {*names} in ({"arr_0", "arr_1"}, {f"arr_{place}" for place in range(4)}):  # np.savez without names
        return _of_sequence(name, [data[names[key]] for key in sorted(names)], target, source)
    if target is not None and not isinstance(target, str):
        return Parts(data, target)
    if isinstance(target, str) and all(len(_shape(one)) < 2 for one in data.values()):
        return Parts(data, target)
    return _of_names(name, {key: data[given] for key, given in names.items()})


def _shape(values: Any) -> tuple[int, ...]:
    import numpy as np

    return tuple(values.shape) if hasattr(values, "shape") else np.shape(values)


def _of_names(name: str, data: Mapping[str, Any]) -> Parts:
    found: dict[tuple[str, str], Any] = {}
    for key, values in data.items():
        for role, pattern in _NAMES:
            match = pattern.fullmatch(key)
            if match and not (match["before"] and match["after"]):
                found.setdefault((_part(match["before"] or match["after"] or "train"), role), (key, values))
    if ("train", "features") not in found or ("train", "target") not in found:
        got = ", ".join(named(key) for key in [*data][:8]) or "none"
        raise InputError(f"--data: expected arrays called x and y in {name}; got {got}")
    parts: dict[str, Parts] = {}
    for part in dict.fromkeys(part for part, _ in found):
        x, y = found.get((part, "features")), found.get((part, "target"))
        if x is None or y is None:
            said = " and ".join(f"{role}_{part}" for role in "xy")
            raise InputError(f"--data: expected both {said} in {name}; got one of them")
        parts[part] = Parts(x[1], y[1])
    return _with_parts(parts)


def _of_bunch(name: str, data: Mapping[str, Any], target: Any) -> Parts:
    """A data set of scikit-learn: load_… and fetch_…."""
    import pandas as pd

    if "data" not in data or data.get("target") is None:
        return _of_names(name, {str(key).lower(): value for key, value in data.items() if value is not None})
    features, values = data["data"], data["target"]
    if isinstance(target, str):
        frame = data.get("frame")
        if frame is None:
            columns = data.get("feature_names")
            frame = pd.DataFrame(features, columns=columns).assign(
                **{getattr(values, "name", None) or "target": values}
            )
        return Parts(frame, target)
    return Parts(features, values if target is None else target, classes=_classes(data.get("target_names"), values))


def _classes(names: Any, target: Any) -> tuple[str, ...]:
    """The names of the classes that a target's whole numbers are; none where the names are those of quantities."""
    found = () if names is None else tuple(map(str, names))
    values = array_of(target, "the target")
    whole = values.ndim == 1 and values.dtype.kind in "iu" and len(values)
    return found if len(found) > 1 and whole and values.min() >= 0 and values.max() < len(found) else ()


def _is_hugging_face(data: Any) -> bool:
    """A data set of Hugging Face; one that is streamed has no table."""
    return all(hasattr(data, name) for name in ("column_names", "features", "to_pandas", "__len__"))


def _of_hugging_face(data: Any, target: Any, source: Data) -> Parts:
    columns, kinds = [str(column) for column in data.column_names], data.features or {}
    chosen = _chosen(columns, kinds, target) if target is None or isinstance(target, str) else ""
    _check_names(columns, chosen, source.drop)
    values: Any = array_of(data[chosen][:], "the target") if chosen else target
    inputs = [column for column in columns if column != chosen and column not in source.drop]
    classes = tuple(map(str, getattr(kinds.get(chosen), "names", ())))
    if classes and values.dtype.kind in "iu" and (values < 0).any():  # of rows without a label
        values = values.astype(object)
        values[values < 0] = None
    shaped = [column for column in inputs if type(kinds.get(column)).__name__ in _SHAPED]
    if not shaped and (len(inputs) > 1 or getattr(kinds.get(inputs[0]), "dtype", "") not in {"string", "large_string"}):
        frame = data.to_pandas()
        for column in inputs:
            if names := getattr(kinds.get(column), "names", ()):
                frame[column] = _named_classes(frame[column], names)
        beside = frame[[column for column in columns if column != chosen]]
        return Parts(beside, _named_series(frame, chosen, values), classes=classes)
    if len(inputs) > 1:
        said = "expected one column of images or lists alone as input, or columns without them"
        raise InputError(f"--data: {said}; got {', '.join(map(named, inputs))}: --drop what is none")
    rows = array_of([*data[inputs[0]]], "features")
    kind = getattr(kinds.get(inputs[0]), "dtype", None)
    if rows.dtype.kind == "i" and kind == "uint8":  # of an array that came as lists
        rows = rows.astype(kind)
    return Parts(rows, values, classes=classes, dropped=tuple(columns))


_SHAPED = {"Image", "Array2D", "Array3D", "Array4D", "Array5D", "List", "LargeList", "Sequence"}


def _chosen(columns: Sequence[str], kinds: Mapping[str, Any], target: str | None) -> str:
    """The column that is the target: the one that is named, of classes, or called as targets are."""
    labels = [column for column in columns if hasattr(kinds.get(column), "names")]
    usual = [column for column in columns if re.fullmatch(_ROLES["target"], column.lower())]
    chosen = target or next(iter(labels if len(labels) == 1 else usual), None)
    if chosen is None:
        raise InputError(f"--target: expected a column, one of {', '.join(map(named, columns))}; got none")
    return chosen


def _check_names(columns: Sequence[str], target: str, dropped: Sequence[str]) -> None:
    for flag, names in (("--target", [target] * bool(target)), ("--drop", dropped)):
        for name in names:
            if name not in columns:
                known = ", ".join(map(named, columns))
                raise InputError(f"{flag}: expected a column, one of {known}; got {name!r}{nearest(name, columns)}")
    if not {*columns} - {target, *dropped}:
        raise InputError("--data: expected a column that is input; got none beside the target")


def _named_classes(numbers: Any, names: Sequence[str]) -> Any:
    """The categories that a column's numbers are, missing where they are none of them."""
    import pandas as pd

    return numbers.map(dict(enumerate(map(str, names)))).astype(pd.CategoricalDtype())


def _named_series(frame: Any, name: str, values: Any) -> Any:
    import pandas as pd

    return pd.Series(values, index=frame.index, name=name or "target")
