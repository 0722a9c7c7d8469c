"""How the numbers of a data set go into a model: standardized, or as they are; docs/scaling.md has the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regfleet.data.dataset import Dataset, Scaling, number_columns
from regfleet.errors import InputError
from regfleet.text import bounded, named, nearest

if TYPE_CHECKING:
    import numpy as np

    from regfleet.settings.values import Scale

EXACT = 2**24
"""Up to here a float32 holds every whole number."""


@dataclass(frozen=True, slots=True)
class InputUse:
    """What a model of the user's own does with its input before any layer with weights.

    ``why`` says which layer takes the numbers as they were given, empty where none does; ``knows`` names the first
    layer whose weights were given and know numbers as they came there, empty where there is none; ``seen`` is standard
    where a normalization behind it has the statistics of standardized rows. ``images``: it reads rows of two axes as
    images without channels. ``ids`` are the layers that look numbers up with how many they know,
    None where any will do, ``dtype`` is what the model makes of its input first.
    """

    why: str = ""
    knows: str = ""
    images: bool = False
    ids: tuple[tuple[str, int | None], ...] = ()
    dtype: str = "float32"
    seen: str = ""


def asked(dataset: Dataset, scale: Scale | Mapping[str, Scale] | None) -> Dataset:
    """The data set with the scaling that a study asks for; raises InputError for a column that is no input of it."""
    if scale is None:
        return dataset
    import numpy as np
    import pandas as pd

    if not isinstance(scale, Mapping):
        return replace(dataset, scaling=Scaling(scale))
    features = dataset.features
    if isinstance(features, np.ndarray):
        if not dataset.columns:
            got = f"columns for {dataset.name}, which is an array"
            raise InputError(f"--scale: expected auto, standard or none without a table's columns; got {got}")
        features = pd.DataFrame(features, columns=number_columns(dataset))
    names = [str(name) for name in features.columns]
    for name in scale:
        if name not in names:
            known = bounded(", ".join(names), 200)
            raise InputError(f"--scale: expected input columns ({known}); got {named(name)}{nearest(name, names)}")
    return replace(dataset, features=features, scaling=Scaling(columns=tuple(sorted(scale.items()))))


def decided(dataset: Dataset, use: InputUse | None) -> Dataset:
    """The data set with its scaling decided for a model of the user's own that does ``use``; None: a perceptron.

    Raises InputError for numbers that a layer of the model cannot look up, or that stand where it takes texts.
    """
    numbers = _numbers(dataset)
    if use and use.dtype == "string" and numbers is not None and numbers.dtype.kind in "biuf":
        raise InputError(f"--data: expected texts for a model whose input is text; got numbers in {dataset.name}")
    before = dataset.scaling
    found = before if before.how != "auto" else _chosen(dataset, use)
    found = replace(found, columns=before.columns)
    if use and found.how == "none":
        found = replace(found, whole=_checked(dataset, use))
        scaled = [name for name, how in found.columns if how == "standard"]
        if found.whole and scaled:
            expected = f"none for the columns of whole numbers that {use.ids[0][0]} looks up"
            raise InputError(f"--scale: expected {expected}; got standard for {named(scaled[0])}")
    found = replace(found, flat=_is_flat(dataset, use), why=found.why or ", as --scale says")
    return replace(dataset, scaling=found)


def _chosen(dataset: Dataset, use: InputUse | None) -> Scaling:
    plain = Scaling("standard", why="; --scale none leaves them as they are")
    if use is None:
        return plain
    if use.why:
        return Scaling("none", why=f"{use.why}; --scale standard overrules")
    array = _array(dataset)
    is_whole = array is not None and array.dtype.kind in "iu"
    is_table = array is None or (array.ndim == 2 and not is_whole)
    if use.knows and use.seen and is_table:
        why = f", as the normalization behind {use.knows} has seen them; --scale none leaves them as they are"
        return Scaling("standard", assumed=True, why=why)
    if use.knows:
        return Scaling("none", why=f"{use.knows} has weights that know them so; --scale standard overrules")
    if is_whole:
        why = "whole numbers, and no layer of the model was seen to scale them; --scale standard does"
        return Scaling("none", why=why)
    return plain


def _array(dataset: Dataset) -> np.ndarray | None:
    """The features, unless they are a table's."""
    import numpy as np

    return dataset.features if isinstance(dataset.features, np.ndarray) else None


def _is_flat(dataset: Dataset, use: InputUse | None) -> bool:
    """Whether the array holds images (rows, height, width), by the model's first layers or as bytes."""
    array = _array(dataset)
    return array is not None and array.ndim == 3 and (bool(use and use.images) or str(array.dtype) == "uint8")


def _checked(dataset: Dataset, use: InputUse) -> bool:
    """Whether the numbers need to stay whole numbers; raises InputError for those that a layer cannot look up."""
    numbers = _numbers(dataset)
    if not use.ids or numbers is None or not numbers.size:
        return False
    low, high = numbers.min(), numbers.max()  # NaN where one is missing
    for layer, known in use.ids:
        if known is not None and not (low >= 0 and high < known):
            got = f"{low:,.15g} to {high:,.15g}" if low <= high else "missing ones"
            raise InputError(
                f"--data: expected numbers from 0 to {known - 1:,}, which {layer} can look up, in {dataset.name}; "
                f"got {got}"
            )
    if not max(abs(float(low)), abs(float(high))) > EXACT:
        return False
    if use.dtype.startswith("float"):
        raise InputError(
            f"--data: expected numbers up to {EXACT:,}, which {use.dtype} holds exactly, for {use.ids[0][0]}; got "
            f"{high:,.15g} in {dataset.name}. Give the model keras.Input(shape, dtype='int64')"
        )
    return True


def _numbers(dataset: Dataset) -> np.ndarray | None:
    """All numbers of the data set; None for a table that has other columns too."""
    import numpy as np

    if isinstance(dataset.features, np.ndarray):
        return dataset.features
    return dataset.features.to_numpy() if (dataset.features.dtypes == "float64").all() else None


def scaling_key(dataset: Dataset) -> str:
    """What the keys of trials hold of the scaling: empty where it is what every table has always got."""
    scaling, array = dataset.scaling, _array(dataset)
    parts: list[str] = [] if scaling.how in ("auto", "standard") else [scaling.how]
    if scaling.assumed:
        parts.append("assumed")
    if scaling.whole:
        parts.append("whole")
    if scaling.columns:
        parts.append(json.dumps(scaling.columns))
    if not parts and array is not None and array.ndim > 2:
        rounded = str(array.dtype) in ("float16", "float32")  # their deviation had their own precision once
        several = array.shape[-1] > 1 and not scaling.flat
        parts += ["feature"] * (rounded or several)
    return " ".join(parts)


def scaling_meaning(dataset: Dataset) -> str:
    """How the numbers go into the model and why, in a sentence."""
    scaling, array = dataset.scaling, _array(dataset)
    if dataset.text_shape is not None:
        return "Texts go into the model as they are, which takes them so."
    if scaling.how == "none":
        said = "Numbers go into the model as they are"
    elif array is None or array.ndim == 2:
        said = "Every column is standardized by the mean and deviation of its training rows"
    elif scaling.flat or array.shape[-1] == 1:
        said = "All numbers are standardized by one mean and one deviation, of the training rows"
    else:
        kind = "channels of its images" if array.ndim == 4 else "features, over all steps,"
        said = f"Each of the {array.shape[-1]:,} {kind} is standardized by its own mean and deviation"
        said += ", of the training rows"
    if scaling.columns:
        own = (f"{named(name)} {'as it is' if how == 'none' else 'standardized'}" for name, how in scaling.columns)
        said += f" ({bounded(', '.join(own), 300)})"
    joint = "" if scaling.why.startswith((";", ",")) else ": "
    return f"{said}{joint}{scaling.why}."
