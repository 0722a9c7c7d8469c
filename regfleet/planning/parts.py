"""The parts of a data set that trials are of: all of it, halves that judge, shares of its rows, all columns but one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regfleet.data.dataset import input_names
from regfleet.data.splits import row_counts
from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.settings.values import SplitSpec, halved, part_name
from regfleet.text import named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regfleet.data.dataset import Dataset
    from regfleet.results import DataFacts
    from regfleet.settings import Study
    from regfleet.settings.values import Variant

FEWEST = 10
"""Training rows of the smallest share."""
MOST_COLUMNS = 1000
"""That are left out one at a time."""


@dataclass(frozen=True, slots=True)
class Part:
    """What ``split`` is of a data set, called ``name`` in results, and the ``variants`` that are trained on it.

    ``extra``: beside the study's own question; what judges that has the reference rows too.
    """

    split: SplitSpec
    name: str
    variants: tuple[Variant, ...]
    extra: bool = False


def parts_of(
    study: Study, split: SplitSpec, variants: tuple[Variant, ...], dataset: str, columns: Sequence[str]
) -> tuple[Part, ...]:
    """The parts of a data set that a study trains on, all of it first; ``columns`` are those that are left out."""
    splits = (split, *(halved(split) if study.interval == "conservative" else ()))
    judging = [Part(one, part_name(dataset, one), variants) for one in splits]
    fewer = [replace(split, share=percent / 100) for percent in study.rows]
    less = [replace(split, without=name) for name in (columns if study.ablate else ())]
    beside = [Part(one, part_name(dataset, one), variants, extra=True) for one in fewer]
    control = variants[:1]  # the one that trains as the study says
    return (*judging, *beside, *(Part(one, part_name(dataset, one), control, extra=True) for one in less))


def check_parts(study: Study) -> None:
    """Raise InputError where a study cannot have a learning curve or columns left out."""
    for flag, asked in (("--rows", study.rows), ("--ablate", study.ablate)):
        if not asked:
            continue
        if study.adds_seeds:
            raise InputError(f"{flag}: expected a number of seeds, which says what it costs; got --seeds auto")
        if study.greedy:
            raise InputError(f"{flag}: expected variants that are known from the start; got --greedy")
        if study.interval == "conservative":
            raise InputError(f"{flag}: expected --interval auto beside it; got conservative")
    if study.ablate and re.search(r"\.keras$", study.model.source or ""):
        raise InputError(
            f"--ablate: expected a model that takes any number of inputs, widths or package.module:build; got "
            f"{named(study.model.source or '')}, whose input is fixed"
        )


def check_rows(study: Study, dataset: Dataset, split: SplitSpec) -> None:
    """Raise InputError where the smallest share of the training rows is no training set."""
    rows, least = row_counts(dataset, split)[0], next(iter(study.rows), 100.0)
    left = round(rows * least / 100)
    if left < FEWEST and study.rows:
        raise InputError(
            f"--rows: expected shares that leave {FEWEST} training rows or more; got {exact(least)}% of "
            f"{dataset.name}, {left} of {rows:,} rows"
        )


def with_columns(
    study: Study, facts: Mapping[str, DataFacts], datasets: Mapping[str, Dataset]
) -> Mapping[str, DataFacts]:
    """What is known of the data sets with the columns that are left out, where the study asks for that."""
    if not study.ablate:
        return facts
    return {name: one.model_copy(update={"ablated": _ablated(name, datasets[name])}) for name, one in facts.items()}


def _ablated(name: str, dataset: Dataset) -> tuple[str, ...]:
    """The columns that are left out one at a time; raises InputError for a data set that has none, saying why."""
    found = input_names(dataset)
    expected = "--ablate columns: expected a table of two columns or more"
    if dataset.text_shape is not None:
        raise InputError(f"{expected}; got {name}, whose texts go into the model as they are")
    if not found:
        shape = " × ".join(map(str, dataset.features.shape[1:]))
        what = "an image" if dataset.features.ndim == 4 else "an array"
        raise InputError(
            f"{expected}; got {name}, whose row is {what} of {shape} numbers, none of which has a meaning of its own"
        )
    if len(found) < 2:
        raise InputError(f"{expected}; got {name}, whose only column is {named(found[0])}")
    if len(found) > MOST_COLUMNS:
        raise InputError(f"{expected} and {MOST_COLUMNS:,} at most; got {len(found):,} in {name}")
    return tuple(found)


def parts_cost(study: Study, parts: Sequence[Part]) -> str:
    """What a learning curve and columns left out take, in words; empty without either."""
    said, many = [], len(study.seeds)
    if study.rows:
        trials = sum(len(part.variants) for part in parts if part.split.share) * many
        shares = ", ".join(f"{exact(percent)}%" for percent in study.rows)
        said.append(f"a learning curve trains every variant on {shares} of the training rows too: {trials:,} trials")
    if study.ablate:
        columns = sum(part.split.without is not None for part in parts)
        said.append(
            f"the control is trained without each of {columns:,} columns, one at a time: {columns * many:,} trials"
        )
    return "; ".join(said)
