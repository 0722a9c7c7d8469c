"""The variants of `--combine`: techniques as the factors of a two-level design, each on or off."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from regfleet.analysis.design import MOST, ROMAN, Design, Factorial
from regfleet.errors import InputError
from regfleet.techniques import describe_techniques, parse_techniques, technique_named
from regfleet.techniques.catalogue import as_named, check_together
from regfleet.text import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regfleet.settings import Study
    from regfleet.settings.values import ModelSpec, Technique

    Combination = tuple[Technique, ...]

CHOOSING = 10**9
"""The first of the seeds by which techniques are chosen one by one, so that no seed that judges is among them."""


def check_greedy(study: Study) -> None:
    """Raise InputError where techniques cannot be added one by one."""
    if not study.greedy:
        return
    if not study.combine:
        raise InputError("--greedy: expected --combine with the techniques to choose from; got none")
    if study.adds_seeds:
        raise InputError("--greedy: expected a number of seeds, as many of which choose; got --seeds auto")
    if study.interval == "conservative":
        raise InputError("--greedy: expected --interval auto; got conservative")
    if re.fullmatch(r"\s*\d+x\d+\s*", study.split):
        raise InputError(f"--greedy: expected a split that has further seeds to choose by; got --split {study.split}")
    if study.seeds[-1] >= CHOOSING:
        raise InputError(
            f"--greedy: expected seeds below {CHOOSING:,}, from which on seeds choose; got {study.seeds[-1]}"
        )


def factors_of(study: Study, model: ModelSpec) -> tuple[Combination, ...]:
    """The techniques of each factor of ``study.combine``; none where nothing is to be combined.

    Raises InputError naming ``--combine`` for techniques that do not exist, have no single value or cannot stand
    together.
    """
    texts = study.combine
    if not texts:
        return ()
    if len(texts) < 2:
        raise InputError(f"--combine: expected two techniques or more; got {named(','.join(texts))} alone")
    if len(texts) > MOST and not study.greedy:
        raise InputError(
            f"--combine: expected at most {MOST} techniques, or --greedy beside more of them; got {len(texts)}"
        )
    factors = tuple(_factor(text, model) for text in texts)
    every = [technique for factor in factors for technique in factor]
    counted = Counter((technique.name, technique.place) for technique in every)
    twice = next((name for (name, _), count in counted.items() if count > 1), None)
    if twice:
        raise InputError(f"--combine: expected each technique once at a place; got {twice} twice")
    if not study.greedy:
        try:
            check_together(every)
        except InputError as problem:
            raise InputError(f"--combine: expected techniques that can stand together; {problem}") from None
    return factors


def _factor(text: str, model: ModelSpec) -> Combination:
    try:
        found = parse_techniques(text, model).combinations
    except InputError as problem:
        raise InputError(f"--combine {named(text)}: {problem}") from None
    if len(found) > 1:
        raise InputError(f"--combine {named(text)}: expected one value of each; got a sweep of {len(found)}")
    if not found[0]:
        raise InputError("--combine: expected techniques, to which no technique is the control; got none")
    return found[0]


def joined(factors: Sequence[Combination], levels: Sequence[bool], model: ModelSpec) -> Combination:
    """The techniques of the factors that are on, as a variant that was typed by hand has them."""
    on = (factor for factor, level in zip(factors, levels, strict=True) if level)
    return as_named(tuple(technique for factor in on for technique in factor), model.layer_names)


def name_of(techniques: Combination) -> str:
    """The name of a variant that trains as the study says."""
    return "+".join(map(str, techniques)) or "none"


def labels_of(factors: Sequence[Combination], model: ModelSpec) -> tuple[str, ...]:
    """What factors are called in sentences: by their titles alone where these tell them apart."""
    short = [" + ".join(technique_named(one.name).title for one in factor) for factor in factors]
    counted = Counter(short)
    return tuple(
        label if counted[label] == 1 else describe_techniques(factor, model)
        for label, factor in zip(short, factors, strict=True)
    )


def factorial_of(study: Study, model: ModelSpec) -> Factorial | None:
    """The design of a study; None where nothing is combined, or technique by technique.

    Raises InputError as `factors_of`.
    """
    factors = factors_of(study, model)
    if not factors or study.greedy:
        return None
    design = Design(len(factors))
    alone = ([one is factor for one in factors] for factor in factors)
    return Factorial(
        design,
        labels_of(factors, model),
        tuple(name_of(joined(factors, levels, model)) for levels in design.runs),
        tuple(name_of(joined(factors, levels, model)) for levels in alone),
    )


def combinations_of(study: Study, model: ModelSpec) -> list[Combination]:
    """The techniques of each variant that a study's ``combine`` asks for from the start; raises as `factors_of`."""
    factors = factors_of(study, model)
    singles = [joined(factors, [one is factor for one in factors], model) for factor in factors]
    if study.greedy:
        return singles
    runs = [joined(factors, levels, model) for levels in Design(len(factors)).runs] if factors else []
    return list(dict.fromkeys([*singles, *filter(None, runs)]))


def design_words(design: Design) -> str:
    """What is trained of the combinations, in a line."""
    if design.full:
        return f"all {design.combinations} combinations of {design.factors} techniques are trained"
    sums = sum(len(pairs) > 1 for pairs in design.pairs)
    apart = f"; some pairs are measured as one, in {sums} sums" if sums else "; every pair is told apart"
    return (
        f"{len(design.runs)} of the {design.combinations:,} combinations of {design.factors} techniques are trained, a "
        f"fraction of resolution {ROMAN[design.resolution or 0]}{apart}; and each technique alone"
    )


def choosing_seeds(study: Study) -> tuple[int, ...]:
    """The seeds by which techniques are added one by one: as many as judge, and none of those."""
    return tuple(range(CHOOSING, CHOOSING + len(study.seeds)))


def most_choosing(study: Study) -> int:
    """How many variants the steps need at the most, the control among them."""
    many = len(study.combine)
    return 1 + many * (many + 1) // 2


def greedy_cost(study: Study) -> str:
    """What it takes to add techniques one by one, in words."""
    many, seeds, data = len(study.combine), len(study.seeds), len(study.names)
    least, most = ((1 + variants) * seeds * data for variants in (many, most_choosing(study) - 1))
    more = f" to {most:,}, as far as steps go," if most > least else ""
    return (
        f"techniques are added one by one: {least:,}{more} trials choose by validation rows, on {seeds:,} seeds of "
        f"their own; then {'up to three variants are' if many > 1 else 'two are'} judged on the seeds asked for"
    )


def after(current: Sequence[int], factors: Sequence[Combination], model: ModelSpec) -> dict[int, str]:
    """The factors that can be added to ``current``, in order, each with the name of the variant that results."""
    found = {}
    for number in range(len(factors)):
        techniques = joined(factors, [one in {*current, number} for one in range(len(factors))], model)
        try:
            check_together(techniques)
        except InputError:
            continue
        if number not in current:
            found[number] = name_of(techniques)
    return found
