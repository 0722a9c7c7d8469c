"""From a study to its trials and their controls."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from regfleet.analysis import planned_looks
from regfleet.data import check_source, parse_split, row_counts
from regfleet.data.dataset import Dataset
from regfleet.errors import InputError
from regfleet.models import parse_model
from regfleet.settings import Study, Training, VariantEntry
from regfleet.settings.values import ModelSpec, SplitSpec, Technique, Variant
from regfleet.techniques import Sweep, describe_techniques, parse_techniques
from regfleet.training.rules import STACK, pays_to_stack
from regfleet.trials import Chunk, Trial

RESULT_FORMAT = 1
"""Part of every trial's key: raised when the same trial would give another result."""


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
    rows, *shape = dataset.features.shape
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
    model, base = study.model.spec(), study.training
    variants: dict[str, Variant] = {}
    # A control is made where it is first needed, whether or not the study names it.
    controls = (entry for entry in study.variant if entry.technique.strip() == "none")
    own = {base.model_copy(update=entry.overrides()): entry.label for entry in controls}

    def add(techniques: tuple[Technique, ...], training: Training, label: str | None, family: str | None) -> str:
        changed = training.changes(base)
        suffix = ",".join(f"{name}={value}" for name, value in changed.items())
        name = ("+".join(map(str, techniques)) or "none") + (f"[{suffix}]" if suffix else "")
        said = "".join(f", {training.worded(name)}" for name in changed)
        label = label if techniques else own.get(training)
        words = label or describe_techniques(techniques, model) + said
        control = add((), training, None, None) if techniques else None
        variants.setdefault(name, Variant(name, words, techniques, training, control, family))
        return name

    add((), base, None, None)
    for entry in study.variant:
        sweep = _sweep(entry, model)
        for techniques in sweep.combinations:
            add(techniques, base.model_copy(update=entry.overrides()), entry.label, sweep.family)
    labels = [variant.label for variant in variants.values()]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        msg = f"variant label: expected a different label for each variant; got {twice!r} twice"
        raise InputError(msg)
    return tuple(variants.values())


def _sweep(entry: VariantEntry, model: ModelSpec) -> Sweep:
    try:
        return parse_techniques(entry.technique, model)
    except InputError as problem:
        raise InputError(f"--technique {entry.technique}: {problem}") from None


def trial_key(dataset: Dataset, variant: Variant, model: ModelSpec, split: SplitSpec, engine: str, seed: int) -> str:
    """The hash of everything that determines a trial's result (the first 32 hexadecimal digits of its SHA-256)."""
    what = {
        "format": RESULT_FORMAT,
        "data": dataset.fingerprint,
        "split": dataclasses.asdict(split),
        "model": dataclasses.asdict(model),
        "techniques": [str(technique) for technique in variant.techniques],
        "training": variant.training.model_dump(),
        "engine": engine,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
