"""From a study to what its trials need: the data in memory, the split, and a model of the user's own built once."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.data import cut, decided, is_text, load_dataset, parse_split, row_counts, split_rows
from regfleet.data.dataset import Dataset, Scaling
from regfleet.errors import InputError
from regfleet.metrics import default_metric, resolve_metric
from regfleet.planning.combining import choosing_seeds, design_words, greedy_cost
from regfleet.planning.parts import check_rows, parts_cost, with_columns
from regfleet.planning.plan import Plan, conservative_cost, make_plan
from regfleet.planning.presets import without_presets
from regfleet.planning.references import references_for
from regfleet.planning.resolved import Resolved, data_facts, resolve, same_rows
from regfleet.planning.sizing import Size, sized
from regfleet.planning.tuning import tuning_cost
from regfleet.planning.variants import problems
from regfleet.running.logs import log_to
from regfleet.settings import Study, VariantEntry
from regfleet.settings.values import Found, ModelSpec, SplitSpec, halved
from regfleet.techniques import Facts, asks_for_facts, parse_techniques, recipe, why_unfit

if TYPE_CHECKING:
    import numpy as np

    from regfleet.data import InputUse
    from regfleet.models import Base
    from regfleet.results import DataFacts
    from regfleet.settings import Training
    from regfleet.settings.values import Reference, Scale, Task, Technique, Variant
    from regfleet.techniques.recipe import Recipe


@dataclass(frozen=True)
class Given:
    """What is in memory already: the data by name, and the user's model."""

    datasets: Mapping[str, Dataset] | None = None
    base: Base | None = None


NOTHING = Given()


@dataclass(frozen=True)
class Prepared:
    """A study that can run, with its data in memory; ``models``, by data set, and ``base`` are of the user's own.

    ``chosen`` says which settings were sized to the rows, and why.
    """

    resolved: Resolved
    datasets: Mapping[str, Dataset]
    models: Mapping[str, ModelSpec]
    base: Base | None
    chosen: tuple[str, ...] = ()

    def plan(self) -> Plan:
        """The trials of the study; where techniques are added one by one, those of the first step."""
        resolved = self.resolved
        if resolved.study.greedy:
            return self.planned(resolved.variants, choosing_seeds(resolved.study))
        return make_plan(resolved, self.datasets, self.models)

    def planned(self, variants: tuple[Variant, ...], seeds: tuple[int, ...]) -> Plan:
        """The trials of ``variants`` over ``seeds``."""
        return make_plan(replace(self.resolved.with_seeds(seeds), variants=variants), self.datasets, self.models)

    def as_kept(self, study: Study) -> Prepared:
        """The same over the seeds of ``study``, with settings chosen as there."""
        now = self.resolved.study.model_copy(update={"seeds": study.seeds, "tuned_by": study.tuned_by})
        return replace(self, resolved=resolve(now.with_choice(), self.resolved.data))


def check(study: Study, *, sources: bool = True, found: Found | None = None) -> None:
    """Raise InputError with a line for everything that can be refused before any row is read.

    ``found`` is what building a model of the user's own has shown, where it was built.
    """
    wrong = [words for _, words in problems(study, sources=sources, found=found)]
    if wrong:
        raise InputError(*wrong)


def prepare(
    study: Study,
    *,
    given: Given = NOTHING,
    there: Study | None = None,
    note: Callable[[str], None] = lambda _: None,
    gpu: bool = False,
    costs: bool = True,
) -> Prepared:
    """Load the data, build a model of the user's own, and settle what depends on them.

    Args:
        study: fields that are right by themselves.
        given: what is in memory already.
        there: the study of the results that are to be gone on with: what ``study`` leaves open is as there.
        note: is told what the user should know.
        gpu: whether this process trains on a GPU later.
        costs: whether the user should know what the study trains beside one fit for each variant and seed.

    Raises:
        InputError: the data, the model, the metric and the techniques do not fit together.
    """
    split, datasets, base = parse_split(study.split), given.datasets, given.base
    if datasets is None:
        sources = study.sources().items()
        datasets = {name: replace(load_dataset(source), name=name) for name, source in sources}
    for name, dataset in datasets.items():
        for sentence in dataset.notes:
            note(f"{name}: {sentence}")
        _check_split(dataset, study, split)
        check_rows(study, dataset, split)
    given_settings = frozenset(study.training.model_fields_set)
    study, chosen = _sized_network(split, datasets, _judged(_as_in(there, study, note), datasets))
    models: dict[str, ModelSpec] = {}
    uses: dict[str, InputUse] = {}
    if study.model.source:
        note(f"building {study.model.source} once, to find its layers")
        datasets, base = _as_texts(study, datasets, base, gpu=gpu)
        base, models, uses = _described(study, split, datasets, base, gpu=gpu)
        found = study.model
        layers, prints = next(iter(models.values())).layers, tuple(model.fingerprint for model in models.values())
        if found.fingerprints and found.fingerprints != prints:
            said = "expected the model that this study was made with"
            raise InputError(f"model.fingerprints: {said}; got another {found.source}. Take the line out to study it")
        study, chosen = _trained(study.with_model(layers, prints), models, partial(_sized, split, datasets), note)
        for name, model in models.items():
            for sentence in model.found.notes:
                note(f"{name}: {sentence}")
    first = next(iter(models.values()), None)
    datasets = {name: decided(dataset, uses.get(name)) for name, dataset in datasets.items()}
    facts_of = _Knowing(study, split, datasets, models, base)
    study = without_presets(study, facts_of.why_not, note, given_settings)
    check(study, sources=False, found=first.found if first else None)
    facts = _known(study, split, datasets, models, note)
    resolved = resolve(study, with_columns(study, facts, datasets))
    facts_of.check(resolved.variants)
    for sentence in _costs(resolved) if costs else ():
        note(sentence)
    if base and first:
        _refuse_idle(resolved, first)
        _check_techniques(resolved, next(iter(datasets.values())), first, base)
    return Prepared(resolved, datasets, models, base, chosen)


def _costs(resolved: Resolved) -> Iterator[str]:
    """What is trained beside one fit for each variant and seed."""
    if resolved.study.interval == "conservative":
        yield conservative_cost(resolved)
    if resolved.study.tune > 1:
        yield tuning_cost(resolved.study)
    if resolved.study.greedy:
        yield greedy_cost(resolved.study)
    elif resolved.factorial:
        yield design_words(resolved.factorial.design)
    if cost := parts_cost(resolved.study, resolved.extra_parts):
        yield cost


def _known(
    study: Study,
    split: SplitSpec,
    datasets: Mapping[str, Dataset],
    models: Mapping[str, ModelSpec],
    note: Callable[[str], None],
) -> dict[str, DataFacts]:
    """The facts of each data set; raises InputError where two have the same rows."""
    beside = _references(study, split, datasets, note)
    facts = {
        name: data_facts(dataset, split, models[name].found.notes if name in models else (), beside[name])
        for name, dataset in datasets.items()
    }
    if twice := same_rows(facts):
        raise InputError(f"--data: {twice}. Leave one of them out")
    return facts


def _references(
    study: Study, split: SplitSpec, datasets: Mapping[str, Dataset], note: Callable[[str], None]
) -> dict[str, tuple[tuple[Reference, ...], str]]:
    """The reference rows of each data set, and what is said of those that it cannot have."""
    if not study.has_references:
        return dict.fromkeys(datasets, ((), ""))
    seed = study.seeds[0] if study.seeds else 0
    found = {name: references_for(dataset, split, seed) for name, dataset in datasets.items()}
    for name, (_, left_out) in found.items():
        if left_out:
            note(f"{name}: {left_out}")
    return found


def _check_split(dataset: Dataset, study: Study, split: SplitSpec) -> None:
    """Raise InputError for rows that cannot be split, or of which the halves cannot where these are to judge."""
    seed = study.seeds[0] if study.seeds else 0
    split_rows(dataset, split, seed)
    if study.interval != "conservative":
        return
    expected = "--interval conservative: expected"
    if dataset.fixed_test:
        raise InputError(f"{expected} test sets drawn from the rows of {dataset.name}; got one fixed test set")
    for half in halved(split):
        try:
            split_rows(dataset, half, seed)
        except InputError as problem:
            raise InputError(f"{expected} halves of {dataset.name} that can be split; got {problem}") from None


@dataclass(frozen=True)
class _Knowing:
    """What techniques may need to know, of each data set with its model."""

    study: Study
    split: SplitSpec
    datasets: Mapping[str, Dataset]
    models: Mapping[str, ModelSpec]
    base: Base | None

    @cached_property
    def _facts(self) -> dict[str, Facts]:
        return {name: self._of(name, dataset) for name, dataset in self.datasets.items()}

    def _of(self, name: str, dataset: Dataset) -> Facts:
        train = cut(dataset, self.split, self.study.seeds[0] if self.study.seeds else 0).train
        return Facts(
            task=dataset.task,
            shape=train.x.shape[1:],
            whole=train.x.dtype.kind in "iu",
            outputs=train.y.shape[1],
            rows=len(train.y),
            training=self.study.training,
            model=self.models.get(name) or self.study.model.spec(),
        )

    def why_unfit(self, techniques: tuple[Technique, ...], training: Training) -> str:
        """Why ``techniques`` cannot act for one of the data sets or its model; empty where they can for all."""
        recipe(next(iter(self.models.values()), None) or self.study.model.spec(), training, techniques)
        for name, facts in self._facts.items() if asks_for_facts(techniques) else ():
            if why := why_unfit(techniques, facts._replace(training=training)):
                return f"{why} ({name})" if len(self.datasets) > 1 else why
        return ""

    def check(self, variants: tuple[Variant, ...]) -> None:
        """Raise InputError for a variant that could be nothing but its control, or nothing sensible."""
        for variant in variants:
            if why := self.why_unfit(variant.techniques, variant.training):
                raise InputError(f"--technique {variant.name}: expected one for these data and this model; got {why}")

    def why_not(self, entry: VariantEntry) -> str:
        """Why the member of a preset cannot be compared; empty where it can."""
        training = self.study.training.model_copy(update=entry.overrides())
        model = next(iter(self.models.values()), None) or self.study.model.spec()
        try:
            for techniques in parse_techniques(entry.technique, model).combinations:
                if why := self.why_unfit(techniques, training):
                    return why
                if self.base:
                    made = replace(recipe(model, training, techniques), base=self.base)
                    facts = next(iter(self._facts.values()))
                    _check_build([made], facts.shape, facts.outputs, facts.task)
        except InputError as problem:
            return str(problem)
        return ""


def _as_in(there: Study | None, study: Study, note: Callable[[str], None]) -> Study:
    """The study with what it leaves open as it is in the results that are gone on with."""
    found = study.as_in(there) if there else study
    if found is not study:
        note("what is not given is as in the results that are there")
    return found


def _sized(split: SplitSpec, datasets: Mapping[str, Dataset], study: Study) -> tuple[Study, tuple[str, ...]]:
    """The study with what it leaves open sized to the training rows, and sentences on that."""
    if not study.left_open:
        return study, ()
    wide = "hidden" in study.left_open  # which alone asks for the width of the rows
    sizes = [Size(row_counts(one, split)[0], _inputs(split, one) if wide else 1) for one in datasets.values()]
    return sized(study, sizes, next(iter(datasets.values())).task)


def _sized_network(split: SplitSpec, datasets: Mapping[str, Dataset], study: Study) -> tuple[Study, tuple[str, ...]]:
    """The same, but for a model of the user's own, which may bring an optimizer and is built first."""
    return (study, ()) if study.model.source else _sized(split, datasets, study)


def _inputs(split: SplitSpec, dataset: Dataset) -> int:
    """The numbers of a row as they go into a network."""
    return math.prod(cut(dataset, split, 0).train.x.shape[1:])


def _trained(
    study: Study,
    models: Mapping[str, ModelSpec],
    size: Callable[[Study], tuple[Study, tuple[str, ...]]],
    note: Callable[[str], None],
) -> tuple[Study, tuple[str, ...]]:
    """The study with the optimizer that its model brings, where it names none, and what else it leaves open sized."""
    compiled, said = all(model.found.compiled for model in models.values()), study.training.model_fields_set
    training = study.training
    if compiled and "optimizer" not in said:
        training = training.model_copy(update={"optimizer": "model"})
    asked = [training.optimizer, *(entry.overrides().get("optimizer") for entry in study.variant)]
    if "model" in asked and not compiled:
        raise InputError(f"--optimizer: expected {study.model.source} to be compiled; got model, and it is not")
    silent = [name for name in ("epochs", "batch_size", "optimizer") if name not in said]
    study, chosen = size(study.model_copy(update={"training": training}))
    training = study.training
    words = [f"{training.epochs} epochs", f"batches of {training.batch_size}", f"{training.optimizer}"]
    if training.optimizer == "model":
        words[2] = "the optimizer that the model was compiled with"
        if training.learning_rate is not None:
            words[2] += f", at the learning rate {training.learning_rate:g} of --learning-rate"
    elif compiled:
        words[2] += " of --optimizer instead of the optimizer that the model was compiled with"
    flags = ", ".join(f"--{name.replace('_', '-')}" for name in silent)
    note(f"training: {', '.join(words)}" + (f"; {flags} would say otherwise" if flags and not chosen else ""))
    return study, chosen


def _refuse_idle(resolved: Resolved, model: ModelSpec) -> None:
    """Raise InputError for a technique that would do nothing: a layer put where the model never trains."""
    still = set(model.found.still)
    for variant in resolved.variants if still else ():
        made = recipe(model, variant.training, variant.techniques)
        idle = [insertion for insertion in made.insertions if insertion.after in still]
        if idle:
            raise InputError(
                f"--technique {variant.name}: expected layers that run in training mode; got {idle[0].after}, whose "
                f"model is called with training=False, where {idle[0].kind} does nothing"
            )


def _judged(study: Study, datasets: Mapping[str, Dataset]) -> Study:
    """The study with its metric, which has to fit the task that all data sets share."""
    tasks = {dataset.task: name for name, dataset in datasets.items()}
    if len(tasks) > 1:
        got = " and ".join(f"{name} ({task})" for task, name in tasks.items())
        raise InputError(f"--data: expected classification or regression, one for all data sets; got {got}")
    (task,) = tasks
    metric = study.analysis.metric
    if metric:
        resolve_metric(metric, task=task)
    weighted = [study.training.class_weight, *(entry.overrides().get("class_weight") for entry in study.variant)]
    if task == "regression" and any(weighted):
        raise InputError("--class-weight: expected classes to weigh; got it with a regression")
    if study.tuned_by:
        resolve_metric(study.tuned_by.split("_", 2)[2], task=task)
    return study.with_metric(default_metric(task)).with_choice()


def _as_texts(
    study: Study, datasets: Mapping[str, Dataset], base: Base | None, *, gpu: bool
) -> tuple[Mapping[str, Dataset], Base | None]:
    """Those of one column of texts as the model takes them, if it takes texts; and the model."""
    if not any(map(is_text, datasets.values())):
        return datasets, base
    from regfleet.models import base_of, text_shape
    from regfleet.training import runtime

    with tempfile.NamedTemporaryFile() as file, log_to(Path(file.name)):
        runtime.prepare(gpu=gpu)
        base = base or base_of(str(study.model.source))
        shapes = {
            name: text_shape(base, max(1, len(one.classes))) if is_text(one) else None for name, one in datasets.items()
        }
    return {name: replace(one, text_shape=shapes[name]) for name, one in datasets.items()}, base


def _described(
    study: Study, split: SplitSpec, datasets: Mapping[str, Dataset], base: Base | None, *, gpu: bool
) -> tuple[Base, dict[str, ModelSpec], dict[str, InputUse]]:
    from regfleet.models import base_of, describe, use_of
    from regfleet.training import runtime

    source, keep, models, uses = str(study.model.source), study.model.keep_weights, {}, {}
    # What TensorFlow says when it is imported is not for the user.
    with tempfile.NamedTemporaryFile() as file, log_to(Path(file.name)):
        runtime.prepare(gpu=gpu)
        base = base or base_of(source)
        for name, dataset in datasets.items():
            train = cut(dataset, split, 0).train
            shape, outputs = train.x.shape[1:], train.y.shape[1]
            models[name] = describe(base, source, shape, outputs, dataset.task, keep)
            scaled = partial(_training_rows, dataset, split)
            uses[name] = use_of(base, shape, outputs, models[name], scaled)
    first, *others = models
    for other in others:
        if models[other].layers != models[first].layers:
            raise InputError(f"--model {source}: expected the same layers for every data set; got others for {other}")
    return base, models, uses


def _training_rows(dataset: Dataset, split: SplitSpec, how: Scale) -> np.ndarray:
    return cut(replace(dataset, scaling=Scaling(how)), split, 0).train.x


def _check_techniques(resolved: Resolved, dataset: Dataset, model: ModelSpec, base: Base) -> None:
    """Raise InputError for techniques that a model of the user's own does not take."""
    recipes = [
        replace(recipe(model, resolved.study.training, variant.techniques), base=base)
        for variant in resolved.variants
        if variant.techniques
    ]
    train = cut(dataset, resolved.split, 0).train
    _check_build(recipes, train.x.shape[1:], train.y.shape[1], dataset.task)


def _check_build(recipes: list[Recipe], shape: tuple[int, ...], outputs: int, task: Task) -> None:
    from regfleet.models import check_techniques

    with tempfile.NamedTemporaryFile() as file, log_to(Path(file.name)):
        check_techniques(recipes, shape, outputs, task)
