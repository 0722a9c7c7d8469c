"""How long trials will take: from rows, weights and epochs, on a machine as fast as this one is now."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from regfleet import data, techniques
from regfleet.fleet.traces import programs_of
from regfleet.planning.references import reference_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regfleet.data.dataset import Dataset, Sets
    from regfleet.trials import Chunk

# Seconds of a core that takes `ROUND` for a round of `speed`: what fits of the tables of benchmarks/defaults.py took.
FIT, EPOCH, UPDATE = 0.015, 0.5e-3, 0.15e-3
FLOPS = 110e9
WEIGHT = {"sgd": 0.5e-9}
"""Of an update for each weight, by optimizer; of the others as of Adam."""
WEIGHT_OF_ADAM = 2e-9
SLOWER = {
    **dict.fromkeys(("batchnorm", "fgsm"), 1.7),
    **dict.fromkeys(("layernorm", "groupnorm", "alphadropout", "sam"), 1.4),
    **dict.fromkeys(("dropout", "gaussiandropout", "noise", "mixup", "cutmix", "cutout", "rmsnorm"), 1.25),
}
"""How much longer an update takes with a technique; with any other a tenth at most."""
TRACE = 0.75
"""Of the first fit of its kind in a process, and of each strength that tuning tries there."""
TRACE_OF = {"batchnorm": 0.3}
START, END = 4.5, 4.0
"""Until workers train: imports, Ray, and TensorFlow in each of them; and to analyse and write the report."""
KERAS_FACTOR = 35.0
"""How much longer model.fit takes than the fused engine, of benchmarks/speed.py."""
ROUND, MEASURED = 0.79e-3, 0.3
_ROUNDS = f"""
import time
began, rounds = time.perf_counter(), 0
while time.perf_counter() - began < {MEASURED}:
    for number in range(10_000):
        number * number % 7
    rounds += 1
print((time.perf_counter() - began) / rounds)
"""
LOOKED_AT = 20
"""Seeds of which the shapes of their rows are looked at."""


@cache
def speed(processes: int) -> float:
    """How many times longer so many processes at once take for their work here and now than on the constants' machine.

    Measured once, for a third of a second, in rounds of plain Python, of which most of a small fit is made.
    """
    command, count = [sys.executable, "-S", "-E", "-c", _ROUNDS], min(processes, os.cpu_count() or 1)
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]  # noqa: S603
    took = [float(one.communicate()[0]) for one in running]
    return statistics.fmean(took) / ROUND


def fit_seconds(group: Chunk, sets: Sets, weights: int) -> float:
    """Seconds of a trial by the operations of its matrix products; convolutions use each weight more often.

    On a machine of `speed` 1. ``sets`` are the rows of a seed, ``weights`` those of the base model.
    """
    if group.variant.reference:
        return reference_seconds(group.variant.reference, sets)
    training, n_train, n_validation = group.variant.training, len(sets.train.x), len(sets.validation.x)
    updates = math.ceil(n_train / training.batch_size)
    operations = 2 * weights * (4 * n_train + n_validation)
    update = UPDATE + weights * WEIGHT.get(training.optimizer, WEIGHT_OF_ADAM)
    slower = math.prod(SLOWER.get(one.name, 1.05) for one in group.variant.techniques)
    epoch = EPOCH + (updates * update + operations / FLOPS) * slower
    fits = len(group.variant.tuning.candidates) if group.variant.tuning else 1
    return fits * (FIT + training.epochs * epoch) * (KERAS_FACTOR if group.engine == "keras" else 1.0)


def trace_seconds(group: Chunk) -> float:
    """Seconds of the traces of a group in one process for one shape of its rows, on a machine of `speed` 1."""
    each = TRACE + sum(TRACE_OF.get(one.name, 0.0) for one in group.variant.techniques)
    return each * programs_of(group.variant) * (group.engine == "fused")


def overhead(
    missing: Sequence[Chunk], chunks: Mapping[tuple[str, str], int], datasets: Mapping[str, Dataset], workers: int
) -> float:
    """Seconds that ``missing`` trials take beside their own, in so many ``chunks`` by data set and variant.

    On a machine of `speed` 1. Groups stay with workers that have traced them: at the end each worker but one helps
    another out, so that there are so many pairs of a group and a worker as groups and workers less one, and no more
    than chunks. Each of them traces each shape of the rows that it meets.
    """
    known = dict[tuple[str, bool], int]()
    once, most = 0.0, 0.0
    for group in missing:
        pads = not group.model.source and techniques.take_padding(group.variant.techniques)
        if (group.dataset, pads) not in known:
            known[group.dataset, pads] = _shapes(group, datasets[group.dataset], pads=pads)
        shapes, each = known[group.dataset, pads], trace_seconds(group)
        once += min(shapes, len(group.trials)) * each
        pairs = min(workers, chunks[group.dataset, group.variant.name])
        most += min(shapes * pairs, len(group.trials) * bool(each)) * each
    helped = 1 + (workers - 1) / max(1, len(missing))
    return START * bool(once) + END + min(most, once * helped) / workers


def _shapes(group: Chunk, dataset: Dataset, *, pads: bool) -> int:
    """How many shapes the rows of the group's seeds have; of the first of them where there are many."""
    found = set()
    for trial in islice(group.trials, LOOKED_AT):
        parts = data.split_rows(dataset, group.split, trial.seed)
        wide = 0 if pads or dataset.text_shape is not None else data.spare_columns(dataset.features, parts)
        found.add((len(parts[0]), len(parts[1]), wide))
    return len(found)
