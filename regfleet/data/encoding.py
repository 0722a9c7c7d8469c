"""From rows to model input: every statistic comes from the training rows of the seed and from nowhere else."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from regfleet.data.dataset import Dataset, Rows, Scaling, Sets, without_column
from regfleet.data.matrix import Matrix, Standard
from regfleet.data.padding import MAX_ONE_HOT, spare_columns
from regfleet.data.splits import split_rows
from regfleet.settings.values import SplitSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


STANDARD = Scaling("standard")
TEXT_COMPONENTS = 30
"""Numbers that a high-cardinality text becomes."""


CHUNK = 2**23
"""Numbers that are scaled at a time, as float64: a set of images is not there twice in that width."""


Block = tuple[Literal["numbers", "categories", "date", "text"], list[str], Any]
"""The kind of columns that are encoded together, their names, and what was fitted: a scikit-learn transformer."""


@dataclass(slots=True, eq=False)
class Encoders:
    """What `encode` fitted on the training rows, in the order of what it makes; ``scaler`` None: nothing is scaled."""

    blocks: list[Block] = field(default_factory=list)
    scaler: Standard | None = None


def encode(
    features: "np.ndarray | pd.DataFrame",
    parts: Sequence["np.ndarray"],
    scaling: Scaling = STANDARD,
    kept: Encoders | None = None,
) -> list["np.ndarray"]:
    """Float32 (rows, …) for each of ``parts``, row numbers of which the first are the training rows.

    A frame's numbers have their missing values filled with the training mean and a column that tells which they were;
    categories are one-hot, with zeros for one that the training rows do not have; dates become year, month, day, hour
    and seconds; texts the leading components of their character n-grams. Every column is then standardized, or left as
    ``scaling`` says; what becomes of dates and texts, numbers that nobody gave, is left where their column is named.
    Arrays of more than two dimensions keep their shape; each entry of the last axis is standardized by itself. Where
    numbers have to stay exact, they are whole numbers. What was fitted goes into ``kept``.
    """
    import numpy as np

    if isinstance(features, np.ndarray) and (features.ndim > 2 or features.dtype.kind in "iu"):
        return _array(features, parts, scaling, kept)
    if isinstance(features, np.ndarray):
        if kept is None:
            return _matrix(features, parts, scaling)
        chosen = _numbers(features, parts, kept)
        stay = np.full(chosen[0].shape[1], scaling.how == "none")
    else:
        chosen, owners = _frame(features, parts, kept)
        stay = np.array([_stays(features, owner, scaling) for owner in owners])
    if scaling.whole:
        return [_whole(rows) for rows in chosen]
    scaler = Standard().seen(chosen[0])
    scaler.mean[stay], scaler.scale[stay] = 0.0, 1.0
    if kept is not None:
        kept.scaler = scaler
    return [within_float32(scaler.of(rows)) for rows in chosen]


def _stays(features: "pd.DataFrame", column: str, scaling: Scaling) -> bool:
    """Whether what a column became is left as it is."""
    made = features[column].dtype == "str" or features[column].dtype.kind == "M"
    return dict(scaling.columns).get(column, "standard" if made else scaling.how) == "none"


def _array(
    features: "np.ndarray", parts: Sequence["np.ndarray"], scaling: Scaling, kept: Encoders | None
) -> list["np.ndarray"]:
    """Numbers of any type and shape, none of them missing."""
    import numpy as np

    if scaling.how == "none":
        return [(_whole if scaling.whole else within_float32)(features[rows]) for rows in parts]
    width = 1 if scaling.flat else features.shape[-1]
    rows_at_once = max(1, CHUNK // math.prod(features.shape[1:]))

    def chunks(rows: "np.ndarray") -> Iterator["np.ndarray"]:
        for first in range(0, len(rows), rows_at_once):
            yield features[rows[first : first + rows_at_once]].astype("float64").reshape(-1, width)

    scaler = Standard()
    for chunk in chunks(parts[0]):
        scaler.seen(chunk)
    if kept is not None:
        kept.scaler = scaler
    scaled = []
    for rows in parts:
        scaled.append(np.empty((len(rows), *features.shape[1:]), "float32"))
        place = scaled[-1].reshape(-1, width)
        for chunk in chunks(rows):
            place[: len(chunk)] = within_float32(scaler.of(chunk))
            place = place[len(chunk) :]
    return scaled


def _whole(numbers: "np.ndarray") -> "np.ndarray":
    """Of one type for every seed and part."""
    return numbers.astype("int64")


def _matrix(features: "np.ndarray", parts: Sequence["np.ndarray"], scaling: Scaling) -> list["np.ndarray"]:
    """Numbers of a table, some of them missing."""
    matrix = Matrix(features, parts)
    if scaling.whole:
        return [matrix.written(rows, _whole, "int64") for rows in parts]
    if scaling.how == "none":
        return [matrix.written(rows, within_float32, "float32") for rows in parts]
    scaler = matrix.standard()
    return [matrix.written(rows, lambda some: within_float32(scaler.of(some)), "float32") for rows in parts]


def _numbers(features: "np.ndarray", parts: Sequence["np.ndarray"], kept: Encoders) -> list["np.ndarray"]:
    """The same whole, where what was fitted is to be kept."""
    imputer = _imputer()
    kept.blocks.append(("numbers", [], imputer))
    return _fit_transform(imputer, [features[rows] for rows in parts])


def _frame(
    features: "pd.DataFrame", parts: Sequence["np.ndarray"], kept: Encoders | None
) -> "tuple[list[np.ndarray], list[str]]":
    """Float64 (rows, columns) for each of ``parts``: the columns by kind, in the order of the frame within a kind.

    The second are the columns of the frame that they came from.
    """
    import numpy as np

    blocks, owners = zip(*_blocks(features, parts, Encoders() if kept is None else kept), strict=True)
    joined = [np.concatenate([block[place] for block in blocks], axis=1) for place in range(len(parts))]
    return joined, [name for names in owners for name in names]


def _blocks(
    features: "pd.DataFrame", parts: Sequence["np.ndarray"], kept: Encoders
) -> "Iterator[tuple[list[np.ndarray], list[str]]]":
    """Columns of one kind, and the frame's column that each came from."""
    import numpy as np
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from threadpoolctl import threadpool_limits

    numbers = features.select_dtypes("float64")
    if numbers.shape[1]:
        imputer, names = _imputer(), [*map(str, numbers)]
        filled = _fit_transform(imputer, [numbers.to_numpy()[rows] for rows in parts])
        kept.blocks.append(("numbers", names, imputer))
        yield filled, names + [names[place] for place in imputer.indicator_.features_]
    categories = features.select_dtypes("category")
    if categories.shape[1]:
        codes = np.stack([categories[name].cat.codes.to_numpy("int32") for name in categories], axis=1)
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=MAX_ONE_HOT, sparse_output=False, dtype=np.float64
        )
        one_hot, names = _fit_transform(encoder, [codes[rows] for rows in parts]), [*map(str, categories)]
        kept.blocks.append(("categories", names, encoder))
        made = encoder.get_feature_names_out([str(place) for place in range(len(names))])
        yield one_hot, [names[int(name.partition("_")[0])] for name in made]
    for name in features.select_dtypes(["datetime64", "str"]):
        from skrub import DatetimeEncoder, StringEncoder

        chosen = [features[name].iloc[rows].reset_index(drop=True) for rows in parts]
        if chosen[0].isna().all():
            continue
        if features[name].dtype == "str":
            chosen = [column.fillna("") for column in chosen]
            encoder = StringEncoder(TEXT_COMPONENTS, random_state=0)
        else:
            encoder = make_pipeline(DatetimeEncoder(), _imputer())
        # With one thread the order of the sums, and so the last bit, is the same on every machine of a kind.
        with threadpool_limits(1):
            made = _fit_transform(encoder, chosen)
        kept.blocks.append(("text" if features[name].dtype == "str" else "date", [str(name)], encoder))
        yield made, [str(name)] * made[0].shape[1]


def _imputer() -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(add_indicator=True, keep_empty_features=True)


def _fit_transform(encoder: Any, parts: Sequence[Any]) -> list["np.ndarray"]:
    import numpy as np

    with warnings.catch_warnings():
        # A column without a value, or text of few n-grams, in the training rows: handled, and no news per seed.
        warnings.simplefilter("ignore")
        encoder.fit(parts[0])
        return [np.asarray(encoder.transform(part)) for part in parts]


def within_float32(scaled: "np.ndarray") -> "np.ndarray":
    """Within the range of float32, where a held-out value may lie far outside that of the training rows."""
    import numpy as np

    largest = np.finfo("float32").max
    if scaled.dtype == np.float64 and scaled.size and max(scaled.max(), -scaled.min()) > largest:
        scaled = np.clip(scaled, -largest, largest)
    return scaled.astype("float32")


def is_text(dataset: Dataset) -> bool:
    """Whether its input is one column of texts, which a model may take as they are."""
    import numpy as np

    if isinstance(dataset.features, np.ndarray) or dataset.features.shape[1] != 1:
        return False
    kind = dataset.features.dtypes.iloc[0]
    return str(kind) in {"category", "str"}


def _texts(dataset: Dataset, parts: Sequence["np.ndarray"]) -> list["np.ndarray"]:
    """The texts as objects (rows, …), empty where missing."""
    import pandas as pd

    texts = pd.DataFrame(dataset.features).iloc[:, 0].astype(object)
    values = texts.where(texts.notna(), "").to_numpy(object)
    return [values[rows].reshape(len(rows), *(dataset.text_shape or ())) for rows in parts]


def cut(dataset: Dataset, split: SplitSpec, seed: int) -> Sets:
    """The three sets of a seed, encoded and scaled by what its training rows hold and nothing else.

    The number of input columns may differ between seeds: a category is a column where the training rows have it.
    `padding.padded` makes them equal. Sets that are among the data set's ``cuts`` are those. Raises InputError when the
    data set cannot be split that way.
    """
    if (split, seed) in dataset.cuts:
        return dataset.cuts[split, seed]
    parts = split_rows(dataset, split, seed)
    return cut_at(dataset if split.without is None else without_column(dataset, split.without), parts)


def cut_at(dataset: Dataset, parts: "tuple[np.ndarray, np.ndarray, np.ndarray]") -> Sets:
    """The same of the rows that train, validate and test."""
    import numpy as np

    spare = 0
    if dataset.text_shape is not None:
        inputs = _texts(dataset, parts)
    else:
        inputs = encode(dataset.features, parts, dataset.scaling)
        # With a fixed test set, the same rows train in every seed.
        spare = 0 if dataset.fixed_test else spare_columns(dataset.features, parts)
    if dataset.task == "classification":
        one_hot = np.eye(len(dataset.classes), dtype="float32")
        train, validation, test = (
            Rows(x, one_hot[dataset.target[rows]]) for x, rows in zip(inputs, parts, strict=True)
        )
        return Sets(train, validation, test, test_rows=parts[2], spare=spare)
    known = dataset.target[parts[0]]
    mean, scale = float(known.mean()), float(known.std()) or 1.0

    def column(rows: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = ((dataset.target[rows] - mean) / scale).astype("float32")
        return scaled[:, None]

    train, validation, test = (Rows(x, column(rows)) for x, rows in zip(inputs, parts, strict=True))
    return Sets(train, validation, test, "regression", mean, scale, parts[2], spare)
