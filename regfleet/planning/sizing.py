"""A network and a schedule that fit the rows, for what a study on data of one's own leaves open: docs/defaults.md."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regfleet.settings import Study
    from regfleet.settings.values import Task

WIDTHS = (256, 512)
"""Of the first hidden layer, as wide as a row within these; the second is half as wide."""
BATCHES = (32, 256)
ROWS_PER_ROW_OF_BATCH = 50
"""Rows for each row of a batch: an epoch makes about so many updates, within `BATCHES`."""
RATE = 0.001
"""Of Adam: its authors' and Keras' own."""
UPDATES = {"classification": 500, "regression": 2_500}
"""That a fit makes, within `EPOCHS`: classes are learned, and overfit, in fewer updates than numbers."""
EPOCHS = {"classification": (10, 40), "regression": (20, 40)}


class Size(NamedTuple):
    """Of a data set: the rows that train in a trial, and the numbers of a row as they go in."""

    rows: int
    inputs: int


def sized(study: Study, sizes: Sequence[Size], task: Task) -> tuple[Study, tuple[str, ...]]:
    """The study with a value for every setting that it leaves open, and what was chosen and why, as sentences.

    ``sizes`` are those of its data sets. Several share one network and one schedule, for a size between them.
    """
    names = study.left_open
    if not names:
        return study, ()
    size = Size(*(round(_geometric_mean(values)) for values in zip(*sizes, strict=True)))
    chosen: dict[str, Any] = {"hidden": _widths(size), "activation": ("relu",)}
    batch = _power(size.rows / ROWS_PER_ROW_OF_BATCH, *BATCHES) if "batch_size" in names else study.training.batch_size
    chosen |= {"batch_size": batch, "epochs": _epochs(size.rows, batch, task)}
    chosen |= {"optimizer": "adam", "learning_rate": RATE}
    chosen = {name: chosen[name] for name in names}
    inputs = f" of {size.inputs:,} input{'s' * (size.inputs != 1)}" if "hidden" in chosen else ""
    of = f"{size.rows:,} training rows{inputs}"
    if len(sizes) > 1:
        of = f"about {of}, the geometric mean of {len(sizes)} data sets"
    return study.with_settings(chosen), (_sentence(chosen, of),)


def _widths(size: Size) -> tuple[int, int]:
    first = _power(size.inputs, *WIDTHS)
    return first, first // 2


def _epochs(rows: int, batch: int, task: Task) -> int:
    """As many as make `UPDATES`, in fives."""
    least, most = EPOCHS[task]
    return min(max(5 * round(UPDATES[task] / math.ceil(rows / batch) / 5), least), most)


def _power(number: float, least: int, most: int) -> int:
    """The power of two that is nearest to ``number`` in ratio, within bounds that are some too."""
    return min(max(1 << round(math.log2(max(number, 1))), least), most)


def _geometric_mean(numbers: Sequence[int]) -> float:
    return math.exp(sum(math.log(max(number, 1)) for number in numbers) / len(numbers))


def _sentence(chosen: dict[str, Any], of: str) -> str:
    """What was chosen, and how to say otherwise."""
    rate = f" at the rate {RATE:g}" if "learning_rate" in chosen else ""
    words = {
        "hidden": ("--model", "hidden layers of " + " and ".join(map(str, chosen.get("hidden", ())))),
        "epochs": ("--epochs", f"{chosen.get('epochs')} epochs"),
        "batch_size": ("--batch-size", f"batches of {chosen.get('batch_size')}"),
        "optimizer": ("--optimizer", f"{chosen.get('optimizer')}{rate}"),
    }
    flags, said = zip(*(words[name] for name in words if name in chosen), strict=True)
    return f"sized to {of}: {', '.join(said)}; {', '.join(flags)} would say otherwise"
