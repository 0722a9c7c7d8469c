"""From a study to its trials."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regfleet.data.dataset import Dataset
from regfleet.errors import InputError
from regfleet.planning.parts import parts_cost
from regfleet.planning.references import ENGINE
from regfleet.planning.resolved import Resolved, data_facts
from regfleet.results import DataFacts
from regfleet.settings import Study, Training
from regfleet.settings.values import PAIRS, ModelSpec, SplitSpec, Variant
from regfleet.training.engines import STACK, pays_to_stack
from regfleet.trials import Chunk, Trial

RESULT_FORMAT = REFERENCE_FORMAT = 1
"""Part of every trial's key: raised when the same trial of a network, or of a reference row, would give another."""
NO_MODEL = ModelSpec((), ())
"""That of a reference row."""
MOST_TRIALS = 1_000_000
"""docs/large-studies.md: with more of them the analysis does not fit the memory of a usual machine."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The trials of a study: ``groups`` holds a chunk of all trials of each data set and variant."""

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
                keys = _keys(facts, variant, model, split, study.engine, seeds)
                trials = (Trial(key, called, variant.name, seed) for key, seed in zip(keys, seeds, strict=True))
                stack = _stack(model, variant.training, dataset) if study.engine == "fused" else 1
                chunk = Chunk(name, variant, model, split, study.engine, tuple(trials), stack, study.keep_predictions)
                groups.append(replace(chunk, rate_test=_rate_tested(chunk, seeds)))
            for reference in () if part.extra else resolved.references_on(name):
                keys = _reference_keys(facts, reference, split, seeds)
                trials = (Trial(key, called, reference.name, seed) for key, seed in zip(keys, seeds, strict=True))
                groups.append(Chunk(name, reference, NO_MODEL, split, ENGINE, tuple(trials), 1, study.keep_predictions))
    return Plan(tuple(groups))


def _rate_tested(chunk: Chunk, seeds: Sequence[int]) -> int | None:
    """The seed on which a control tries other learning rates: one that knows its own, on all rows."""
    plain = not chunk.variant.techniques and chunk.variant.control is None and chunk.variant.training.rate is not None
    tested = plain and chunk.variant.training.optimizer != "model" and chunk.engine == "fused"
    return min(seeds) if tested and chunk.split.whole and seeds else None


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
                keys.update(_keys(known[name], variant, model, part.split, study.engine, seeds))
            for reference in () if part.extra else resolved.references_on(name):
                keys.update(_reference_keys(known[name], reference, part.split, seeds))
    return keys


def _stack(model: ModelSpec, training: Training, dataset: Dataset) -> int:
    """How many seeds a GPU may train side by side; of a model of the user's own the worker sees whether it can."""
    rows, *shape = dataset.features.shape
    weights = 0 if model.source else model.weights(math.prod(shape), max(1, len(dataset.classes)))
    return STACK if pays_to_stack(weights, min(rows, training.batch_size), 1 + len(shape)) else 1


def _seeds(resolved: Resolved, dataset: str) -> Sequence[int]:
    """The seeds of a data set, all those up to its last look where the study adds them."""
    return range(resolved.looks_at(dataset)[-1]) if resolved.study.adds_seeds else resolved.study.seeds


def _keys(
    data: DataFacts, variant: Variant, model: ModelSpec, split: SplitSpec, engine: str, seeds: Iterable[int]
) -> Iterator[str]:
    """The key of each of the trials of a variant on ``data`` that differ in their seed alone."""
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
    return _hashes(what, data, split, seeds)


def _reference_keys(data: DataFacts, reference: Variant, split: SplitSpec, seeds: Iterable[int]) -> Iterator[str]:
    """The same of a reference row, which knows nothing of the model and its training but the weights of the classes."""
    what = {"format": REFERENCE_FORMAT, "reference": reference.reference, "weights": reference.training.class_weight}
    return _hashes(what, data, split, seeds)


def _hashes(what: dict[str, Any], data: DataFacts, split: SplitSpec, seeds: Iterable[int]) -> Iterator[str]:
    """The first 32 hexadecimal digits of the SHA-256 of everything that determines the result of each seed."""
    what |= {
        "data": data.sha256,
        "split": {name: value for name, value in dataclasses.asdict(split).items() if value is not None},
        "seed": None,
    }
    if data.scaling_key:
        what["scaling"] = data.scaling_key
    before, after = json.dumps(what, sort_keys=True).split('"seed": null')
    for seed in seeds:
        yield hashlib.sha256(f'{before}"seed": {seed}{after}'.encode()).hexdigest()[:32]
