"""Splits: which rows train, which choose the epoch, which judge."""

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet.data.dataset import Dataset
from regfleet.errors import InputError
from regfleet.settings.values import SplitSpec
from regfleet.streams import stream, stream_int
from regfleet.text import given

if TYPE_CHECKING:
    import numpy as np

    Parts = tuple[np.ndarray, np.ndarray, np.ndarray]

SPLITS = {
    "balanced": SplitSpec("balanced", 0.6, 0.2, 0.2, folds=5),
    "60/20/20": SplitSpec("60/20/20", 0.6, 0.2, 0.2),
    "article": SplitSpec("article", 0.75, 0.25, 0.25, stratified=False, test_is_validation=True),
}
FOLD_VALIDATION = 0.2
"""Of the rows outside the fold, the share that validates."""


def parse_split(text: str) -> SplitSpec:
    """``60/20/20`` percent that train, validate and test, ``5x2`` for 5 repeats of 2-fold cross-validation, or a name.

    ``random`` is ``60/20/20``. Raises InputError for anything else.
    """
    text = text.strip()
    if text == "random":
        return SPLITS["60/20/20"]
    if text in SPLITS:
        return SPLITS[text]
    folds = re.fullmatch(r"([0-9]{1,3})x([0-9]{1,3})", text)
    if folds and int(folds[1]) >= 1 and int(folds[2]) >= 2:
        repeats, k = int(folds[1]), int(folds[2])
        validation = FOLD_VALIDATION * (1 - 1 / k)
        return SplitSpec(f"{repeats}x{k}", 1 - 1 / k - validation, validation, 1 / k, repeats=repeats, folds=k)
    shares = re.fullmatch("/".join([r"([0-9]{1,3}(?:\.[0-9]{1,15})?)"] * 3), text)
    percent = [float(share) for share in shares.groups()] if shares else []
    if not percent or min(percent) <= 0 or not math.isclose(sum(percent), 100):
        said = "balanced, random, three shares that add up to 100 such as 60/20/20, folds such as 5x2, or article"
        raise InputError(f"--split: expected {said}; got {given(text)}")
    name = "/".join(f"{share:g}" for share in percent)
    train, validation, test = (share / 100 for share in percent)
    return SPLITS.get(name) or SplitSpec(name, train, validation, test)


def split_rows(dataset: Dataset, split: SplitSpec, seed: int) -> "Parts":
    """The row numbers of the training, validation and test set of a seed, from its stream ``split``.

    The test set is the latest rows of a data set ordered in time, the rows that it holds out, or drawn. A fixed test
    set keeps the other two sets fixed as well, so that seeds differ in the weights alone. With folds, seed s is fold
    s mod k of repeat s div k. Folds without end (`deals`) are dealt in rounds, from the streams of their repeat, and
    whole groups and fixed test sets are drawn instead. A half of the rows is split as a data set that has no others; a
    share of the training rows is taken from those that all of them are.
    Raises InputError when the data set is too small to be split that way.
    """
    import numpy as np

    if split.share is not None:
        train, validation, test = split_rows(dataset, replace(split, share=None), seed)
        return _fewer(dataset, train, split, seed), validation, test
    if split.half is not None:
        own = _half(dataset, split.half)
        rows_of_half = replace(
            dataset,
            target=dataset.target[own],
            groups=None if dataset.groups is None else dataset.groups[own],
        )
        train, validation, test = split_rows(rows_of_half, replace(split, half=None), seed)
        return own[train], own[validation], own[test]
    rows = np.arange(len(dataset.target))
    n_train, n_validation, n_test = _checked_counts(dataset, split)
    if deals(dataset, split):
        rest, test = _deal(dataset, split, seed)
        return *_spread(dataset, rest, n_validation, seed), test
    if dataset.order is not None:
        rows = np.argsort(dataset.order, kind="stable")
        rest, test = rows[:-n_test], rows[-n_test:]
        return (rest, test, test) if split.test_is_validation else (rest[:n_train], rest[n_train:], test)
    if dataset.held_out is not None:
        rest, test, seed = rows[~dataset.held_out], rows[dataset.held_out], 0
    elif split.repeats:
        rest, test = _fold(dataset, split, seed)
    else:
        rest, test = _draw(dataset, split, rows, n_test, (seed, "split", "test"))
    if split.test_is_validation:
        return rest, test, test
    train, validation = _draw(dataset, split, rest, n_validation, (seed, "split", "validation"))
    return train, validation, test


def row_counts(dataset: Dataset, split: SplitSpec) -> tuple[int, int, int]:
    """Rows in the training, validation and test set.

    They are the same for every seed, but for folds, which may differ by a row or two, and for whole groups of rows,
    where these are the counts aimed at.
    """
    rows = len(dataset.target)
    n_test = _ceil(split.test * rows) if dataset.held_out is None else int(dataset.held_out.sum())
    rest = rows - n_test
    if split.test_is_validation:
        return rest, n_test, n_test
    if dataset.held_out is None and not split.repeats:
        n_validation = _ceil(split.validation * rows)
    else:
        n_validation = _ceil(split.validation / (split.train + split.validation) * rest)
    return rest - n_validation, n_validation, n_test


def deals(dataset: Dataset, split: SplitSpec) -> bool:
    """Whether the rows are dealt to the test sets of every k seeds in turn, each to one, for any number of seeds."""
    return split.folds > 0 and not split.repeats and dataset.groups is None and not dataset.fixed_test


def stratifies(dataset: Dataset, split: SplitSpec) -> bool:
    """Whether every set gets its share of every class: wanted, possible, and not overruled by groups or time."""
    import numpy as np

    if not split.stratified or dataset.task == "regression" or dataset.groups is not None or dataset.order is not None:
        return False
    drawn = dataset.target if dataset.held_out is None else dataset.target[~dataset.held_out]
    counts = np.bincount(drawn, minlength=len(dataset.classes))
    counts = counts[counts > 0]
    if deals(dataset, split):
        return bool(counts.min() >= split.folds)
    sizes = row_counts(dataset, split)[: 2 if dataset.held_out is not None else 3]
    left = counts if dataset.held_out is not None else np.floor(counts * (1 - split.test))
    return min(sizes) >= len(counts) and left.min() >= 2 and counts.min() >= max(split.folds if split.repeats else 0, 2)


def split_meaning(split: SplitSpec, dataset: Dataset) -> str:
    """What the split does with these rows and what the interval is then about, in sentences."""
    n_train, n_validation, n_test = row_counts(dataset, split)
    counts = f"{n_train:,} rows train, {n_validation:,} validate and {n_test:,} test"
    if split.test_is_validation:
        counts = f"{n_train:,} rows train, and the same {n_test:,} validate and test"
    if dataset.fixed_test:
        which = "the rows of the test file" if dataset.held_out is not None else "the latest rows"
        said = f"One fixed test set, {which}: {counts}, the same for every seed. Seeds vary the weights only (r = 0): "
        return said + "the interval is about training again on these rows, not about other rows."
    ratio = f"r = n_test / n_train = {n_test / n_train:.2f}"
    if deals(dataset, split):
        said = f"Rows are dealt to test sets, so that every {split.folds} seeds test each row once: {counts}. "
    elif split.repeats:
        said = (
            f"{split.repeats} × {split.folds}-fold cross-validation: {counts}; seeds 0 to "
            f"{split.repeats * split.folds - 1} are the folds, and every {split.folds} of them test each row once. "
        )
    else:
        said = f"Every seed draws its own sets: {counts}. "
    if dataset.groups is not None:
        said += "Rows of one group stay together, so the interval is about new groups. "
    elif dataset.task == "classification" and split.stratified:
        fair = "Every set has the classes in their shares. "
        if stratifies(dataset, split):
            said += fair
        elif deals(dataset, split):
            said += f"A class has fewer than {split.folds} rows, so that some sets lack it. "
        else:
            said += "A class is too rare to be in every set: the draw is not stratified. "
    return (
        f"{said}The interval is about new data of this kind. Seeds share rows, so that they tell less than as many "
        f"separate data sets would: it is widened for that ({ratio}; docs/statistics.md)."
    )


def _fewer(dataset: Dataset, train: "np.ndarray", split: SplitSpec, seed: int) -> "np.ndarray":
    """The share of the training rows that ``split`` asks for, in their order: a larger share holds every smaller one.

    The latest ones of rows that are ordered in time; whole groups; else rows by chance, classes in their shares where
    the split is stratified, to within a row. Where the test rows are fixed every seed has the same.
    """
    import numpy as np

    share = split.share or 1.0
    size = max(1, round(share * len(train)))
    if dataset.order is not None:
        return train[-size:]
    generator = stream(0 if dataset.fixed_test else seed, "split", "rows")
    if dataset.groups is not None:
        _, numbers, counts = np.unique(dataset.groups[train], return_inverse=True, return_counts=True)
        order = generator.permutation(len(counts))
        many = int(np.abs(np.cumsum(counts[order]) - share * len(train)).argmin()) + 1
        return train[np.isin(numbers, order[:many])]
    classes = dataset.target[train] if split.stratified and dataset.task == "classification" else np.zeros(len(train))
    order = generator.permutation(len(train))
    order = order[np.argsort(classes[order], kind="stable")]
    _, first, counts = np.unique(classes[order], return_index=True, return_counts=True)
    # The place of a row within its class, as a part of it: the rows of small places are of all classes alike.
    within = np.arange(len(order)) - np.repeat(first, counts) + np.repeat(generator.random(len(counts)), counts)
    taken = order[np.argsort(within / np.repeat(counts, counts), kind="stable")[:size]]
    return train[np.sort(taken)]


def _half(dataset: Dataset, number: int) -> "np.ndarray":
    """The rows of a half: every second one of the pair's order of rows, class by class, or whole groups of rows."""
    import numpy as np

    pair, side = divmod(number, 2)
    rows, generator = np.arange(len(dataset.target)), stream(pair, "split", "halves")
    if dataset.groups is not None:
        first = _whole_groups(dataset.groups, len(rows) // 2, generator, "halves")
        own = np.flatnonzero(first == (side == 0))
    else:
        own = np.sort(_by_class(dataset, rows, generator)[side::2])
    return own


def _checked_counts(dataset: Dataset, split: SplitSpec) -> tuple[int, int, int]:
    counts = row_counts(dataset, split)
    if min(counts) < 1 or split.folds > len(dataset.target):
        got = f"{len(dataset.target)} rows in {dataset.name}"
        raise InputError(f"--split {split.name}: expected a row or more in each set; got {got}")
    if split.repeats and dataset.fixed_test:
        raise InputError(f"--split {split.name}: expected shares such as 60/20/20 with a fixed test set; got folds")
    return counts


def _deal(dataset: Dataset, split: SplitSpec, seed: int) -> "tuple[np.ndarray, np.ndarray]":
    """The rows outside and inside of the test set of a seed: every k-th of the repeat's order of rows.

    Test sets of one repeat differ by at most a row, in all and of each class, however rare a class is.
    """
    import numpy as np

    repeat, fold = divmod(seed, split.folds)
    order = _by_class(dataset, np.arange(len(dataset.target)), stream(repeat, "split", "folds"))
    tests = np.zeros(len(order), dtype=bool)
    tests[order[fold :: split.folds]] = True
    return np.flatnonzero(~tests), np.flatnonzero(tests)


def _spread(dataset: Dataset, rest: "np.ndarray", size: int, seed: int) -> "tuple[np.ndarray, np.ndarray]":
    """The rows of ``rest`` that train, and ``size`` that validate: systematic sampling, so classes keep their shares.

    Every class has in the sample the rows of its share, rounded up or down.
    """
    import numpy as np

    generator = stream(seed, "split", "validation")
    order = _by_class(dataset, rest, generator)
    places = ((np.arange(size) + generator.random()) * (len(rest) / size)).astype(np.int64)
    validates = np.isin(rest, order[places])
    return rest[~validates], rest[validates]


def _by_class(dataset: Dataset, rows: "np.ndarray", generator: "np.random.Generator") -> "np.ndarray":
    """``rows`` in a random order, of a classification class by class."""
    import numpy as np

    order = generator.permutation(rows)
    return order if dataset.task == "regression" else order[np.argsort(dataset.target[order], kind="stable")]


def _fold(dataset: Dataset, split: SplitSpec, seed: int) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    last = split.repeats * split.folds - 1
    if seed > last:
        raise InputError(f"--seeds: expected 0 to {last}, the folds of --split {split.name}; got {seed}")
    repeat, fold = divmod(seed, split.folds)
    groups = dataset.groups
    if groups is not None and len(np.unique(groups)) <= split.folds:
        got = f"{len(np.unique(groups))} in {dataset.name}"
        raise InputError(f"--group: expected more than {split.folds} groups for --split {split.name}; got {got}")
    kind = GroupKFold if groups is not None else StratifiedKFold if stratifies(dataset, split) else KFold
    folds = kind(split.folds, shuffle=True, random_state=stream_int(repeat, "split", "folds"))
    rest, test = list(folds.split(dataset.target, dataset.target, groups))[fold]
    return rest, test


def _draw(
    dataset: Dataset, split: SplitSpec, rows: "np.ndarray", size: int, name: tuple[int, str, str]
) -> "tuple[np.ndarray, np.ndarray]":
    from sklearn.model_selection import train_test_split

    if dataset.groups is not None:
        taken = _whole_groups(dataset.groups[rows], size, stream(*name), f"--split {split.name} of {dataset.name}")
        return rows[~taken], rows[taken]
    labels = dataset.target[rows] if stratifies(dataset, split) else None
    try:
        kept, taken = train_test_split(rows, test_size=size, random_state=stream_int(*name), stratify=labels)
    except ValueError as problem:
        raise InputError(f"--split {split.name} of {dataset.name}: expected sets with rows; got {problem}") from None
    return kept, taken


def _whole_groups(groups: "np.ndarray", size: int, generator: "np.random.Generator", what: str) -> "np.ndarray":
    """Bool (rows,): groups in a random order, as many as come nearest to ``size`` rows, and some left."""
    import numpy as np

    _, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise InputError(f"--group: expected a group or more in each set; got too few groups for {what}")
    order = generator.permutation(len(counts))
    number = int(np.abs(np.cumsum(counts[order])[:-1] - size).argmin()) + 1
    return np.isin(numbers, order[:number])


def _ceil(rows: float) -> int:
    # 0.15 × 100 is 15.000000000000002
    return math.ceil(round(rows, 9))
