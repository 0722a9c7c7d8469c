"""The techniques there are, and the recipe of a variant that has some of them.

A new technique is a `Definition` in a file here, and its name in the list below.
"""

from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec, Technique
from regfleet.techniques.noise import DROPOUT
from regfleet.techniques.normalization import BATCHNORM
from regfleet.techniques.penalties import L1, L2
from regfleet.techniques.places import resolve
from regfleet.techniques.recipe import Definition, Recipe
from regfleet.text import given, nearest

TECHNIQUES = {definition.name: definition for definition in (L1, L2, DROPOUT, BATCHNORM)}


def technique_named(name: str) -> Definition:
    """The definition of a technique; raises InputError with the nearest name when there is none."""
    if name not in TECHNIQUES:
        raise InputError(f"expected one of {', '.join(TECHNIQUES)}; got {given(name)}{nearest(name[:100], TECHNIQUES)}")
    return TECHNIQUES[name]


def recipe(model: ModelSpec, training: Training, techniques: tuple[Technique, ...]) -> Recipe:
    """The recipe of a variant: the base model, then each technique in the order in which it is written."""
    result = Recipe(model, training)
    for technique in techniques:
        layers = resolve(technique.place, model.layer_names)
        result = TECHNIQUES[technique.name].apply(result, technique.values, layers)
    return result
