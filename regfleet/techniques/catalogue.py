"""The techniques there are, and the recipe of a variant that has some of them.

A new technique is a `Definition` in a file here, and its name in the list below.
"""

from collections.abc import Iterable, Sequence

from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec, Technique
from regfleet.techniques.averaging import EMA, LOOKAHEAD, SWA
from regfleet.techniques.constraints import MAXNORM, UNITNORM
from regfleet.techniques.data import CROP, CUTMIX, CUTOUT, FEATURE_MASK, FGSM, FLIP, MIXUP, ROTATE
from regfleet.techniques.gradients import CLIP, GRADIENT_NOISE, SAM, WEIGHT_DECAY
from regfleet.techniques.keras_code import Code
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
from regfleet.techniques.own import own_named
from regfleet.techniques.penalties import ACTIVITY, L1, L1L2, L2, ORTHOGONAL
from regfleet.techniques.places import resolve
from regfleet.techniques.recipe import Definition, Facts, Recipe, fits_all
from regfleet.techniques.schedules import COSINE, EARLY_STOPPING, SNAPSHOT, WARM_RESTARTS
from regfleet.techniques.structure import SHAKEDROP, SHAKESHAKE, SKIP, SMALLER, STOCHASTIC_DEPTH
from regfleet.techniques.targets import CONFIDENCE_PENALTY, FOCAL, LABEL_NOISE, LABEL_SMOOTHING
from regfleet.text import given, nearest

TECHNIQUES = {
    definition.name: definition
    for definition in (
        *(SMALLER,),
        *(L1, L2, L1L2, ORTHOGONAL, ACTIVITY),
        *(MAXNORM, UNITNORM),
        *(WEIGHT_STANDARDIZATION, SPECTRAL, DROPCONNECT, WEIGHT_NOISE),
        *(SHAKESHAKE,),
        *(BATCHNORM, LAYERNORM, GROUPNORM, RMSNORM),
        *(DROPOUT, *SHAPED_DROPOUTS, GAUSSIAN_DROPOUT, ALPHA_DROPOUT, SPATIAL_DROPOUT, NOISE),
        *(SHAKEDROP, STOCHASTIC_DEPTH, SKIP),
        *(LABEL_NOISE, MIXUP, CUTMIX, CUTOUT, FEATURE_MASK, FLIP, CROP, ROTATE),
        *(LABEL_SMOOTHING, FOCAL, CONFIDENCE_PENALTY),
        *(FGSM,),
        *(SAM, GRADIENT_NOISE, CLIP, WEIGHT_DECAY),
        *(COSINE, WARM_RESTARTS, SNAPSHOT),
        *(EARLY_STOPPING, EMA, SWA, LOOKAHEAD),
    )
}
"""Every technique, in the order in which a combination applies them."""


_OF_MODULES = {
    "penalties": "Penalties",
    "constraints": "Constraints",
    "kernels": "Kernels",
    "noise": "Noise",
    "normalization": "Normalization",
    "data": "Data",
    "targets": "Targets and losses",
    **dict.fromkeys(("gradients", "schedules", "averaging"), "Optimization"),
    "structure": "Structure",
}


def technique_named(name: str) -> Definition:
    """The definition of a technique, of ours or of people's own.

    Raises InputError with the nearest name when there is none.
    """
    found = TECHNIQUES.get(name) or own_named(name)
    if found is None:
        raise InputError(f"expected a technique that regfleet techniques lists; got {given(name)}{_near(name)}")
    return found


def _near(name: str) -> str:
    return nearest(name[:100], TECHNIQUES)


def families() -> dict[str, list[Definition]]:
    """The techniques by family: the module whose function applies them."""
    found: dict[str, list[Definition]] = {}
    for one in TECHNIQUES.values():
        apply = getattr(one.apply, "func", one.apply)
        module = apply.__module__.rpartition(".")[2]
        found.setdefault(_OF_MODULES.get(module, "Others"), []).append(one)
    return found


def recipe(model: ModelSpec, training: Training, techniques: tuple[Technique, ...]) -> Recipe:
    """The recipe of a variant: the base model, then each technique in the order of the catalogue."""
    result = Recipe(model, training)
    for technique in in_order(techniques):
        definition = technique_named(technique.name)
        place, _, side = technique.place.partition(":")
        layers = resolve(place, result.model.layer_names) if place else ()
        if definition.per_layer and len(technique.values) not in (1, len(layers)):
            smaller = f"expected one value per layer of the smaller network ({len(layers)})"
            raise InputError(f"{technique.name}: {smaller}; got {technique}")
        before = {"before": True} if side == "before" else {}
        result = definition.apply(result, technique.values, layers, **before)
    return result


def write(code: Code, techniques: Iterable[Technique]) -> Code:
    """``code`` with all of ``techniques`` written into it, in the order of the catalogue."""
    for technique in in_order(techniques):
        definition = technique_named(technique.name)
        if definition.code is None:
            code = code.add(lacks=[f"{technique.name} says no Keras code of its own"])
            continue
        place, _, side = technique.place.partition(":")
        layers = resolve(place, code.recipe.model.layer_names) if place else ()
        code = definition.code(code, technique.values, layers, **({"before": True} if side == "before" else {}))
    return code


def why_unfit(techniques: Sequence[Technique], facts: Facts) -> str:
    """Why one of ``techniques`` can do nothing, or nothing sensible, for such data and model; empty where all can."""
    for technique in techniques:
        why = technique_named(technique.name).unfit(facts, technique.values)
        if why:
            return f"{technique.name} cannot act there: {why}"
    return ""


def asks_for_facts(techniques: Iterable[Technique]) -> bool:
    """Whether one of ``techniques`` is not for all data and models."""
    return any(technique_named(technique.name).unfit is not fits_all for technique in techniques)


_BLIND_TO_ZEROS = {
    one.name
    for one in (
        *(SMALLER, L1, L2, L1L2, ACTIVITY, MAXNORM, UNITNORM, BATCHNORM, LAYERNORM, GROUPNORM, RMSNORM),
        *(DROPOUT, GAUSSIAN_DROPOUT, ALPHA_DROPOUT, NOISE, LABEL_NOISE, MIXUP, LABEL_SMOOTHING, FOCAL),
        *(CONFIDENCE_PENALTY, FGSM, SAM, CLIP, WEIGHT_DECAY, COSINE, WARM_RESTARTS, SNAPSHOT, EARLY_STOPPING),
        *(EMA, SWA, LOOKAHEAD),
    )
}
"""Those that do the same beside inputs that are zero in every row and have weights of zero.

The others draw a number for each input or its weights, or look at all of them together.
"""


def take_padding(techniques: Iterable[Technique]) -> bool:
    """Whether all of ``techniques`` do the same beside inputs that are zero in every row, with weights of zero."""
    return all(
        one.name in _BLIND_TO_ZEROS and (one.place != "input" or one.name == BATCHNORM.name) for one in techniques
    )


def in_order(techniques: Iterable[Technique]) -> tuple[Technique, ...]:
    """The techniques as they are applied, however they were typed: in the order of the catalogue, people's own last."""
    order = {name: place for place, name in enumerate(TECHNIQUES)}
    return tuple(
        sorted(techniques, key=lambda one: (order.get(one.name, len(order)), one.name * (one.name not in order)))
    )


OLDEST = ("l1", "l2", "batchnorm", "dropout")
"""The techniques of which trials are stored by the order in which they were typed."""


def as_named(techniques: tuple[Technique, ...], layers: tuple[str, ...]) -> tuple[Technique, ...]:
    """The techniques in the order that names a variant of a model with these ``layers``.

    It is that of the catalogue, but for the oldest techniques: they keep theirs where it makes no difference.
    """
    ordered = in_order(techniques)

    def inserted(among: tuple[Technique, ...]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for technique in among:
            for layer in resolve(technique.place, layers) if technique.name in OLDEST[2:] else ():
                found.setdefault(layer, []).append(technique.name)
        return found

    oldest = {technique.name for technique in techniques} <= {*OLDEST} and ":" not in "".join(
        t.place for t in techniques
    )
    return techniques if oldest and inserted(techniques) == inserted(ordered) else ordered


def check_together(techniques: Sequence[Technique]) -> None:
    """Raise InputError for techniques that cannot be combined, with the reason."""
    names = [technique.name for technique in techniques]
    for name in names:
        definition = technique_named(name)
        if definition.needs and definition.needs not in names:
            raise InputError(f"{name}: expected {definition.needs} beside it: {name}+{definition.needs}; got it alone")
        for other, why in definition.conflicts:
            if other in names and (other != name or names.count(name) > 1):
                raise InputError(f"{name}: expected no {other} beside it; got both, but {why}")
