"""From a study to its trials, their controls, and the chunks that run as tasks."""

import dataclasses
import hashlib
import json
import math
import statistics
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from regfleet.analysis import planned_looks
from regfleet.datasets import check_source, parse_split, row_counts
from regfleet.errors import InputError
from regfleet.models import parse_model
from regfleet.records import (
    STACKED,
    Chunk,
    Dataset,
    ModelSpec,
    Outcome,
    SplitSpec,
    Technique,
    Training,
    Trial,
    Variant,
)
from regfleet.study import Study, VariantFields
from regfleet.techniques import Sweep, describe_techniques, parse_techniques
from regfleet.training.rules import STACK, pays_to_stack

RESULT_FORMAT = 1
"""Part of every trial's key: raised when the same trial would give another result."""

CHUNK_SECONDS = (1.0, 10.0)
CHUNKS_PER_WORKER = 4
RECENT = 99
"""Trials of a group whose median time sizes the next chunk; all of them would cost more with every trial."""
CHUNK_BYTES = 1_000_000
"""Of results per chunk, but for a stack. A lost one is made again, bit for bit, so it need not fit what Ray keeps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A study's variants and trials. ``groups`` holds a chunk of all trials of each data set and variant."""

    model: ModelSpec
    split: SplitSpec
    variants: tuple[Variant, ...]
    groups: tuple[Chunk, ...]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial of the plan."""
        return tuple(trial for group in self.groups for trial in group.trials)

    def without(self, finished: Collection[str]) -> tuple[Chunk, ...]:
        """The groups with the trials whose keys are not in ``finished``."""
        left = (replace(group, trials=tuple(t for t in group.trials if t.key not in finished)) for group in self.groups)
        return tuple(group for group in left if group.trials)

    def limited(self, seeds: Mapping[str, Mapping[str, int]]) -> "Plan":
        """The plan with seeds below ``seeds[data set][variant]`` alone."""
        groups = (
            replace(g, trials=tuple(t for t in g.trials if t.seed < seeds[g.dataset].get(g.variant.name, 0)))
            for g in self.groups
        )
        return replace(self, groups=tuple(groups))


def make_plan(
    study: Study,
    split: SplitSpec,
    datasets: Mapping[str, Dataset],
    models: Mapping[str, ModelSpec] | None = None,
) -> Plan:
    """The plan of a study; raises InputError when a technique does not fit the model.

    ``models`` are those of the user's own, by data set. A study that adds seeds is planned up to its last look.
    """
    variants, groups = resolve_variants(study), []
    for name, dataset in datasets.items():
        model = (models or {}).get(name, study.model.spec())
        seeds: Iterable[int] = study.seeds
        if study.adds_seeds:
            n_train, _, n_test = row_counts(dataset, split)
            seeds = range(looks_of(study, n_train, n_test, fixed_test=dataset.fixed_test)[-1])
        for variant in variants:
            trials = (
                Trial(trial_key(dataset, variant, model, split, study.engine, seed), name, variant.name, seed)
                for seed in seeds
            )
            stack = _stack(model, variant.training, dataset) if study.engine == "fused" else 1
            groups.append(Chunk(name, variant, model, split, study.engine, tuple(trials), stack))
    return Plan(study.model.spec(), split, variants, tuple(groups))


def _stack(model: ModelSpec, training: Training, dataset: Dataset) -> int:
    """How many seeds a GPU may train side by side; of a model of the user's own the worker sees whether it can."""
    rows, *shape = np.shape(dataset.features)
    weights = 0 if model.source else model.weights(math.prod(shape), max(1, len(dataset.classes)))
    return STACK if pays_to_stack(weights, min(rows, training.batch_size), 1 + len(shape)) else 1


def looks_of(study: Study, n_train: int, n_test: int, *, fixed_test: bool = False) -> tuple[int, ...]:
    """The numbers of seeds at which a study that adds seeds looks at a data set with so many rows."""
    return planned_looks(n_test / n_train if study.analysis.scope == "new_data" and not fixed_test else 0.0)


Problem = tuple[tuple[str | int, ...], str]
"""The place of a field in a study, and a line on what is wrong with it."""


def problems(study: Study, *, sources: bool = True) -> Iterator[Problem]:
    """What is wrong with a study whose fields are right by themselves.

    Without ``sources`` data and model are taken to be in memory. Where a model of the user's own is not built yet, its
    layers are unknown and techniques are not looked at.
    """
    yield from _tried(("split",), lambda: parse_split(study.split))
    yield from _tried(("seeds",), lambda: _check_folds(study))
    if sources:
        for number, source in enumerate(study.sources().values()):
            yield from _tried(("data", number), partial(check_source, source))
        if study.model.source:
            yield from _tried(("model", "source"), partial(parse_model, study.model.source))
    model = study.model.spec()
    if model.layer_names:
        found = [
            problem
            for number, entry in enumerate(study.variant)
            for problem in _tried(("variant", number, "technique"), partial(_sweep, entry, model))
        ]
        yield from found or _tried(("variant",), lambda: resolve_variants(study))


def _tried(place: tuple[str | int, ...], work: Callable[[], object]) -> Iterator[Problem]:
    try:
        work()
    except InputError as problem:
        yield place, str(problem)


def _check_folds(study: Study) -> None:
    try:
        split = parse_split(study.split)
    except InputError:
        return
    folds = split.repeats * split.folds
    if folds and (study.adds_seeds or study.seeds[-1] >= folds):
        got = "auto" if study.adds_seeds else study.seeds[-1]
        raise InputError(f"--seeds: expected 0 to {folds - 1}, the folds of --split {split.name}; got {got}")


def resolve_variants(study: Study) -> tuple[Variant, ...]:
    """The study's variants, each behind the control that shares its training settings.

    Raises InputError naming ``--technique`` for what does not exist, is out of range or is given twice.
    """
    model, base = study.model.spec(), study.training.settings()
    variants: dict[str, Variant] = {}
    # A control is made where it is first needed, whether or not the study names it.
    controls = (entry for entry in study.variant if entry.technique.strip() == "none")
    own = {replace(base, **entry.overrides()): entry.label for entry in controls}

    def add(techniques: tuple[Technique, ...], training: Training, label: str | None, family: str | None) -> str:
        changed = _changes(training, base)
        suffix = ",".join(f"{name}={value}" for name, value in changed.items())
        name = ("+".join(map(str, techniques)) or "none") + (f"[{suffix}]" if suffix else "")
        said = "".join(f", {_WORDS[name].format(value)}" for name, value in changed.items())
        label = label if techniques else own.get(training)
        words = label or describe_techniques(techniques, model) + said
        control = add((), training, None, None) if techniques else None
        variants.setdefault(name, Variant(name, words, techniques, training, control, family))
        return name

    add((), base, None, None)
    for entry in study.variant:
        sweep = _sweep(entry, model)
        for techniques in sweep.combinations:
            add(techniques, replace(base, **entry.overrides()), entry.label, sweep.family)
    labels = [variant.label for variant in variants.values()]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        msg = f"variant label: expected a different label for each variant; got {twice!r} twice"
        raise InputError(msg)
    return tuple(variants.values())


def _sweep(entry: VariantFields, model: ModelSpec) -> Sweep:
    try:
        return parse_techniques(entry.technique, model)
    except InputError as problem:
        raise InputError(f"--technique {entry.technique}: {problem}") from None


_WORDS = {
    "batch_size": "batch {}",
    "class_weight": "{} classes",
    "early_stopping": "early stopping {}",
    "epochs": "{} epochs",
    "learning_rate": "learning rate {}",
    "optimizer": "{}",
}


def _changes(training: Training, base: Training) -> dict[str, str]:
    """The settings in which ``training`` is not the study's, in alphabetical order, as text."""
    mine, studys = dataclasses.asdict(training), dataclasses.asdict(base)
    changed = {name: value for name, value in sorted(mine.items()) if value != studys[name]}
    return {name: str(value) for name, value in changed.items()}


def trial_key(dataset: Dataset, variant: Variant, model: ModelSpec, split: SplitSpec, engine: str, seed: int) -> str:
    """The hash of everything that determines a trial's result (the first 32 hexadecimal digits of its SHA-256)."""
    what = {
        "format": RESULT_FORMAT,
        "data": dataset.fingerprint,
        "split": dataclasses.asdict(split),
        "model": dataclasses.asdict(model),
        "techniques": [str(technique) for technique in variant.techniques],
        "training": dataclasses.asdict(variant.training),
        "engine": engine,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


class Schedule:
    """Hands out chunks, each made when it is asked for and sized by the seconds its trials were seen to take.

    A chunk should take 1 to 10 s, and a quarter of a worker's share of what is left at most, so that the tail is
    short; for a GPU that trains seeds side by side it holds whole stacks, whatever they take. Groups take turns, so
    that a leaderboard of the first results covers every variant.
    """

    def __init__(self, groups: Iterable[Chunk], workers: int, seconds: Mapping[tuple[str, str], float]) -> None:
        """``seconds`` per trial by data set and variant, as far as earlier runs measured them."""
        self._queue = deque(groups)
        self._workers = workers
        self._seconds = {(*name, False): deque([value], RECENT) for name, value in seconds.items()}
        self._is_stacked: dict[tuple[str, str], bool] = {}

    @property
    def measured(self) -> bool:
        """Whether any trial's time is known yet."""
        return bool(self._seconds)

    def next(self, *, on_gpu: bool = False) -> Chunk | None:
        """The next chunk, for a worker with a GPU or without, or None when every trial has been handed out."""
        if not self._queue:
            return None
        group = self._queue.popleft()
        size = self._size(group, on_gpu=on_gpu)
        if len(group.trials) > size:
            self._queue.append(replace(group, trials=group.trials[size:]))
        return replace(group, trials=group.trials[:size])

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Take the measured seconds of finished trials into account."""
        for outcome in outcomes:
            # A failed trial stops early and says nothing about the others.
            if outcome.status == "done":
                seconds = outcome.seconds - outcome.trace_seconds
                group, on_gpu = (outcome.trial.dataset, outcome.trial.variant), outcome.device != "cpu"
                self._seconds.setdefault((*group, on_gpu), deque(maxlen=RECENT)).append(seconds)
                if on_gpu:
                    self._is_stacked[group] = outcome.execution.endswith(STACKED)

    def seconds_of(self, group: Chunk, *, on_gpu: bool = False) -> float | None:
        """The expected seconds for one trial of a group there; None while nothing at all was measured."""
        for place in (on_gpu, not on_gpu):
            own = self._seconds.get((group.dataset, group.variant.name, place))
            if own:
                return statistics.median(own)
            others = [statistics.median(values) for (*_, where), values in self._seconds.items() if where == place]
            if others:
                return statistics.mean(others)
        return None

    def seconds_left(self, workers: int = 1) -> float | None:
        """The expected seconds that ``workers`` need for the trials without an outcome; None while nothing is known."""
        if not self.measured:
            return None
        on_gpu = any(place for *_, place in self._seconds)
        seconds = ((self.seconds_of(group, on_gpu=on_gpu) or 0.0) * len(group.trials) for group in self._queue)
        return sum(seconds) / workers

    def _size(self, group: Chunk, *, on_gpu: bool) -> int:
        stack = self._stack_of(group) if on_gpu else 1
        per_trial = self.seconds_of(group, on_gpu=on_gpu)
        if per_trial is None:
            return stack
        left = (self.seconds_left() or 0.0) + per_trial * len(group.trials)
        low, high = CHUNK_SECONDS
        target = min(high, max(low, left / (CHUNKS_PER_WORKER * self._workers)))
        history_bytes = 4 * 12 * group.variant.training.epochs + 2_000
        size = max(1, min(round(target / max(per_trial, 1e-6)), CHUNK_BYTES // history_bytes))
        # A stack takes as long with one trial in it as with all, so that only whole ones are worth their time.
        return max(1, round(size / stack)) * stack

    def _stack_of(self, group: Chunk) -> int:
        """How many trials of a group a GPU trains at once, as far as that is known."""
        # A model of the user's own may be too large, which its first trial shows.
        expected = not group.model.source
        return group.stack if self._is_stacked.get((group.dataset, group.variant.name), expected) else 1
