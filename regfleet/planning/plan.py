"""From a study to its trials."""

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from regfleet.data.dataset import Dataset
from regfleet.errors import InputError
from regfleet.planning.keys import SeedTrials
from regfleet.planning.parts import parts_cost
from regfleet.planning.references import ENGINE
from regfleet.planning.resolved import Resolved, data_facts
from regfleet.results import DataFacts
from regfleet.settings import Study, Training
from regfleet.settings.values import PAIRS, ModelSpec, SplitSpec, Variant
from regfleet.techniques import take_padding
from regfleet.training.engines import STACK, pays_to_stack
from regfleet.trials import Chunk, Trial

RESULT_FORMAT = REFERENCE_FORMAT = 1
"""Part of every trial's key: raised when the same trial of a network, or of a reference row, would give another."""
NO_MODEL = ModelSpec((), ())
"""That of a reference row."""
SHARED_BYTES = 16_000_000
"""Of encoded rows from which they are encoded once for all variants of a seed."""
SHARED_SEEDS = 6
"""Whose encoded rows a node has room for: those that are kept, and those of tasks on their way."""
MOST_TRIALS = 1_000_000
"""docs/large-studies.md: with more of them the analysis does not fit the memory of a usual machine."""


@dataclass(frozen=True, slots=True)
class Group(Chunk):
    """All trials of a data set and a variant, made when they are asked for."""

    trials: SeedTrials

    def chunk(self, begin: int, end: int) -> Chunk:
        """Some of them, made now, as a task."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(Chunk)}
        return Chunk(**own | {"trials": tuple(self.trials[begin:end])})


@dataclass(frozen=True, slots=True)
class Plan:
    """The trials of a study, in a group for each data set and variant."""

    groups: tuple[Group, ...]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial of the plan, made now."""
        return tuple(trial for group in self.groups for trial in group.trials)

    @property
    def counts(self) -> Counter[str]:
        """Variant → how many trials it has."""
        counted = Counter[str]()
        for group in self.groups:
            counted[group.variant.name] += len(group.trials)
        return counted

    def without(self, finished: Collection[str], found: set[str] | None = None) -> tuple[Group, ...]:
        """The groups with the trials whose keys are not in ``finished``; the keys of the others go into ``found``."""
        if not finished:  # no key is needed
            return tuple(group for group in self.groups if group.trials)
        found = set() if found is None else found
        left = (replace(group, trials=group.trials.without(finished, found)) for group in self.groups)
        return tuple(group for group in left if group.trials)

    def limited(self, seeds: Mapping[str, Mapping[str, int]]) -> "Plan":
        """The plan with seeds below ``seeds[data set][variant]`` alone."""

        def below(group: Group) -> SeedTrials:
            end = seeds[group.dataset].get(group.variant.name, 0)
            return group.trials.over([seed for seed in group.trials.seeds if seed < end])

        return replace(self, groups=tuple(replace(group, trials=below(group)) for group in self.groups))


def make_plan(
    resolved: Resolved, datasets: Mapping[str, Dataset], models: Mapping[str, ModelSpec] | None = None
) -> Plan:
    """The plan of a study; ``models`` are those of the user's own, by data set.

    A study that adds seeds is planned up to its last look.
    """
    study, groups = resolved.study, []
    variants = len(resolved.variants)
    most = sum(
        len(_seeds(resolved, name)) * len(part.variants) for name in datasets for part in resolved.parts_on(name)
    )
    if most > MOST_TRIALS:  # before any key of them is made
        got = f"{most:,} of {variants:,} variants"
        got += f" and {2 * PAIRS} halves of the rows" if study.interval == "conservative" else ""
        got += f"; {cost}" if (cost := parts_cost(study, resolved.extra_parts)) else ""
        raise InputError(f"--seeds: expected at most {MOST_TRIALS:,} trials in a study; got {got}")
    for name, dataset in datasets.items():
        model = (models or {}).get(name, resolved.model)
        seeds, facts = _seeds(resolved, name), resolved.data.get(name) or data_facts(dataset, resolved.split)
        for part in resolved.parts_on(name):
            split, called = part.split, part.name
            for variant in part.variants:
                trials = SeedTrials(_what(facts, variant, model, split, study.engine), called, variant.name, seeds)
                stack = _stack(model, variant.training, dataset) if study.engine == "fused" else 1
                group = Group(name, variant, model, split, study.engine, trials, stack, study.keep_predictions)
                groups.append(replace(group, rate_test=_rate_tested(group, seeds), shared=_shared(group, dataset)))
            for reference in () if part.extra else resolved.references_on(name):
                trials = SeedTrials(_what_of_reference(facts, reference, split), called, reference.name, seeds)
                group = Group(name, reference, NO_MODEL, split, ENGINE, trials, 1, study.keep_predictions)
                groups.append(replace(group, shared=_shared(group, dataset)))
    return Plan(tuple(groups))


def _rate_tested(chunk: Chunk, seeds: Sequence[int]) -> int | None:
    """The seed on which a control tries other learning rates: one that knows its own, on all rows."""
    plain = not chunk.variant.techniques and chunk.variant.control is None and chunk.variant.training.rate is not None
    tested = plain and chunk.variant.training.optimizer != "model" and chunk.engine == "fused"
    return min(seeds) if tested and chunk.split.whole and seeds else None


def _shared(group: Group, dataset: Dataset) -> Literal["", "cut", "padded"]:
    """Whether the rows of a seed are so many that all variants share them, and how wide these are."""
    if not shared_bytes(dataset):
        return ""
    return "padded" if not group.model.source and take_padding(group.variant.techniques) else "cut"


def shared_bytes(dataset: Dataset) -> int:
    """About how many bytes a node needs for the rows of a data set and for those of some seeds; 0 where none share."""
    values = math.prod(dataset.features.shape)
    is_shared = dataset.text_shape is None and 4 * values >= SHARED_BYTES
    return (8 + 4 * SHARED_SEEDS) * values if is_shared else 0


def fits_per_seed(study: Study) -> int:
    """How many trials a variant has on a data set for each seed: on all rows, and on either half of each pair."""
    return 1 + 2 * PAIRS if study.interval == "conservative" else 1


def trial_counts(resolved: Resolved) -> dict[str, int]:
    """Variant or reference row → how many trials it has in a study whose seeds are given."""
    study = resolved.study
    each = len(study.seeds) * fits_per_seed(study)
    counts = dict.fromkeys(resolved.names, each * len(study.names))
    for one in (one for part in resolved.extra_parts for one in part.variants):
        counts[one.name] += len(study.seeds)
    for one in (one for name in study.names for one in resolved.references_on(name)):
        counts[one.name] = counts.get(one.name, 0) + each
    return counts


def conservative_cost(resolved: Resolved) -> str:
    """What the conservative interval takes, in words."""
    study = resolved.study
    alone = sum(trial_counts(resolved).values()) // fits_per_seed(study)
    return (
        f"the conservative interval trains every variant on all rows and on {PAIRS} pairs of halves of them: "
        f"{alone * fits_per_seed(study):,} trials, {fits_per_seed(study)} times the {alone:,} of --interval auto"
    )


def planned_keys(resolved: Resolved) -> set[str]:
    """The keys of a study's trials on the data that it knows, from their facts alone."""
    study, known = resolved.study, resolved.data
    prints = dict(zip(study.names, study.model.fingerprints, strict=False))
    keys: set[str] = set()
    for name in (name for name in study.names if name in known and (name in resolved.looks or study.seeds)):
        model, seeds = replace(resolved.model, fingerprint=prints.get(name, "")), _seeds(resolved, name)
        for part in resolved.parts_on(name):
            for variant in part.variants:
                what = _what(known[name], variant, model, part.split, study.engine)
                keys.update(SeedTrials(what, part.name, variant.name, seeds).keys())
            for reference in () if part.extra else resolved.references_on(name):
                what = _what_of_reference(known[name], reference, part.split)
                keys.update(SeedTrials(what, part.name, reference.name, seeds).keys())
    return keys


def _stack(model: ModelSpec, training: Training, dataset: Dataset) -> int:
    """How many seeds a GPU may train side by side; of a model of the user's own the worker sees whether it can."""
    rows, *shape = dataset.features.shape
    weights = 0 if model.source else model.weights(math.prod(shape), max(1, len(dataset.classes)))
    return STACK if pays_to_stack(weights, min(rows, training.batch_size), 1 + len(shape)) else 1


def _seeds(resolved: Resolved, dataset: str) -> Sequence[int]:
    """The seeds of a data set, all those up to its last look where the study adds them."""
    return range(resolved.looks_at(dataset)[-1]) if resolved.study.adds_seeds else resolved.study.seeds


def _what(data: DataFacts, variant: Variant, model: ModelSpec, split: SplitSpec, engine: str) -> dict[str, Any]:
    """All that determines the result of a variant's trials on ``data``, but for their seed."""
    what = {
        "format": RESULT_FORMAT,
        "model": {name: value for name, value in dataclasses.asdict(model).items() if name != "found"},
        "techniques": [str(technique) for technique in variant.techniques],
        "training": variant.training.model_dump(),
        "engine": engine,
    }
    if variant.tuning:
        settings = [[one.learning_rate, *map(str, one.techniques)] for one in variant.tuning.candidates]
        what["tuning"] = {"by": variant.tuning.by, "settings": settings}
    return what | dict(_of_rows(data, split))


def _what_of_reference(data: DataFacts, reference: Variant, split: SplitSpec) -> dict[str, Any]:
    """The same of a reference row, which knows nothing of the model and its training but the weights of the classes."""
    what = {"format": REFERENCE_FORMAT, "reference": reference.reference, "weights": reference.training.class_weight}
    return what | dict(_of_rows(data, split))


def _of_rows(data: DataFacts, split: SplitSpec) -> Iterator[tuple[str, Any]]:
    """What of the data and their split determines a result."""
    yield "data", data.sha256
    yield "split", {name: value for name, value in dataclasses.asdict(split).items() if value is not None}
    if data.scaling_key:
        yield "scaling", data.scaling_key
