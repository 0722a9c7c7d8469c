"""The grammar ``name(value,…)@place+name…``, with sweeps ``l2(1e-4|1e-3|1e-2)``."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from regfleet.errors import InputError
from regfleet.numbers import exact, read_number
from regfleet.settings.setting import MOST
from regfleet.settings.study import MAX_LISTED
from regfleet.settings.values import ModelSpec, Technique
from regfleet.techniques import places
from regfleet.techniques.catalogue import as_named, check_together, technique_named
from regfleet.techniques.recipe import Definition
from regfleet.text import given

_TERM = re.compile(
    r"(?P<name>[a-z][a-z0-9_]*|[A-Za-z_]\w*(?:\.\w+)*:[A-Za-z_]\w*)(?:\((?P<values>[^()]*)\))?(?:@(?P<place>[A-Za-z0-9_,./\-]+(?::before)?))?"
)

TINIEST = 1e-30


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one text stands for: a combination, or several where a value is a list. ``text`` names the family."""

    text: str
    combinations: tuple[tuple[Technique, ...], ...]

    @property
    def family(self) -> str | None:
        """The family's name when there is more than one member."""
        return self.text if len(self.combinations) > 1 else None


def parse_techniques(text: str, model: ModelSpec) -> Sweep:
    """Read ``l2(1e-3)@all+dropout(0.3)`` against a model's hidden layers; ``none`` is the empty combination.

    Raises InputError naming the part that is wrong, what was expected and what was given.
    """
    text = re.sub(r"\s+", "", text)
    if len(text) > MOST:
        raise InputError(f"expected at most {MOST:,} characters; got {len(text):,}")
    if text == "none":
        return Sweep("none", ((),))
    # A plus inside brackets belongs to a number such as 1e+3.
    terms = [_term(part, model) for part in re.split(r"\+(?![^()]*\))", text)]
    if math.prod(map(len, terms)) > MAX_LISTED:
        raise InputError(f"expected at most {MAX_LISTED:,} combinations; got {math.prod(map(len, terms)):,}")
    combinations = tuple(as_named(combination, model.layer_names) for combination in itertools.product(*terms))
    for combination in combinations:
        check_together(combination)
        seen = [(technique.name, technique.place) for technique in combination]
        if len(set(seen)) < len(seen):
            raise InputError(f"expected each technique once at a place; got {given(text)}")
    return Sweep(text, combinations)


def _term(text: str, model: ModelSpec) -> list[Technique]:
    match = _TERM.fullmatch(text)
    if match is None:
        raise InputError(f"expected name(value,…)@place, e.g. l2(0.01)@all; got {given(text)}")
    definition = technique_named(match["name"])
    return [
        _placed(definition, values, match["place"], model, text)
        for values in _values(definition, match["values"], text)
    ]


def _values(definition: Definition, text: str | None, term: str) -> list[tuple[float, ...]]:
    """Every tuple of values the brackets stand for: the product over alternatives, in the order written."""
    if text is None or text == "":
        return [tuple(parameter.default for parameter in definition.parameters)]
    columns = [[_number(value, term) for value in part.split("|")] for part in text.split(",")]
    if not definition.per_layer and len(columns) > len(definition.parameters):
        names = ", ".join(parameter.name for parameter in definition.parameters)
        many = f"at most {len(definition.parameters)} value{'s' * (len(definition.parameters) > 1)} ({names})"
        raise InputError(f"{definition.name}: expected {many if names else 'no value'}; got {given(term)}")
    columns += [[parameter.default] for parameter in definition.parameters[len(columns) :]]
    for position, column in enumerate(columns):
        parameter = definition.parameters[0 if definition.per_layer else position]
        for value in column:
            if not parameter.accepts(value):
                raise InputError(
                    f"{definition.name}: expected {parameter.name} in {parameter.range}; got {exact(value)}"
                )
    if math.prod(map(len, columns)) > MAX_LISTED:
        raise InputError(f"expected at most {MAX_LISTED:,} combinations; got {math.prod(map(len, columns)):,}")
    return list(itertools.product(*columns))


def _number(text: str, term: str) -> float:
    value = read_number(text)
    if math.isnan(value):
        raise InputError(f"expected a number between the brackets of {given(term)}; got {given(text)}")
    if value and not TINIEST <= abs(value) <= 1 / TINIEST:
        reach = f"zero or from {TINIEST:g} to {1 / TINIEST:g} in size, which single precision carries"
        raise InputError(f"expected {reach}; got {given(text)}")
    return value


def _placed(
    definition: Definition, values: tuple[float, ...], place: str | None, model: ModelSpec, term: str
) -> Technique:
    many = definition.per_layer and len(values) > 1
    if not definition.place:
        if place is not None:
            raise InputError(
                f"{definition.name}: expected no place, as it changes the whole training; got {given(term)}"
            )
        return Technique(definition.name, values, "")
    place, _, side = (place or "").partition(":")
    if side and not definition.sides:
        raise InputError(f"{definition.name}: expected a place without side; got {given(term)}")
    if not place:
        # One value per layer without a place means the first so many layers.
        place = ",".join(str(number) for number in range(1, len(values) + 1)) if many else definition.place
    layers = model.layer_names
    chosen = places.resolve(place, layers, dict(model.found.unfit))
    if place == "input" and (side or not definition.at_input):
        raise InputError(f"{definition.name}: expected a hidden layer as place; got @input")
    if many and len(values) != len(chosen):
        raise InputError(
            f"{definition.name}: expected one value per layer of @{place} ({len(chosen)}); got {given(term)}"
        )
    where = places.canonical(f"{place}:{side}" if side else place, layers)
    return Technique(definition.name, values, where)


def describe_techniques(techniques: Sequence[Technique], model: ModelSpec, *, tuned: bool = False) -> str:
    """The label of a combination, e.g. ``L2, all layers (λ = 0.01)``; ``No regularization`` for none.

    The values of techniques whose strength is ``tuned`` are left out.
    """
    if not techniques:
        return "No regularization"

    def detail(technique: Technique) -> str:
        definition = technique_named(technique.name)
        varies = tuned and any(one.tunes for one in definition.parameters) and any(technique.values)
        return "tuned" if varies else definition.label(technique.values)

    return " + ".join(_described(technique, model, detail(technique)) for technique in techniques)


def describe_sweep(combinations: Sequence[Sequence[Technique]], model: ModelSpec) -> tuple[str, str] | None:
    """What the combinations of a sweep share, ``L2, all layers``, and where they differ, ``λ 1e-05 … 0.1``.

    None where they differ in more than one technique, or in one that has a value for each layer.
    """
    first = combinations[0]
    varied = [place for place in range(len(first)) if len({each[place].values for each in combinations}) > 1]
    if len(varied) != 1 or len(first[varied[0]].values) != 1:
        return None
    (swept,) = varied
    values = [each[swept].values[0] for each in combinations]
    details = [technique_named(technique.name).label(technique.values) for technique in first]
    details[swept] = ""
    parts = (_described(each, model, detail) for each, detail in zip(first, details, strict=True))
    symbol = technique_named(first[swept].name).parameters[0].symbol
    return " + ".join(parts), f"{symbol} {min(values):g} … {max(values):g}"


def swept_values(combinations: Sequence[Sequence[Technique]]) -> tuple[float, ...]:
    """The number in which the combinations of a sweep differ, one for each; NaN where several numbers vary apart."""
    rows = [[value for technique in each for value in technique.values] for each in combinations]
    columns = {column for column in zip(*rows, strict=True) if len(set(column)) > 1}
    return columns.pop() if len(columns) == 1 else (math.nan,) * len(combinations)


def _described(technique: Technique, model: ModelSpec, detail: str) -> str:
    title = technique_named(technique.name).title
    if technique.place:
        title += f", {places.describe(technique.place, model.layer_names)}"
    return f"{title} ({detail})" if detail else title
