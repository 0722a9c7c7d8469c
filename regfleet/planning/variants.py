"""The variants of a study with their controls, and what is wrong with a study whose fields are right by themselves."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from regfleet.data import check_source, parse_split
from regfleet.errors import InputError
from regfleet.models import parse_model
from regfleet.planning.combining import check_greedy, combinations_of, factors_of
from regfleet.planning.parts import check_parts
from regfleet.planning.presets import preset_of, without_presets
from regfleet.planning.tuning import check_tuning, tuning_of
from regfleet.settings import Study, Training, VariantEntry
from regfleet.settings.study import MAX_LISTED
from regfleet.settings.values import Family, Found, ModelSpec, Technique, Variant
from regfleet.techniques import Sweep, describe_sweep, describe_techniques, parse_techniques, swept_values
from regfleet.text import given, named

Problem = tuple[tuple[str | int, ...], str]
"""The place of a field in a study, and a line on what is wrong with it."""


def problems(study: Study, *, sources: bool = True, found: Found | None = None) -> Iterator[Problem]:
    """What is wrong with a study whose fields are right by themselves.

    Without ``sources`` data and model are taken to be in memory, and ``found`` is what building the model has shown.
    Where a model of the user's own is not built yet, its layers are unknown and techniques are not looked at.
    """
    yield from _tried(("split",), lambda: parse_split(study.split))
    yield from _tried(("seeds",), lambda: _check_folds(study))
    yield from _tried(("interval",), lambda: _check_interval(study))
    yield from _tried(("tune",), lambda: check_tuning(study))
    yield from _tried(("greedy",), lambda: check_greedy(study))
    yield from _tried(("rows" if study.rows else "ablate",), lambda: check_parts(study))
    if sources:
        for number, source in enumerate(study.sources().values()):
            yield from _tried(("data", number), partial(check_source, source))
        if study.model.source:
            yield from _tried(("model", "source"), partial(parse_model, study.model.source))
    yield from _tried(("training", "optimizer"), lambda: _check_optimizer(study))
    model = replace(study.model.spec(), found=found or Found())
    if model.layer_names or found:
        wrong = [
            problem
            for number, entry in enumerate(study.variant)
            for problem in _tried(("variant", number, "technique"), partial(_check_entry, study, entry, model))
        ]
        wrong += _tried(("combine",), lambda: factors_of(study, model))
        yield from wrong or _tried(("variant",), lambda: resolve_variants(study))


def _tried(place: tuple[str | int, ...], work: Callable[[], object]) -> Iterator[Problem]:
    try:
        work()
    except InputError as problem:
        yield place, str(problem)


def _check_optimizer(study: Study) -> None:
    asked = [study.training.optimizer, *(entry.overrides().get("optimizer") for entry in study.variant)]
    if "model" in asked and not study.model.source:
        raise InputError(
            "--optimizer: expected an optimizer by name, or a model of your own that is compiled; got model"
        )


def _check_folds(study: Study) -> None:
    try:
        split = parse_split(study.split)
    except InputError:
        return
    folds = split.repeats * split.folds
    if folds and (study.adds_seeds or study.seeds[-1] >= folds):
        got = "auto" if study.adds_seeds else study.seeds[-1]
        raise InputError(f"--seeds: expected 0 to {folds - 1}, the folds of --split {split.name}; got {got}")


def _check_interval(study: Study) -> None:
    if study.interval == "auto":
        return
    if study.adds_seeds:
        raise InputError("--interval conservative: expected a number of seeds, which says what it costs; got auto")
    if study.analysis.scope != "new_data":
        raise InputError(f"--interval conservative: expected --scope new_data; got {study.analysis.scope}")


def resolve_variants(study: Study) -> tuple[Variant, ...]:
    """The study's variants, each behind the control that shares its training settings.

    Raises InputError naming ``--technique`` for what does not exist, is out of range or is given twice.
    """
    model, base = study.model.spec(), study.training
    study = without_presets(study, partial(_why_unread, model=model))
    variants: dict[str, Variant] = {}
    # A control is made where it is first needed, whether or not the study names it.
    controls = (entry for entry in study.variant if entry.technique.strip() == "none")
    own = {base.model_copy(update=entry.overrides()): entry.label for entry in controls}

    def add(techniques: tuple[Technique, ...], training: Training, label: str | None) -> str:
        changed = training.changes(base)
        suffix = ",".join(f"{name}={value}" for name, value in changed.items())
        name = ("+".join(map(str, techniques)) or "none") + (f"[{suffix}]" if suffix else "")
        label = label if techniques else own.get(training)
        tuning = tuning_of(techniques, training, study)
        words = label or describe_techniques(techniques, model, tuned=bool(tuning)) + _words(training, base)
        control = add((), training, None) if techniques else None
        variants.setdefault(name, Variant(name, words, techniques, training, control, tuning=tuning))
        return name

    add((), base, None)
    members: dict[str, list[str]] = {}
    for entry in study.variant:
        sweep = _sweep(entry, model, study.tune)
        for techniques in sweep.combinations:
            before = len(variants)
            if before >= MAX_LISTED:
                raise InputError(f"--technique: expected at most {MAX_LISTED:,} variants; got more")
            name = add(techniques, base.model_copy(update=entry.overrides()), entry.label)
            if sweep.family and len(variants) > before:  # a variant that was there already is not the sweep's
                members.setdefault(sweep.family, []).append(name)
    for techniques in combinations_of(study, model):
        add(techniques, base, None)
    for family, names in members.items():
        swept = _swept(family, [variants[name] for name in names], model, base)
        variants |= {variant.name: variant for variant in swept}
    labels = Counter(variant.label for variant in variants.values())
    twice = next((label for label, count in labels.items() if count > 1), None)
    if twice and study.tune > 1:
        both = " and ".join(one.name for one in variants.values() if one.label == twice)
        raise InputError(
            f"--technique: expected techniques that differ in more than what --tune varies, or labels; got {both}"
        )
    if twice:
        raise InputError(f"variant label: expected a different label for each variant; got {given(twice)} twice")
    return tuple(variants.values())


def _words(training: Training, base: Training) -> str:
    return "".join(f", {training.worded(name)}" for name in training.changes(base))


def _swept(text: str, members: list[Variant], model: ModelSpec, base: Training) -> Iterator[Variant]:
    """The ``members`` of a sweep with its titles and the value of each."""
    combinations = [member.techniques for member in members]
    described = describe_sweep(combinations, model) if len({member.training for member in members}) == 1 else None
    family = Family(text, text, f"{text}, tuned")
    if described is not None:
        common, reach = described
        common += _words(members[0].training, base)
        family = Family(text, f"{common} ({reach})", f"{common}, tuned ({reach})")
    for member, value in zip(members, swept_values(combinations), strict=True):
        yield replace(member, family=family, value=value)


def _check_entry(study: Study, entry: VariantEntry, model: ModelSpec) -> None:
    if preset_of(entry):
        without_presets(study.model_copy(update={"variant": (entry,)}), partial(_why_unread, model=model))
    else:
        _sweep(entry, model, study.tune)


def _why_unread(entry: VariantEntry, model: ModelSpec) -> str:
    """Why the technique of a preset has no meaning for ``model``; of what the data say nothing is known here."""
    try:
        parse_techniques(entry.technique, model)
    except InputError as problem:
        return str(problem)
    return ""


def _sweep(entry: VariantEntry, model: ModelSpec, tune: int) -> Sweep:
    try:
        found = parse_techniques(entry.technique, model)
    except InputError as problem:
        raise InputError(f"--technique {named(entry.technique)}: {problem}") from None
    if found.family and tune > 1:
        raise InputError(
            f"--technique {named(entry.technique)}: expected one value, as --tune finds the best itself; got a sweep"
        )
    return found
