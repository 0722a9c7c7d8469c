"""The techniques there are, read from their names and put into a recipe.

A new technique is one file with one `Definition`, and one entry in the list below.
"""

from collections.abc import Sequence

from regfleet.settings import Training
from regfleet.settings.values import ModelSpec, Technique
from regfleet.techniques.definition import Definition
from regfleet.techniques.grammar import Sweep, describe, describe_family, named, parse
from regfleet.techniques.noise import DROPOUT
from regfleet.techniques.normalization import BATCHNORM
from regfleet.techniques.penalties import L1, L2
from regfleet.techniques.places import resolve
from regfleet.techniques.recipe import Recipe

TECHNIQUES = {definition.name: definition for definition in (L1, L2, DROPOUT, BATCHNORM)}


def parse_techniques(text: str, model: ModelSpec) -> Sweep:
    """Read ``l2(1e-3)@all+dropout(0.3)`` against a model's hidden layers.

    Raises InputError when a name, a parameter or a place does not exist or is out of range.
    """
    return parse(text, model.layer_names, TECHNIQUES)


def technique_named(name: str) -> Definition:
    """The definition of a technique; raises InputError with the nearest name when there is none."""
    return named(name, TECHNIQUES)


def describe_techniques(techniques: tuple[Technique, ...], model: ModelSpec) -> str:
    """The label of a combination, e.g. ``L2, all layers (λ = 0.01)``; ``No regularization`` for none."""
    return describe(techniques, model.layer_names, TECHNIQUES)


def describe_sweep(members: Sequence[tuple[Technique, ...]], model: ModelSpec) -> tuple[str, str] | None:
    """``L2, all layers`` and ``λ 1e-05 … 0.1`` for the members of a sweep; None where no single number varies."""
    return describe_family(members, model.layer_names, TECHNIQUES)


def recipe(model: ModelSpec, training: Training, techniques: tuple[Technique, ...]) -> Recipe:
    """The recipe of a variant: the base model, then each technique in the order in which it is written."""
    result = Recipe(model, training)
    for technique in techniques:
        layers = resolve(technique.place, model.layer_names)
        result = TECHNIQUES[technique.name].apply(result, technique.values, layers)
    return result
