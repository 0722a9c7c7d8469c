"""What a study would do: its trials, chunks, weights, time and memory, without training or writing anything."""

from __future__ import annotations

import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.analysis import GLANCE
from regfleet.concluding.judge import kept_study
from regfleet.data import cut, scaling_meaning, split_meaning
from regfleet.planning.schedule import Schedule
from regfleet.results import load, place_of
from regfleet.running.pace import fit_seconds, overhead, speed
from regfleet.running.prepare import Prepared, check, prepare
from regfleet.running.worth import workers_for
from regfleet.techniques.recipe import Recipe
from regfleet.text import json_text, listed
from regfleet.training.runtime import WORKER_BYTES

if TYPE_CHECKING:
    from regfleet.data.dataset import Sets
    from regfleet.planning.resolved import Resolved
    from regfleet.results import Place
    from regfleet.settings import Study

Key = tuple[str, str]
"""Data set and variant."""
_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z])")


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

    ``seconds`` are those of all ``workers`` together, ``overhead`` those of starting them, of tracing each kind of fit
    and of the report, ``memory`` the bytes of all workers and the data.
    """

    rows: tuple[PreviewRow, ...]
    seeds: str
    metric: str
    workers: int
    seconds: float
    overhead: float
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
    place = place_of(out)
    ready = prepare(study, there=study_there(place), note=note)
    results = load(place) if place.exists("study.toml") else None
    resolved, plan, most = ready.resolved, ready.plan(), workers or len(os.sched_getaffinity(0))
    missing = plan.without(results.finished if results else ())
    count = workers_for(ready, most, results.seconds_per_trial() if results else {}, missing)
    groups = {(group.dataset, group.variant.name): group for group in reversed(plan.groups)}
    sets = {name: cut(dataset, resolved.split, 0) for name, dataset in ready.datasets.items()}
    weights = {name: _weights(ready, name, each) for name, each in sets.items()}
    known, pace = results.seconds_per_trial() if results else {}, speed(count)
    rough = {
        key: pace * fit_seconds(group, sets[group.dataset], weights[group.dataset])
        for key, group in groups.items()
        if not known
    }
    schedule = Schedule(missing, count, known or rough)
    trials, left, each = Counter[Key](), Counter[Key](), defaultdict[Key, float](float)
    for group in plan.groups:
        trials[group.dataset, group.variant.name] += len(group.trials)
    for group in missing:
        left[group.dataset, group.variant.name] += len(group.trials)
        each[group.dataset, group.variant.name] += (schedule.seconds_of(group) or 0.0) * len(group.trials)
    chunks = schedule.count()
    labels = {variant.name: variant.label for variant in resolved.variants}
    rows = tuple(
        PreviewRow(
            group.dataset,
            group.variant.name,
            group.variant.label + " (reference)" * bool(group.variant.reference),
            labels.get(group.variant.control or ""),
            0 if group.variant.reference else weights[group.dataset],
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
        pace * overhead(missing, chunks, ready.datasets, count),
        bool(known),
        count * (WORKER_BYTES + 16 * max(weights.values())) + sum(_bytes(one) for one in sets.values()) * (count + 1),
        (*ready.chosen, *_meanings(ready)),
    )


def _meanings(ready: Prepared) -> Iterator[str]:
    """What splits and scales do with the rows; a sentence that is true of several data sets stands once."""
    names: dict[str, list[str]] = {}
    for name, dataset in ready.datasets.items():
        for meaning in (split_meaning(ready.resolved.split, dataset), scaling_meaning(dataset)):
            for sentence in _SENTENCES.split(meaning) if len(ready.datasets) > 1 else (meaning,):
                names.setdefault(sentence, []).append(name)
    for sentence, where in names.items():
        everywhere = len(where) == len(ready.datasets) > 1
        yield f"{'every data set' if everywhere else listed(where)}: {sentence}"


def study_there(place: Place) -> Study | None:
    """The study whose results lie at ``place``; None where none of ours do.

    Raises InputError for a file that is no study.
    """
    # To claim a place says what stands in the way.
    return kept_study(place) if place.exists("study.toml") and place.is_ours() else None


def rough_seconds(ready: Prepared, workers: int | None = None) -> float:
    """About how long the whole study takes ``workers`` tasks at once, None: one per CPU, before any trial has run."""
    most, seconds = workers or len(os.sched_getaffinity(0)), 0.0
    groups = ready.plan().groups
    count = workers_for(ready, most, {}, groups)
    pace = speed(count)
    sets = {name: cut(dataset, ready.resolved.split, 0) for name, dataset in ready.datasets.items()}
    weights = {name: _weights(ready, name, each) for name, each in sets.items()}
    rough: dict[Key, float] = {}
    for group in groups:
        key = (group.dataset, group.variant.name)
        rough[key] = pace * fit_seconds(group, sets[group.dataset], weights[group.dataset])
        seconds += rough[key] * len(group.trials)
    chunks = Schedule(groups, count, rough).count()
    return seconds / count + pace * overhead(groups, chunks, ready.datasets, count)


def _seeds(resolved: Resolved) -> str:
    if not resolved.study.adds_seeds:
        return f"{len(resolved.study.seeds)} seeds"
    looks = "; ".join(f"{name}: {', '.join(map(str, planned))}" for name, planned in resolved.looks.items())
    return (
        f"seeds until the answer is clear, looking at {looks}; what is settled, or would hardly be, stops before (from "
        f"{GLANCE} seeds on); the table counts the last look"
    )


def _weights(ready: Prepared, name: str, sets: Sets) -> int:
    """Numbers in the weights of the base model; what techniques add is not counted."""
    inputs, outputs = sets.train.x.shape[1:], sets.train.y.shape[1]
    if ready.base:
        from regfleet.models import build

        recipe = Recipe(ready.models[name], ready.resolved.study.training, base=ready.base)
        return int(build(recipe, inputs, outputs, sets.task).count_params())
    return ready.resolved.model.weights(math.prod(inputs), outputs)


def _bytes(sets: Sets) -> int:
    return sum(part.x.nbytes + part.y.nbytes for part in (sets.train, sets.validation, sets.test))
