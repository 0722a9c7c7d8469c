"""From rows to model input: every statistic comes from the training rows of the seed and from nowhere else."""

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from regfleet.data.dataset import Dataset, Rows, Sets
from regfleet.data.splits import split_rows
from regfleet.settings.values import SplitSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


MAX_ONE_HOT = 100
"""Columns that one categorical column becomes at most; the rarest values of the training rows share the last."""
TEXT_COMPONENTS = 30
"""Numbers that a high-cardinality text becomes."""


def encode(features: "np.ndarray | pd.DataFrame", parts: Sequence["np.ndarray"]) -> list["np.ndarray"]:
    """Float32 (rows, …) for each of ``parts``, row numbers of which the first are the training rows.

    A frame's numbers have their missing values filled with the training mean and a column that tells which they were;
    categories are one-hot, with zeros for one that the training rows do not have; dates become year, month, day, hour
    and seconds; texts the leading components of their character n-grams. Every column is then standardised. Images,
    arrays of more than two dimensions, keep their shape and are standardised by one mean and deviation.
    """
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    if isinstance(features, np.ndarray) and features.ndim > 2:
        return _images(features, parts)
    chosen = _numbers(features, parts) if isinstance(features, np.ndarray) else _frame(features, parts)
    scaler = StandardScaler().fit(chosen[0])
    return [_float32(scaler.transform(rows)) for rows in chosen]


def _images(features: "np.ndarray", parts: Sequence["np.ndarray"]) -> list["np.ndarray"]:
    train = features[parts[0]]
    mean, scale = train.mean(dtype="float64"), train.std(dtype="float64") or 1.0
    return [_float32((features[rows] - mean) / scale) for rows in parts]


def _numbers(features: "np.ndarray", parts: Sequence["np.ndarray"]) -> list["np.ndarray"]:
    import numpy as np

    chosen = [features[rows] for rows in parts]
    if not any(np.isnan(rows).any() for rows in chosen):
        return chosen
    return _fit_transform(_imputer(), chosen)


def _frame(features: "pd.DataFrame", parts: Sequence["np.ndarray"]) -> list["np.ndarray"]:
    """Float64 (rows, columns) for each of ``parts``: the columns by kind, in the order of the frame within a kind."""
    import numpy as np

    blocks = list(_blocks(features, parts))
    return [np.concatenate([block[place] for block in blocks], axis=1) for place in range(len(parts))]


def _blocks(features: "pd.DataFrame", parts: Sequence["np.ndarray"]) -> Iterator[list["np.ndarray"]]:
    import numpy as np
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from threadpoolctl import threadpool_limits

    numbers = features.select_dtypes("float64")
    if numbers.shape[1]:
        yield _fit_transform(_imputer(), [numbers.to_numpy()[rows] for rows in parts])
    categories = features.select_dtypes("category")
    if categories.shape[1]:
        codes = np.stack([categories[name].cat.codes.to_numpy("int32") for name in categories], axis=1)
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=MAX_ONE_HOT, sparse_output=False, dtype=np.float64
        )
        yield _fit_transform(encoder, [codes[rows] for rows in parts])
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
            yield _fit_transform(encoder, chosen)


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


def _float32(scaled: "np.ndarray") -> "np.ndarray":
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
    """The three sets of a seed, encoded and standardised by what its training rows hold and nothing else.

    The number of input columns may differ between seeds: a category is a column where the training rows have it.
    Raises InputError when the data set cannot be split that way.
    """
    import numpy as np

    parts = split_rows(dataset, split, seed)
    inputs = _texts(dataset, parts) if dataset.text_shape is not None else encode(dataset.features, parts)
    if dataset.task == "classification":
        one_hot = np.eye(len(dataset.classes), dtype="float32")
        train, validation, test = (
            Rows(x, one_hot[dataset.target[rows]]) for x, rows in zip(inputs, parts, strict=True)
        )
        return Sets(train, validation, test)
    known = dataset.target[parts[0]]
    mean, scale = float(known.mean()), float(known.std()) or 1.0

    def column(rows: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = ((dataset.target[rows] - mean) / scale).astype("float32")
        return scaled[:, None]

    train, validation, test = (Rows(x, column(rows)) for x, rows in zip(inputs, parts, strict=True))
    return Sets(train, validation, test, "regression", mean, scale)
