"""What turned the rows of a table into the input of a network, kept as JSON and Arrow, and done again to other rows.

It is `data.encoding`'s work with what that fitted: where a number is missing its training mean stands in, categories
have the column that they had, and so on. Nothing is pickled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regfleet.data.dataset import input_names
from regfleet.data.encoding import CHUNK, Encoders, encode, within_float32
from regfleet.data.files import MAX_BYTES
from regfleet.errors import ResultsError
from regfleet.memory import limited, room

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from regfleet.data.dataset import Dataset

UNSEEN, MISSING = -2, -1
"""Codes of a category that the table did not have, and of none."""
FORMAT = 1
TICKS = 1_000_000
"""Microseconds of a second."""

Columns = "Mapping[str, np.ndarray]"
"""New rows: float64, int32 codes of categories, datetime64[us] or objects, texts, (rows,) each."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """What makes a network's input of rows; ``plan`` says how, and ``arrays`` holds what it names.

    ``plan``: its ``kind`` is table, array or texts; blocks of columns in order, how many columns of zeros follow, and
    whether numbers stay whole.
    """

    plan: dict[str, Any]
    arrays: dict[str, Any] = field(default_factory=dict)

    def of_columns(self, columns: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
        """The input (rows, width) that becomes of a table's columns."""
        import numpy as np

        blocks = [self._block(number, block, columns) for number, block in enumerate(self.plan["blocks"])]
        joined = np.concatenate([np.empty((rows, 0)), *blocks], axis=1)
        return self._finished(joined)

    def of_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """The input that becomes of an array (rows, …) of numbers, or of texts."""
        import numpy as np

        if self.plan["kind"] == "texts":
            texts = [("" if one is None else str(one)) for one in matrix.ravel()]
            return np.array(texts, object).reshape(len(matrix), *self.plan["shape"])
        if "mean" not in self.arrays:
            return matrix.astype("int64") if self.plan["whole"] else within_float32(matrix)
        mean, scale = self.arrays["mean"], self.arrays["scale"]
        made = np.empty(matrix.shape, "float32")
        at_once = max(1, CHUNK // max(1, int(np.prod(matrix.shape[1:]))))
        for first in range(0, len(matrix), at_once):
            part = matrix[first : first + at_once].astype("float64")
            scaled = (part.reshape(-1, len(mean)) - mean) / scale
            made[first : first + at_once] = within_float32(scaled).reshape(part.shape)
        return made

    @property
    def width(self) -> int | None:
        """The numbers of a row that it makes of a table; None for an array or texts, which keep their shape."""
        if self.plan["kind"] != "table":
            return None
        blocks = enumerate(self.plan["blocks"])
        return sum(_width(number, block, self.arrays) for number, block in blocks) + int(self.plan["padding"])

    def fits(self, shape: tuple[int | None, ...]) -> bool:
        """Whether a network whose rows are of ``shape`` takes what it makes."""
        if self.plan["kind"] == "table":
            return shape in {(self.width,), (None,)}
        own = tuple(self.plan["shape"])
        return len(shape) == len(own) and all(one in (None, two) for one, two in zip(shape, own, strict=True))

    @property
    def shape_words(self) -> str:
        """What a row is that it makes."""
        if self.plan["kind"] == "table":
            return f"{self.width} inputs"
        return f"inputs of {' × '.join(map(str, self.plan['shape'])) or 'a text'}"

    def same_as(self, other: Preprocessing) -> bool:
        """Whether both make the same of all rows."""
        import numpy as np

        return (
            self.plan == other.plan
            and self.arrays.keys() == other.arrays.keys()
            and all(np.array_equal(value, other.arrays[name]) for name, value in self.arrays.items())
        )

    def _finished(self, joined: np.ndarray) -> np.ndarray:
        import numpy as np

        if self.plan["whole"]:
            return joined.astype("int64")
        made = within_float32((joined - self.arrays["mean"]) / self.arrays["scale"])
        return np.pad(made, ((0, 0), (0, self.plan["padding"])))

    def _block(self, number: int, block: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> np.ndarray:
        import numpy as np

        names, place = block["columns"], str(number)
        if block["kind"] == "numbers":
            return _filled(np.stack([columns[name] for name in names], axis=1), self.arrays, place)
        if block["kind"] == "categories":
            parts = [
                _one_hot(columns[name], self.arrays[f"{place}.{at}"], width)
                for at, (name, width) in enumerate(zip(names, block["widths"], strict=True))
            ]
            return np.concatenate(parts, axis=1)
        if block["kind"] == "date":
            return _filled(_of_dates(columns[names[0]], block["parts"]), self.arrays, place)
        return self._texts(columns[names[0]], block, place)

    def _texts(self, texts: np.ndarray, block: Mapping[str, Any], place: str) -> np.ndarray:
        """The leading components of the texts' character n-grams, as skrub's StringEncoder gives them."""
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer
        from threadpoolctl import threadpool_limits

        if not len(texts):  # which scikit-learn refuses
            return np.empty((0, block["width"]))
        words = TfidfVectorizer(
            vocabulary={text: number for number, text in enumerate(self.arrays[f"{place}.terms"])},
            ngram_range=tuple(block["ngrams"]),
            analyzer=block["analyzer"],
        )
        words.idf_ = self.arrays[f"{place}.idf"]
        counted = words.transform(["" if one is None else str(one) for one in texts]).astype("float32")
        if f"{place}.components" in self.arrays:
            with threadpool_limits(1):
                made = counted @ self.arrays[f"{place}.components"].T
        else:
            made = counted[:, : block["width"]].toarray()
        return np.asarray(made / np.float32(block["factor"]))

    def json(self) -> str:
        """What it says, for people and machines."""
        return json.dumps({"format": FORMAT, **self.plan}, indent=1) + "\n"

    def arrow(self) -> bytes:
        """Its arrays as an Arrow file: a row for each, with its name, shape, and its numbers or texts."""
        import numpy as np
        import pyarrow as pa

        rows = []
        for name, value in self.arrays.items():
            texts = isinstance(value, list)
            flat: Any = [] if texts else np.asarray(value, "float64").ravel()
            kind = "texts" if texts else str(np.asarray(value).dtype)
            shape = [len(value)] if texts else list(value.shape)
            rows.append({"name": name, "kind": kind, "shape": shape, "numbers": flat, "texts": value if texts else []})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, _schema()) as writer:
            writer.write_table(pa.Table.from_pylist(rows, schema=_schema()))
        content: bytes = sink.getvalue().to_pybytes()
        return content


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("name", pa.string()),
            ("kind", pa.string()),
            ("shape", pa.list_(pa.int64())),
            ("numbers", pa.large_list(pa.float64())),
            ("texts", pa.large_list(pa.large_string())),
        ]
    )


KINDS = {name: name for name in ("float64", "float32", "int64", "int32")}


def read(text: str, arrow: bytes, where: str) -> Preprocessing:
    """The preprocessing of its two files; raises ResultsError, naming ``where`` they are, for what is none."""
    import numpy as np
    import pyarrow as pa

    try:
        plan = json.loads(text)
        version = plan.pop("format")
        one_thread = pa.ipc.IpcReadOptions(use_threads=False)  # only so the limit is an error
        with limited(min(2 * MAX_BYTES, room())), pa.ipc.open_file(pa.py_buffer(arrow), options=one_thread) as file:
            table = file.read_all()
        table = table.cast(_schema())
        table.validate(full=True)
        arrays: dict[str, Any] = {}
        for row in range(len(table)):
            name, kind, shape = (table[column][row].as_py() for column in ("name", "kind", "shape"))
            if kind == "texts":
                arrays[name] = table["texts"][row].as_py()
            else:
                arrays[name] = np.asarray(table["numbers"][row].values).astype(KINDS[kind]).reshape(shape)
        made = Preprocessing(plan, arrays)
        if version == FORMAT:
            _check(made)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        MemoryError,
        pa.ArrowException,
    ) as problem:
        said = type(problem).__name__ if not str(problem) else str(problem).splitlines()[0]
        raise ResultsError(f"{where}: expected the preprocessing that regfleet wrote; got another ({said})") from None
    if version != FORMAT:
        raise ResultsError(f"{where}: expected a preprocessing of format {FORMAT}; got {version}")
    return made


def _check(made: Preprocessing) -> None:
    """Raise ValueError, KeyError or TypeError unless a plan and its arrays fit together."""
    plan, arrays = made.plan, made.arrays
    if plan["kind"] not in {"table", "array", "texts"}:
        raise ValueError(f"kind {plan['kind']!r}")
    if plan["kind"] == "table":
        width = sum(_width(number, block, arrays) for number, block in enumerate(plan["blocks"]))
        if not plan["whole"] and not len(arrays["mean"]) == len(arrays["scale"]) == width:
            raise ValueError("arrays of other lengths than its columns")
        if not 0 <= int(plan["padding"]) <= 1_000_000:
            raise ValueError("a padding that is none")
    elif plan["kind"] == "array" and len(arrays.get("mean", ())) != len(arrays.get("scale", ())):
        raise ValueError("arrays of different lengths")


def _width(number: int, block: Mapping[str, Any], arrays: Mapping[str, Any]) -> int:
    """The columns that a block makes."""
    kind = block["kind"]
    if kind in {"numbers", "date"}:
        many = len(arrays[f"{number}.means"])
        given = arrays[f"{number}.gaps"]
        if len(given) and not 0 <= int(given.min()) <= int(given.max()) < many:
            raise ValueError("places beyond its columns")
        if kind == "date" and many != len(block["parts"]):
            raise ValueError("parts of dates")
        return many + len(given)
    if kind == "categories":
        for at, width in enumerate(block["widths"]):
            places = arrays[f"{number}.{at}"]
            if len(places) < 2 or not -1 <= int(places.min()) <= int(places.max()) < width:
                raise ValueError("places beyond its columns")
        return int(sum(block["widths"]))
    if kind != "text":
        raise ValueError(f"a block of {kind!r}")
    if len(arrays[f"{number}.idf"]) != len(arrays[f"{number}.terms"]):
        raise ValueError("arrays of different lengths")
    components = arrays.get(f"{number}.components")
    if components is not None and components.shape != (block["width"], len(arrays[f"{number}.terms"])):
        raise ValueError("components of another shape")
    return int(block["width"])


def fitted(dataset: Dataset, rows: np.ndarray, padding: int = 0) -> Preprocessing:
    """What `data.encoding` fits on ``rows`` of the data set, and ``padding`` columns of zeros behind what it makes."""
    import numpy as np

    if dataset.text_shape is not None:
        return Preprocessing({"kind": "texts", "shape": list(dataset.text_shape), "whole": False})
    kept = Encoders()
    encode(dataset.features, [rows], dataset.scaling, kept)
    arrays: dict[str, Any] = {}
    if kept.scaler is not None:
        arrays |= {"mean": kept.scaler.mean, "scale": kept.scaler.scale}
    whole = dataset.scaling.whole
    if isinstance(dataset.features, np.ndarray) and not kept.blocks:
        shape = list(dataset.features.shape[1:])
        return Preprocessing({"kind": "array", "shape": shape, "whole": whole}, arrays)
    blocks = []
    for number, (kind, names, encoder) in enumerate(kept.blocks):
        block: dict[str, Any] = {"kind": kind, "columns": names or input_names(dataset)}
        own = _OF_KIND[kind](dataset, names, encoder, block)
        arrays |= {f"{number}.{name}": value for name, value in own.items()}
        blocks.append(block)
    plan = {"kind": "table", "blocks": blocks, "padding": padding, "whole": whole}
    return Preprocessing(plan, arrays)


def _numbers(_dataset: Dataset, _names: Sequence[str], imputer: Any, _block: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    means = np.asarray(imputer.statistics_, "float64")
    # A column without any value is filled with zeros.
    return {"means": np.where(np.isnan(means), 0.0, means), "gaps": np.asarray(imputer.indicator_.features_, "int64")}


def _categories(dataset: Dataset, names: Sequence[str], encoder: Any, block: dict[str, Any]) -> dict[str, Any]:
    """Where the one of each code stands: of an unseen category, of none, then of all of the table; −1: nowhere."""
    import numpy as np
    import pandas as pd

    features = pd.DataFrame(dataset.features)
    codes = [np.arange(UNSEEN, len(features[name].cat.categories), dtype="int32") for name in names]
    longest = max(map(len, codes))
    grid = np.stack([np.pad(each, (0, longest - len(each)), mode="edge") for each in codes], axis=1)
    with _quietly():
        made = encoder.transform(grid)
    widths = [_made_of(encoder, place) for place in range(len(names))]
    found, first = {}, 0
    for place, (own, width) in enumerate(zip(codes, widths, strict=True)):
        ones = made[: len(own), first : first + width]
        found[str(place)] = np.where(ones.any(axis=1), ones.argmax(axis=1), -1) if width else np.full(len(own), -1)
        first += width
    block["widths"] = widths
    return found


def _made_of(encoder: Any, place: int) -> int:
    """The columns that a one-hot encoder makes of the column at ``place``."""
    names = encoder.get_feature_names_out([str(number) for number in range(len(encoder.categories_))])
    return sum(name.partition("_")[0] == str(place) for name in names)


def _quietly() -> Any:
    import warnings

    return warnings.catch_warnings(action="ignore")


def _date(_dataset: Dataset, _names: Sequence[str], encoder: Any, block: dict[str, Any]) -> dict[str, Any]:
    dates, imputer = encoder[0], encoder[-1]
    block["parts"] = list(dates.extracted_features_)
    return _numbers(_dataset, _names, imputer, block)


def _text(_dataset: Dataset, _names: Sequence[str], encoder: Any, block: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    words = encoder.vectorizer_
    terms = [term for term, _ in sorted(words.vocabulary_.items(), key=lambda one: one[1])]
    block |= {"ngrams": list(words.ngram_range), "analyzer": words.analyzer, "width": int(encoder.n_components_)}
    block["factor"] = float(encoder.scaling_factor_)
    found: dict[str, Any] = {"terms": terms, "idf": np.asarray(words.idf_)}
    if hasattr(encoder, "tsvd_"):
        found["components"] = np.asarray(encoder.tsvd_.components_)
    return found


_OF_KIND = {"numbers": _numbers, "categories": _categories, "date": _date, "text": _text}


def _filled(numbers: np.ndarray, arrays: Mapping[str, Any], place: str) -> np.ndarray:
    """Numbers with their training mean where they are missing, and columns that tell which they were."""
    import numpy as np

    missing = np.isnan(numbers)
    filled = np.where(missing, arrays[f"{place}.means"], numbers)
    return np.concatenate([filled, missing[:, arrays[f"{place}.gaps"]]], axis=1)


def _one_hot(codes: np.ndarray, places: np.ndarray, width: int) -> np.ndarray:
    import numpy as np

    found = places[codes - UNSEEN]
    made = np.zeros((len(codes), width))
    rows = np.flatnonzero(found >= 0)
    made[rows, found[rows]] = 1.0
    return made


def _of_dates(dates: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """Year, month, day, hour and seconds since 1970 (rows, parts), as skrub's DatetimeEncoder gives them in float32."""
    import numpy as np
    import pandas as pd

    series = pd.Series(dates.astype("M8[us]"))
    made = []
    for part in parts:
        if part == "total_seconds":
            numbers = series.astype("int64").where(series.notna()) / TICKS
        else:
            numbers = getattr(series.dt, part)
        made.append(numbers.to_numpy("float32", na_value=np.nan))
    return np.stack(made, axis=1).astype("float64")


def columns_of(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of ``rows`` of a data set as those of new rows are."""
    import numpy as np

    if isinstance(dataset.features, np.ndarray):
        return dict(zip(input_names(dataset), dataset.features[rows].astype("float64").T, strict=True))

    def values(column: Any) -> np.ndarray:
        if column.dtype == "category":
            return np.asarray(column.cat.codes.to_numpy("int32"))
        if column.dtype == "str":
            return np.array([None if lost else text for text, lost in zip(column, column.isna(), strict=True)], object)
        return np.asarray(column.to_numpy())

    return {str(name): values(column) for name, column in dataset.features.iloc[rows].items()}
