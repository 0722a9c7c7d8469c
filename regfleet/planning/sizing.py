"""A network and a schedule that fit the rows, for what a study on data of one's own leaves open: docs/defaults.md."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regfleet.settings import Study

WIDTHS = (128, 64)
RATE = 0.001
"""Of Adam: its authors' and Keras' own."""
BATCHES = (32, 256)
UPDATES_PER_EPOCH = 100
"""That batches are sized for, within `BATCHES`."""
EPOCHS = (20, 40)


def sized(study: Study, rows: Mapping[str, int]) -> tuple[Study, tuple[str, ...]]:
    """The study with a value for every setting that it leaves open, and sentences on what was chosen and why.

    ``rows`` are the training rows of its data sets. Several share one network and one schedule, for rows between them.
    """
    names = study.left_open
    if not names:
        return study, ()
    between = round(math.exp(sum(math.log(max(count, 1)) for count in rows.values()) / len(rows)))
    chosen = {name: value for name, value in choice(between).items() if name in names}
    of = f"{between:,} training rows"
    if len(rows) > 1:
        of = f"about {of}, the geometric mean of those of {len(rows)} data sets"
    return study.with_settings(chosen), (_sentence(chosen, of),)


def choice(rows: int) -> dict[str, Any]:
    """The settings for so many training rows."""
    return {
        "hidden": WIDTHS,
        "activation": ("relu",),
        "epochs": EPOCHS[1],
        "batch_size": _power(rows / UPDATES_PER_EPOCH, *BATCHES),
        "optimizer": "adam",
        "learning_rate": RATE,
    }


def _power(number: float, least: int, most: int) -> int:
    """The power of two that is nearest to ``number``, within bounds that are some too."""
    return min(max(2 ** round(math.log2(max(number, 1))), least), most)


def _sentence(chosen: Mapping[str, Any], of: str) -> str:
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
