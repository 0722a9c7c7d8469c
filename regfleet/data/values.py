"""Values of any library, NumPy's, SciPy's, pandas', polars', a framework's, as arrays, texts or a frame."""

import math
import numbers
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from regfleet.data.files import check_values
from regfleet.errors import InputError
from regfleet.files import UnfitFileError
from regfleet.memory import check_room
from regfleet.text import capital, listed, named, raised, reason

if TYPE_CHECKING:
    import numpy as np

RAGGED = "rows of different lengths, which keras.utils.pad_sequences, or a cut, brings to one"


def is_frame(values: Any) -> bool:
    """A frame of pandas or polars, or an Arrow table."""
    return hasattr(values, "columns") and hasattr(values, "shape")


def collected(values: Any) -> Any:
    """A lazy frame of polars as a frame; everything else as it is."""
    return values.collect() if hasattr(values, "collect_schema") and not hasattr(values, "shape") else values


def is_texts(values: Any) -> bool:
    """Whether an array is one of texts, (rows,)."""
    return bool(values.dtype.kind == "O" and values.ndim == 1)


def features_of(values: Any, what: str, notes: list[str]) -> Any:
    """``values`` as an array of numbers, as texts, an object array (rows,) with None where missing, or as a frame.

    ``what`` names them in an InputError; ``notes`` grows by what had to be assumed.
    """
    import pandas as pd

    values = collected(values)
    if is_frame(values):
        return values
    if isinstance(values, Mapping):
        return _of_columns(values, what)
    if isinstance(values, list | tuple) and values and isinstance(values[0], Mapping):
        return pd.DataFrame(list(values))
    array = array_of(values, what)
    if array.dtype.names:
        return _of_columns({name: array[name] for name in array.dtype.names}, what)
    return _plain(array, values if hasattr(values, "to_frame") else None, what, notes)


def _plain(array: "np.ndarray", series: Any, what: str, notes: list[str]) -> Any:
    """An array of numbers as it is, one of texts as objects, everything else as a frame.

    ``series`` is what the array was made of, where that has a name: of one, numbers are a column.
    """
    import pandas as pd

    if array.dtype.kind in "USTO":
        array = _objects(array, what, notes)
    if array.dtype.kind == "O" and array.ndim == 2 and array.shape[1] == 1 and _is_all_text(array):
        array = array[:, 0]
    if array.dtype.kind in "mM" or (series is not None and array.ndim == 1 and array.dtype.kind in "biuf"):
        name = getattr(series, "name", None)
        return pd.DataFrame(array, columns=None if name is None or array.ndim > 1 else [name])
    if array.dtype.kind == "O" and not (array.ndim == 1 and _is_all_text(array)):
        if array.ndim != 2:
            raise InputError(f"--data: expected {what} (rows, columns); got an array of objects {array.shape}")
        return pd.DataFrame(array)
    return array


def target_of(values: Any, what: str, notes: list[str]) -> "tuple[np.ndarray, tuple[str, ...]]":
    """``values`` as an array (rows,), None or NaN where missing, and the classes' names where they were one-hot.

    Raises InputError for what is not one class or one quantity a row.
    """
    columns: tuple[str, ...] = ()
    values = collected(values)
    if is_frame(values):
        frame = values.to_pandas() if hasattr(values, "to_pandas") else values
        columns = tuple(map(str, frame.columns))
        values = frame.iloc[:, 0] if len(columns) == 1 else frame.to_numpy()
    array = array_of(values, what)
    if array.ndim > 1 and math.prod(array.shape[1:]) == 1:
        array = array.reshape(len(array))
    if array.dtype.kind in "USTO":
        array = _objects(array, what, notes)
    if array.ndim == 2:
        return _one_class(array, columns, what)
    if array.ndim == 0 or array.dtype.kind in "cV":
        got = f"values of {array.dtype}" if array.ndim else type(values).__name__
        raise InputError(f"--target: expected {what} to be one class or one quantity a row; got {got}")
    return array, ()


def _one_class(y: "np.ndarray", columns: tuple[str, ...], what: str) -> "tuple[np.ndarray, tuple[str, ...]]":
    """The class of each row of a one-hot ``y`` (rows, classes), NaN for a row without values, and all names."""
    import numpy as np

    expected = f"--target: expected {what} to be one class or one quantity a row"
    rows, many = y.shape
    if y.dtype.kind not in "biuf" or not y.size:
        raise InputError(f"{expected}; got {many} columns of {y.dtype}")
    missing = np.isnan(y).all(axis=1) if y.dtype.kind == "f" else np.zeros(rows, bool)
    known = y[~missing]
    if not ((known == 0) | (known == 1)).all():
        if (known >= 0).all() and np.allclose(known.sum(axis=1), 1, atol=1e-3):
            raise InputError(f"{expected}; got {many} probabilities, of which y.argmax(axis=1) is the likeliest class")
        raise InputError(f"{expected}; got {many} columns: choose one")
    ones = known.sum(axis=1, dtype="int64")
    if (ones > 1).any():
        raise InputError(f"{expected}; got several of {many} labels in {int((ones > 1).sum()):,} rows (multi-label)")
    if (ones < 1).any():
        raise InputError(f"{expected}; got {int((ones < 1).sum()):,} one-hot rows without a class")
    names = columns or tuple(map(str, range(many)))
    if not missing.any():
        return known.argmax(axis=1), names
    classes = np.full(rows, np.nan)
    classes[~missing] = known.argmax(axis=1)
    return classes, names


def array_of(values: Any, what: str) -> "np.ndarray":
    """``values`` as an array; what is sparse is written out, what is masked is NaN, None in objects."""
    import numpy as np

    flag = "--target" if "target" in what else "--data"
    expected = f"{flag}: expected {what} to be an array"
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        return _written_out(values, what)
    if isinstance(values, np.ma.MaskedArray):
        return _unmasked(values)
    if hasattr(values, "row_splits") or hasattr(values, "nested_row_splits"):
        raise InputError(f"{expected}; got {RAGGED}")
    if type(values).__name__ == "SparseTensor" and "tensorflow" in sys.modules:
        values = sys.modules["tensorflow"].sparse.to_dense(values)
    if isinstance(values, list | tuple) and _is_image(next((one for one in values if one is not None), None)):
        return _of_images(values, what)
    try:
        array = np.asarray(values)
        if array.dtype.kind in "US" and isinstance(values, list | tuple):
            array = np.array(values, dtype=object)  # which keeps NaN and None apart from texts
        _check_text(array)
    except Exception as problem:  # noqa: BLE001 - any library's own conversion
        got = _uneven(values) if "inhomogeneous" in str(problem) else raised(problem, 200)
        raise InputError(f"{expected}; got {got}") from None
    return array


def _is_image(one: Any) -> bool:
    """Whether it is an image of Pillow."""
    return all(hasattr(one, name) for name in ("mode", "size", "getbands", "convert"))


def _of_images(images: Sequence[Any], what: str) -> "np.ndarray":
    """(images, height, width) of grey ones, else (images, height, width, channels).

    Those with a palette and of several kinds have three channels; black and white are 0 and 255. Raises InputError for
    several sizes or depths.
    """
    import numpy as np

    for row, image in enumerate(images, 1):
        if not _is_image(image):
            raise InputError(f"--data: expected an image in every row of the {what}; got none in row {row:,}")
    sizes = sorted({(image.height, image.width) for image in images})
    if len(sizes) > 1:
        got = f"{len(sizes):,}, {sizes[0][0]}x{sizes[0][1]} to {sizes[-1][0]}x{sizes[-1][1]} (height x width)"
        raise InputError(f"--data: expected images of one size; got {got}: image.resize((width, height)) makes one")
    modes = sorted({"L" if image.mode == "1" else image.mode for image in images})
    if len(modes) > 1 and any(mode.startswith(("I", "F")) for mode in modes):  # which a conversion would cut off
        raise InputError(f"--data: expected images of one depth; got the modes {listed(modes)}: image.convert(mode)")
    mode = "RGB" if len(modes) > 1 or modes[0] in {"P", "PA", "LA"} else modes[0]
    return np.stack([np.asarray(image if image.mode == mode else image.convert(mode)) for image in images])


def _uneven(values: Any) -> str:
    """What lists of arrays of different shapes are: rows, or inputs of as many rows."""
    shapes = [tuple(getattr(one, "shape", ())) for one in values]
    rows = {shape[:1] for shape in shapes}
    if len(rows) == 1 and all(len(shape) > 1 for shape in shapes) and len(shapes) < shapes[0][0]:
        return f"{len(shapes)} inputs of {listed([*map(str, shapes)])}, where models of one input are trained"
    return RAGGED


def _written_out(values: Any, what: str) -> "np.ndarray":
    import numpy as np

    try:
        check_values(*values.shape)
        check_room(math.prod(values.shape) * 8)
    except UnfitFileError as problem:
        raise InputError(
            f"--data: expected {what} that can be written out; got a sparse matrix of {reason(problem)}"
        ) from None
    return np.asarray(values.toarray())


def _unmasked(values: Any) -> "np.ndarray":
    import numpy as np

    array, mask = np.asarray(values.data), np.ma.getmaskarray(values)
    if not mask.any():
        return array
    if (array.dtype.kind in "biu" and array.ndim == 1) or array.dtype.kind in "USO":
        array = array.astype(object)
        array[mask] = None
        return array
    return np.where(mask, np.nan, array if array.dtype.kind == "f" else array.astype("float64"))


def _check_text(array: "np.ndarray") -> None:
    """Raise ValueError for text of what are no characters: numpy holds it, and nothing else does."""
    import numpy as np

    if array.dtype.kind == "U":
        codes = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).view("uint32")
        if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise ValueError("text of characters that are none")
    elif array.dtype.kind == "O":
        "".join(one for one in array.flat if isinstance(one, str)).encode()


def _objects(array: "np.ndarray", what: str, notes: list[str]) -> "np.ndarray":
    """An array of texts or objects as one of objects, or of numbers where all are, or of rows that are arrays."""
    import numpy as np
    import pandas as pd

    if array.dtype.kind != "O":
        return _texts(array, what, notes)
    given = array.ravel()
    missing = np.asarray(pd.isna(given)) if given.size else np.zeros(0, bool)
    known = given[~missing] if missing.ndim == 1 else given
    if array.ndim == 1 and len(given) and all(hasattr(one, "__len__") and not _is_text(one) for one in given):
        return _stacked(given, what)
    if len(known) and all(isinstance(one, numbers.Integral) and not isinstance(one, bool) for one in known):
        fits = all(-(2**63) <= one < 2**63 for one in known)
        if fits and not missing.any():
            return array.astype("int64")
    if len(known) and array.ndim > 1 and all(isinstance(one, numbers.Real) for one in known):
        return np.where(missing, np.nan, given).astype("float64").reshape(array.shape)
    if any(isinstance(one, bytes) for one in known):
        given = np.array([_decoded(one) if isinstance(one, bytes) else one for one in given], dtype=object)
    given = given.copy()
    given[missing] = None
    return given.reshape(array.shape)


def _texts(array: "np.ndarray", what: str, notes: list[str]) -> "np.ndarray":
    """An array of NumPy's texts as objects; "nan" is what NumPy made of NaN among them."""
    import numpy as np

    texts = array.astype(object)
    if array.dtype.kind == "S":
        texts = np.array([_decoded(one) for one in texts.flat], dtype=object).reshape(array.shape)
    missing = texts == "nan"
    if missing.any():
        texts[missing] = None
        said = f"{what}: {int(missing.sum()):,} times the text 'nan', which NumPy makes of NaN"
        notes.append(f"{capital(said)}, is counted as missing; an array of objects keeps it as a word.")
    return texts


def _as_text(array: "np.ndarray") -> "np.ndarray":
    """An array of bytes as one of texts, which TensorFlow and NumPy write so; any other as it is."""
    import numpy as np

    if not (array.dtype.kind == "S" or (array.dtype.kind == "O" and any(isinstance(one, bytes) for one in array.flat))):
        return array
    texts = [_decoded(one) if isinstance(one, bytes) else one for one in array.flat]
    return np.array(texts, dtype=object).reshape(array.shape)


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _is_text(one: object) -> bool:
    return isinstance(one, str | bytes)


def _is_all_text(array: "np.ndarray") -> bool:
    return array.size > 0 and all(one is None or isinstance(one, str) for one in array.flat)


def _stacked(rows: "np.ndarray", what: str) -> "np.ndarray":
    import numpy as np

    shapes = {np.shape(row) for row in rows} if not any(map(_is_ragged, rows)) else set()
    if len(shapes) != 1:
        raise InputError(f"--data: expected {what} to be an array; got {RAGGED}")
    return np.stack([np.asarray(row) for row in rows])


def _is_ragged(row: Any) -> bool:
    import numpy as np

    try:
        return bool(np.asarray(row).dtype == object)
    except ValueError:
        return True


def _of_columns(values: Mapping[Any, Any], what: str) -> Any:
    """The frame of columns by name; a mapping of one array is that array."""
    import numpy as np
    import pandas as pd

    if len(values) == 1 and np.ndim(next(iter(values.values()))) > 1:
        return array_of(next(iter(values.values())), what)
    arrays = {str(name): _as_text(array_of(column, f"the column {name}")) for name, column in values.items()}
    arrays = {name: array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array for name, array in arrays.items()}
    wide = [name for name, array in arrays.items() if array.ndim != 1]
    if wide:
        raise InputError(f"--data: expected {what} to be one input; got {len(values)}: {listed([*map(named, arrays)])}")
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1:
        raise InputError(f"--data: expected columns of as many rows; got {', '.join(map(str, sorted(lengths)))}")
    return pd.DataFrame(arrays)
