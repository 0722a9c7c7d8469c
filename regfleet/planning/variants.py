"""The variants of a study with their controls, and what is wrong with a study whose fields are right by themselves."""

from collections.abc import Callable, Iterator
from functools import partial

from regfleet.data import check_source, parse_split
from regfleet.errors import InputError
from regfleet.models import parse_model
from regfleet.settings import Study, Training, VariantEntry
from regfleet.settings.values import ModelSpec, Technique, Variant
from regfleet.techniques import Sweep, describe_techniques, parse_techniques

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
        raise InputError(f"variant label: expected a different label for each variant; got {twice!r} twice")
    return tuple(variants.values())


def _sweep(entry: VariantEntry, model: ModelSpec) -> Sweep:
    try:
        return parse_techniques(entry.technique, model)
    except InputError as problem:
        raise InputError(f"--technique {entry.technique}: {problem}") from None
