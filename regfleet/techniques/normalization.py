"""Normalizations: a layer's outputs are centred and scaled, by the batch or by each row itself."""

from collections.abc import Callable
from typing import Any

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.techniques.keras_code import Code, Put, Writing
from regfleet.techniques.recipe import Definition, Facts, Parameter, Recipe


def _normalizing(
    kind: str, of_keras: str, arguments: Callable[[tuple[float, ...]], dict[str, Any]], least: int = 1
) -> Callable[..., Recipe]:
    """The technique that inserts the layer ``of_keras``, for groups of ``least`` units or more."""

    def apply(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...], *, before: bool = False) -> Recipe:
        def make(name: str) -> Any:
            import keras

            return getattr(keras.layers, of_keras)(**arguments(values), name=name)

        groups = arguments(values).get("groups", 1)
        for layer, width in zip(recipe.model.layer_names, recipe.model.hidden, strict=False):
            if layer in layers and (width % groups or width < least * groups):
                of_what = f"{groups} groups of {least} or more" if groups > 1 else f"{least} or more"
                raise InputError(f"{kind}: expected layers whose units are {of_what}; got {layer} with {width}")
        for layer in layers:
            recipe = recipe.insert(layer, kind, make, before=before)
        return recipe

    return apply


def _normalizing_code(kind: str, of_keras: str, argument: str = "") -> Writing:
    """The code of the same, with a value for the ``argument`` of that name."""

    def write(code: Code, values: tuple[float, ...], layers: tuple[str, ...], *, before: bool = False) -> Code:
        arguments = tuple(f"{argument}={exact(value)}" for value in values)
        made = f"keras.layers.{of_keras}"
        return code.add(layers=[Put(layer, kind, made, arguments, before=before) for layer in layers])

    return write


def _needs_rows(facts: Facts, _values: tuple[float, ...]) -> str:
    alone = min(facts.training.batch_size, facts.rows) == 1 and not (facts.model.source and len(facts.shape) > 1)
    return "a batch has one row, which less the mean of its batch is zero" if alone else ""


def _alone(facts: Facts, _values: tuple[float, ...]) -> str:
    return "a layer has one unit, which less its own mean is zero" if 1 in facts.model.hidden else ""


def _undivided(facts: Facts, values: tuple[float, ...]) -> str:
    odd = [width for width in facts.model.hidden if width % values[0] or width < 2 * values[0]]
    return f"a layer has {odd[0]} units, which are not {values[0]:g} groups of two or more" if odd else ""


_WHERE = (
    "It stands behind the activation of any hidden layer, or with @all:before between its sums and its activation. "
    "There is no strength at which it is the control."
)

BATCHNORM = Definition(
    name="batchnorm",
    title="Batch norm",
    summary="centres and scales a layer's outputs by the batch in training, by moving averages in inference",
    source="Ioffe & Szegedy 2015, Batch normalization: accelerating deep network training",
    about="In training each output is centred and scaled by its mean and standard deviation in the batch, then scaled "
    "and shifted by two weights of its own; in inference moving averages stand in for the batch. It lets deep "
    "networks learn faster, and a row's answer depends on its batch, a noise that regularizes. It suffers from "
    "small batches and costs little. It stands at the input, too. " + _WHERE,
    parameters=(Parameter("momentum", "momentum", 0.99, 0, 1, open_high=True),),
    code=_normalizing_code("batchnorm", "BatchNormalization", "momentum"),
    apply=_normalizing("batchnorm", "BatchNormalization", lambda values: {"momentum": values[0]}),
    label=lambda values: "" if values[0] == 0.99 else f"momentum {values[0]:g}",
    at_input=True,
    sides=True,
    unfit=_needs_rows,
)
LAYERNORM = Definition(
    name="layernorm",
    title="Layer norm",
    summary="centres and scales the outputs of a layer for each row by their own mean and deviation",
    source="Ba, Kiros & Hinton 2016, Layer normalization",
    about="The outputs of a layer for one row, in images and sequences for one place of it, are centred and scaled by "
    "their own mean and standard deviation, then scaled and shifted by two weights an output. Training and "
    "inference are alike, and the batch does not matter. It helps recurrent and deep networks and small batches. "
    "It costs little. " + _WHERE,
    parameters=(),
    code=_normalizing_code("layernorm", "LayerNormalization"),
    apply=_normalizing("layernorm", "LayerNormalization", lambda _values: {}, least=2),
    label=lambda _values: "",
    sides=True,
    unfit=_alone,
)
GROUPNORM = Definition(
    name="groupnorm",
    title="Group norm",
    summary="centres and scales the outputs of a layer for each row in groups of units or channels",
    source="Wu & He 2018, Group normalization",
    about="The units, or channels, of a layer are parted into groups that stand side by side; each group of a row is "
    "centred and scaled by its own mean and standard deviation over units and places, then scaled and shifted by "
    "two weights an output. It stands in for batch norm where batches are small. The number of groups must divide"
    " the units; one group is layer norm but for images, where it takes all places together. It costs little. "
    + _WHERE,
    parameters=(Parameter("groups", "groups", 2, 1, 65536, whole=True),),
    code=_normalizing_code("groupnorm", "GroupNormalization", "groups"),
    apply=_normalizing("groupnorm", "GroupNormalization", lambda values: {"groups": int(values[0])}, least=2),
    label=lambda values: f"{values[0]:g} groups",
    sides=True,
    unfit=_undivided,
)
RMSNORM = Definition(
    name="rmsnorm",
    title="RMS norm",
    summary="scales the outputs of a layer for each row by the root of their mean square",
    source="Zhang & Sennrich 2019, Root mean square layer normalization",
    about="The outputs of a layer for one row, in images and sequences for one place of it, are divided by the root of "
    "their mean square and multiplied by a weight an output: layer norm without the mean. Training and inference "
    "are alike. It helps where layer norm does, for less. " + _WHERE,
    parameters=(),
    code=_normalizing_code("rmsnorm", "RMSNormalization"),
    apply=_normalizing("rmsnorm", "RMSNormalization", lambda _values: {}, least=2),
    label=lambda _values: "",
    sides=True,
    unfit=_alone,
)
