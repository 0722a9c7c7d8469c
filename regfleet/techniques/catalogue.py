"""The techniques there are, and the recipe of a variant that has some of them.

A new technique is a `Definition` in a file here, and its name in the list below.
"""

from collections.abc import Iterable, Sequence

from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec, Technique
from regfleet.techniques.constraints import MAXNORM, UNITNORM
from regfleet.techniques.kernels import DROPCONNECT, SPECTRAL, WEIGHT_NOISE, WEIGHT_STANDARDIZATION
from regfleet.techniques.noise import (
    ALPHA_DROPOUT,
    DROPOUT,
    GAUSSIAN_DROPOUT,
    NOISE,
    SHAPED_DROPOUTS,
    SPATIAL_DROPOUT,
)
from regfleet.techniques.normalization import BATCHNORM, GROUPNORM, LAYERNORM, RMSNORM
from regfleet.techniques.optimization import CLIP, EMA, SAM
from regfleet.techniques.penalties import ACTIVITY, L1, L1L2, L2, ORTHOGONAL
from regfleet.techniques.places import resolve
from regfleet.techniques.recipe import Definition, Recipe
from regfleet.techniques.targets import FOCAL, LABEL_SMOOTHING
from regfleet.text import given, nearest

TECHNIQUES = {
    definition.name: definition
    for definition in (
        *(L1, L2, L1L2, ORTHOGONAL, ACTIVITY),
        *(MAXNORM, UNITNORM),
        *(WEIGHT_STANDARDIZATION, SPECTRAL, DROPCONNECT, WEIGHT_NOISE),
        *(BATCHNORM, LAYERNORM, GROUPNORM, RMSNORM),
        *(DROPOUT, *SHAPED_DROPOUTS, GAUSSIAN_DROPOUT, ALPHA_DROPOUT, SPATIAL_DROPOUT, NOISE),
        *(LABEL_SMOOTHING, FOCAL),
        *(SAM, CLIP, EMA),
    )
}
"""Every technique, in the order in which a combination applies them."""


def technique_named(name: str) -> Definition:
    """The definition of a technique; raises InputError with the nearest name when there is none."""
    if name not in TECHNIQUES:
        raise InputError(f"expected one of {', '.join(TECHNIQUES)}; got {given(name)}{nearest(name[:100], TECHNIQUES)}")
    return TECHNIQUES[name]


def recipe(model: ModelSpec, training: Training, techniques: tuple[Technique, ...]) -> Recipe:
    """The recipe of a variant: the base model, then each technique in the order of the catalogue."""
    result = Recipe(model, training)
    for technique in in_order(techniques):
        definition = TECHNIQUES[technique.name]
        place, _, side = technique.place.partition(":")
        layers = resolve(place, result.model.layer_names) if place else ()
        before = {"before": True} if side == "before" else {}
        result = definition.apply(result, technique.values, layers, **before)
    return result


def in_order(techniques: Iterable[Technique]) -> tuple[Technique, ...]:
    """The techniques as they are applied, however they were typed: in the order of the catalogue."""
    order = list(TECHNIQUES)
    return tuple(sorted(techniques, key=lambda technique: order.index(technique.name)))


def check_together(techniques: Sequence[Technique]) -> None:
    """Raise InputError for techniques that cannot be combined, with the reason."""
    names = [technique.name for technique in techniques]
    for name in names:
        definition = TECHNIQUES[name]
        if definition.needs and definition.needs not in names:
            raise InputError(f"{name}: expected {definition.needs} beside it: {name}+{definition.needs}; got it alone")
        for other, why in definition.conflicts:
            if other in names and (other != name or names.count(name) > 1):
                raise InputError(f"{name}: expected no {other} beside it; got both, but {why}")
