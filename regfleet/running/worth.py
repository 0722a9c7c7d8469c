"""How many workers a study is worth: none is started that would be starting for much of the time that it saves."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from regfleet import techniques
from regfleet.data import cut
from regfleet.running.pace import fit_seconds, trace_seconds
from regfleet.training.kept_xla import DRIVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regfleet.fleet import FleetSettings
    from regfleet.running.prepare import Prepared
    from regfleet.trials import Chunk

FORKED, SHARING, STARTED = 1.5, 2.5, 5.0
"""CPU seconds of a worker beside its trials: its process and a first trace, which others have too; what all lose by
sharing processors and their caches, where there are more workers than those; its imports as well where it is not forked
from a process that has them, as on a cluster and beside a GPU."""
TIMES = 5.0
"""How many times as long a worker should have work."""
LEAST = 3
"""Workers that are started whatever the work: those of a small machine."""


def worth(seconds: float, worker: float = FORKED) -> int:
    """The most workers, of ``worker`` seconds, that so many CPU seconds of trials are worth."""
    return max(LEAST, math.floor(seconds / (TIMES * worker)))


def asked(settings: FleetSettings) -> int | None:
    """How many workers there may be; None where a cluster decides."""
    return settings.workers or (None if settings.address else len(os.sched_getaffinity(0)))


def workers_for(
    ready: Prepared,
    most: int,
    known: Mapping[tuple[str, str], float],
    missing: Iterable[Chunk],
    address: str | None = None,
) -> int:
    """How many of ``most`` workers, here or on the cluster at ``address``, the ``missing`` trials are worth.

    All of them where seconds cannot be told from weights: with a model or techniques of the user's own, and with steps
    that follow from each other. ``known``: seconds of a trial that were measured, by data set and variant.
    """
    resolved = ready.resolved
    own = any(one.name not in techniques.TECHNIQUES for each in resolved.variants for one in each.techniques)
    if most <= LEAST or ready.base or own or resolved.study.greedy:
        return most
    sets = {name: cut(dataset, resolved.split, 0) for name, dataset in ready.datasets.items()}
    seconds = 0.0
    for group in missing:
        rows, outputs = sets[group.dataset], sets[group.dataset].train.y.shape[1]
        weights = resolved.model.weights(math.prod(rows.train.x.shape[1:]), outputs)
        each = known.get((group.dataset, group.variant.name))
        seconds += len(group.trials) * (fit_seconds(group, rows, weights) if each is None else each)
        seconds += trace_seconds(group)
    if address or DRIVER.exists():
        return min(most, worth(seconds, STARTED))
    return min(most, max(worth(seconds, SHARING), min(worth(seconds), len(os.sched_getaffinity(0)))))
