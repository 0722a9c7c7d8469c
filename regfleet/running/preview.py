"""What a study would do: its trials, chunks, weights, time and memory, without training or writing anything."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.data import cut, scaling_meaning, split_meaning
from regfleet.planning.schedule import Schedule
from regfleet.results import load, place_of
from regfleet.running.prepare import Prepared, check, prepare
from regfleet.techniques.recipe import Recipe
from regfleet.text import json_text
from regfleet.training.runtime import WORKER_BYTES

if TYPE_CHECKING:
    from regfleet.data.dataset import Sets
    from regfleet.planning.resolved import Resolved
    from regfleet.settings import Study
    from regfleet.trials import Chunk

# Of the article's study on two cores, where a trial of 49 GFLOP in 350 epochs took 1.1 s; see benchmarks/rates.py.
FLOPS = 40e9
EPOCH_SECONDS = 0.3e-3
UPDATE_SECONDS = 0.2e-3
Key = tuple[str, str]
"""Data set and variant."""
KERAS_FACTOR = 35.0
"""How much longer model.fit takes than the fused engine, of benchmarks/speed.py."""


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A variant on a data set; ``control`` is its control's label, None for a control. ``left`` trials are to run."""

    dataset: str
    variant: str
    label: str
    control: str | None
    weights: int
    trials: int
    left: int
    chunks: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What a study would do. ``measured`` says whether ``seconds`` rest on earlier trials or on a rough rule.

    ``seconds`` are those of all ``workers`` together, ``memory`` the bytes of all workers and the data.
    """

    rows: tuple[PreviewRow, ...]
    seeds: str
    metric: str
    workers: int
    seconds: float
    measured: bool
    memory: float
    notes: tuple[str, ...]

    def json(self) -> str:
        """The same for machines."""
        return json_text(asdict(self))


def preview(
    study: Study, out: str | Path, workers: int | None = None, note: Callable[[str], None] = lambda _: None
) -> Preview:
    """Plan ``study`` against what ``out`` holds already; raises InputError as running it would.

    Args:
        study: fields that are right by themselves.
        out: the results directory it would go to; it may not exist.
        workers: tasks at once; None is one per CPU.
        note: is told what the user should know.
    """
    check(study)
    ready, place = prepare(study, note=note), place_of(out)
    results = load(place) if place.exists("study.toml") else None
    resolved, plan, count = ready.resolved, ready.plan(), workers or len(os.sched_getaffinity(0))
    missing = plan.without(results.finished if results else ())
    groups = {(group.dataset, group.variant.name): group for group in reversed(plan.groups)}
    sets = {name: cut(dataset, resolved.split, 0) for name, dataset in ready.datasets.items()}
    weights = {name: _weights(ready, name, each) for name, each in sets.items()}
    known = results.seconds_per_trial() if results else {}
    rough = {
        key: _rough(group, sets[group.dataset], weights[group.dataset]) for key, group in groups.items() if not known
    }
    schedule = Schedule(missing, count, known or rough)
    trials, left, chunks, each = Counter[Key](), Counter[Key](), Counter[Key](), defaultdict[Key, float](float)
    for group in plan.groups:
        trials[group.dataset, group.variant.name] += len(group.trials)
    for group in missing:
        left[group.dataset, group.variant.name] += len(group.trials)
        each[group.dataset, group.variant.name] += (schedule.seconds_of(group) or 0.0) * len(group.trials)
    while chunk := schedule.next():
        chunks[chunk.dataset, chunk.variant.name] += 1
    labels = {variant.name: variant.label for variant in resolved.variants}
    rows = tuple(
        PreviewRow(
            group.dataset,
            group.variant.name,
            group.variant.label,
            labels.get(group.variant.control or ""),
            weights[group.dataset],
            trials[key],
            left[key],
            chunks[key],
            each[key],
        )
        for key, group in reversed(groups.items())
    )
    return Preview(
        rows,
        _seeds(resolved),
        str(resolved.study.analysis.metric),
        count,
        sum(each.values()) / count,
        bool(known),
        count * (WORKER_BYTES + 16 * max(weights.values())) + sum(_bytes(one) for one in sets.values()) * (count + 1),
        tuple(
            f"{name}: {sentence}"
            for name, dataset in ready.datasets.items()
            for sentence in (split_meaning(resolved.split, dataset), scaling_meaning(dataset))
        ),
    )


def rough_seconds(ready: Prepared, workers: int | None = None) -> float:
    """About how long the whole study takes ``workers`` tasks at once, None: one per CPU, before any trial has run."""
    seconds = 0.0
    for name, dataset in ready.datasets.items():
        sets = cut(dataset, ready.resolved.split, 0)
        weights = _weights(ready, name, sets)
        groups = (group for group in ready.plan().groups if group.dataset == name)
        seconds += sum(_rough(group, sets, weights) * len(group.trials) for group in groups)
    return seconds / (workers or len(os.sched_getaffinity(0)))


def _seeds(resolved: Resolved) -> str:
    if not resolved.study.adds_seeds:
        return f"{len(resolved.study.seeds)} seeds"
    looks = "; ".join(f"{name}: {', '.join(map(str, planned))}" for name, planned in resolved.looks.items())
    return f"seeds until the answer is clear, looking at {looks}; the table counts the last look"


def _weights(ready: Prepared, name: str, sets: Sets) -> int:
    """Numbers in the weights of the base model; what techniques add is not counted."""
    inputs, outputs = sets.train.x.shape[1:], sets.train.y.shape[1]
    if ready.base:
        from regfleet.models import build

        recipe = Recipe(ready.models[name], ready.resolved.study.training, base=ready.base)
        return int(build(recipe, inputs, outputs, sets.task).count_params())
    return ready.resolved.model.weights(math.prod(inputs), outputs)


def _rough(group: Chunk, sets: Sets, weights: int) -> float:
    """Seconds of a trial by the operations of its matrix products; convolutions use each weight more often."""
    training, n_train, n_validation = group.variant.training, len(sets.train.x), len(sets.validation.x)
    operations = 2 * weights * (4 * n_train + n_validation)
    updates = math.ceil(n_train / training.batch_size)
    epoch = EPOCH_SECONDS + updates * UPDATE_SECONDS + operations / FLOPS
    fits = len(group.variant.tuning.candidates) if group.variant.tuning else 1
    return fits * training.epochs * epoch * (KERAS_FACTOR if group.engine == "keras" else 1.0)


def _bytes(sets: Sets) -> int:
    return sum(part.x.nbytes + part.y.nbytes for part in (sets.train, sets.validation, sets.test))
