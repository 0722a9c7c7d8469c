"""What a model does with its input before any layer with weights: whether it takes numbers as they were given."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.keras import calls_noted, first_input_of, nodes_of, parts_of
from regfleet.data.scaling import InputUse
from regfleet.models.base import takes_techniques
from regfleet.models.graph import functional, is_model
from regfleet.models.held import of_keras
from regfleet.models.hooks import Hooks
from regfleet.models.weights import named_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import keras
    import numpy as np

    from regfleet.models.base import Base
    from regfleet.settings.values import ModelSpec, Scale

TAKES = {
    **dict.fromkeys(("Embedding", "IntegerLookup", "StringLookup", "TextVectorization"), "looks them up"),
    **dict.fromkeys(("Hashing", "HashedCrossing"), "hashes them"),
    "CategoryEncoding": "makes categories of them",
    "Discretization": "has boundaries for them",
    "Rescaling": "scales them itself",
    "Normalization": "normalizes them itself",
    "Masking": "compares them with its mask value",
    **dict.fromkeys(("MelSpectrogram", "STFTSpectrogram"), "makes spectra of them"),
}
"""Layers that are made for numbers as they are, by the class's name, and what they do with them."""
IDS = {
    "Embedding": "input_dim",
    "CategoryEncoding": "num_tokens",
    "IntegerLookup": "",
    "Hashing": "",
    "HashedCrossing": "",
}
"""Those for whole numbers from 0, with the attribute that holds how many they know."""
MOVES = frozenset(
    {
        *("broadcastto", "cast", "concatenate", "copy", "expanddims", "flip", "getitem", "hstack", "identity"),
        *("moveaxis", "pad", "permute", "ravel", "repeat", "reshape", "resize", "roll", "slice", "split", "squeeze"),
        *("stack", "stopgradient", "swapaxes", "take", "tile", "transpose", "unstack", "vstack"),
    }
)
"""Functions of `keras.ops`, in lower case, that move numbers and do not compute with them."""
SHAPES = frozenset({"Flatten", "Reshape", "Permute", "RepeatVector", "InputLayer", "Concatenate"})
"""Layers behind which all numbers are still there, and no others."""
HOWS: tuple[Scale, ...] = ("none", "standard")
MOST_ROWS = 1000
"""That are looked at for what given weights know."""


def use_of(
    base: Base,
    input_shape: tuple[int, ...],
    outputs: int,
    spec: ModelSpec,
    rows: Callable[[Scale], np.ndarray] | None = None,
) -> InputUse:
    """The `input_use` of the model that ``base`` makes for rows of ``input_shape``, described by ``spec``.

    ``rows`` gives training rows scaled in a way, for weights that show which of them they know.
    """
    import keras

    hooks = {"techniques": Hooks()} if takes_techniques(base) else {}
    model = base(input_shape, outputs, **hooks)
    if not is_model(model) and not model.built:
        with suppress(Exception):  # a layer may be made where the model is first called; what fails, training shows
            model(keras.ops.ones((1, *input_shape)))
    kept = [name for name, _ in spec.found.kept]
    use = input_use(model, kept, input_shape, all_kept=spec.keep_weights)
    if rows is None or not use.knows or use.why:
        return use
    far = {how: _far_off(model, rows(how)[:MOST_ROWS], kept, all_kept=spec.keep_weights) for how in HOWS}
    return replace(use, seen="" if far["none"] <= far["standard"] else "standard")


def _far_off(model: keras.Model, rows: np.ndarray, kept: Collection[str], *, all_kept: bool) -> float:
    """How far the statistics that the first normalization with given weights has seen are from those of ``rows``.

    The mean over channels of both differences, of the means in deviations and of the logarithms of the variances; 0
    where there is no such layer, or where it cannot be told.
    """
    import numpy as np

    inputs: list[Any] = []
    try:
        called = calls_noted(model, rows, inputs)
    except Exception:  # noqa: BLE001 - a user's code may raise anything
        return 0.0
    names = {id(layer): name for name, layer in named_layers(model)}
    for layer, given in zip(called, inputs, strict=True):
        known = all_kept or not layer.trainable or names.get(id(layer)) in kept
        if type(layer).__name__ != "BatchNormalization" or layer.axis not in (-1, len(given.shape) - 1) or not known:
            continue
        mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy() + layer.epsilon
        if not np.any(mean):
            continue  # it has seen nothing
        values = np.asarray(given).reshape(-1, len(mean))
        apart = np.abs(values.mean(0) - mean) / np.sqrt(variance)
        wider = np.abs(np.log((values.var(0) + layer.epsilon) / variance))
        return float(np.mean(apart + wider))
    return 0.0


def input_use(
    model: keras.Model, kept: Collection[str] = (), input_shape: Sequence[int] = (), *, all_kept: bool = False
) -> InputUse:
    """What ``model`` does with its input, of ``input_shape`` if it is of a class of one's own.

    Of a class that Keras cannot trace, so that its layers hang together unseen, what one of them does.

    Layers that are frozen, those that ``kept`` names, or all of them, train from weights that they were given.
    """
    walk = _Walk(frozenset(kept), all_kept)
    if is_model(model):
        walk.through(model, "", [True], [True])
        rank = max((len(tensor.shape) for tensor in walk.seen), default=0)
        first = model.inputs[0]
        why = walk.why or next(iter(walk.computing), "")  # a layer that masks calls functions
        return InputUse(why, walk.knows, len(first.shape) == 3 and rank > 3, tuple(walk.ids), str(first.dtype))
    walk.into(model, "", input_shape)
    return InputUse(walk.why or next(iter(walk.computing), ""), walk.knows)


def adapted(layer: keras.layers.Layer) -> dict[str, Any]:
    """The mean and variance that a Normalization was adapted to, as its configuration takes them; else nothing."""
    import numpy as np

    if type(layer).__name__ != "Normalization" or layer.input_mean is not None or not layer.built:
        return {}
    mean, variance = layer.adapt_mean.numpy(), layer.adapt_variance.numpy()
    if not np.any(mean) and np.all(variance == 1):
        return {}
    return {"mean": mean.tolist(), "variance": variance.tolist()}


@dataclass
class _Walk:
    """``why`` the input is taken as it is, by the first layer found, else by the first function that is ``computing``.

    ``knows`` names the first layer with weights that it was given; ``seen`` are the symbolic tensors that hold the
    input, moved at most; ``unseen`` counts the layers of the user's own around.
    """

    kept: frozenset[str]
    all_kept: bool
    why: str = ""
    knows: str = ""
    computing: list[str] = field(default_factory=list)
    ids: list[tuple[str, int | None]] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    unseen: int = 0

    def through(
        self, model: keras.Model, prefix: str, raw: Sequence[bool], exact: Sequence[bool]
    ) -> tuple[list[bool], list[bool]]:
        """Follow the ``raw`` inputs of ``model``, unscaled numbers, those ``exact`` that nothing interpolated.

        Returns the same of its outputs.
        """
        import keras

        graph = functional(model)
        inputs, outputs = keras.tree.flatten(graph.inputs), keras.tree.flatten(graph.outputs)
        are = [{id(tensor) for tensor, mark in zip(inputs, marks, strict=False) if mark} for marks in (raw, exact)]
        self.seen += [tensor for tensor in inputs if id(tensor) in are[0]]
        for operation, taken, made, weighed in nodes_of(graph):
            marks = [[id(tensor) in known for tensor in taken] for known in are]
            if not any(marks[0]):
                continue
            if is_model(operation):
                passed = self.through(operation, f"{prefix}{operation.name}/", *marks)
            else:
                passes, exactly = self.passes(operation, prefix, *marks, weighed=weighed)
                passed = [passes] * len(made), [exactly] * len(made)
            for known, flags in zip(are, passed, strict=True):
                known |= {id(tensor) for tensor, mark in zip(made, flags, strict=False) if mark}
            self.seen += [tensor for tensor in made if id(tensor) in are[0]]
        return tuple([id(tensor) in known for tensor in outputs] for known in are)  # type: ignore[return-value]

    def passes(
        self, operation: Any, prefix: str, raw: Sequence[bool], exact: Sequence[bool], *, weighed: bool
    ) -> tuple[bool, bool]:
        """Whether what ``operation`` makes is raw input still, and exactly so."""
        import keras

        kind = type(operation).__name__
        if not isinstance(operation, keras.layers.Layer):
            if weighed and self.unseen:
                return False, False  # the layer's own weights
            moves = kind.lower() in MOVES
            if not moves and all(raw):
                self.computing.append(f"{prefix}{operation.name} computes with them")
            return moves and all(raw), moves and all(exact) and kind not in ("GetItem", "Slice", "Split", "Take")
        inner = operation.layer if kind == "TimeDistributed" else operation
        if is_model(inner):
            through = self.through(inner, f"{prefix}{operation.name}/", [True], [all(exact)])
            return all(through[0]), all(through[1])
        if self.found(inner, prefix + operation.name, exact=all(exact)):
            return False, False
        if not of_keras(inner) or kind in ("Lambda", "Pipeline"):
            return self.own(inner, prefix + operation.name), False
        self.know(inner, prefix + operation.name)
        return not inner.weights and all(raw), kind in SHAPES and all(exact)

    def found(self, layer: keras.layers.Layer, name: str, *, exact: bool) -> bool:
        """Whether ``layer`` is one that is made for numbers as they are."""
        kind = next((one.__name__ for one in type(layer).__mro__ if one.__name__ in TAKES), None)
        if kind is None:
            # Of augmentation, what changes colours knows the values' range.
            value_range = getattr(layer, "value_range", None)
            if isinstance(value_range, list | tuple):
                self.take(f"{name} ({type(layer).__name__}) expects values in the range {tuple(value_range)}")
            return isinstance(value_range, list | tuple)
        if kind == "Normalization" and layer.input_mean is None and not adapted(layer):
            return False  # it does nothing
        if kind in IDS and exact:
            self.ids.append((f"{name} ({kind})", getattr(layer, IDS[kind], None)))
        self.take(f"{name} ({type(layer).__name__}) {TAKES[kind]}")
        return True

    def own(self, layer: keras.layers.Layer, name: str) -> bool:
        """Whether a layer of a class or function of the user's own moves numbers at most."""
        if layer.weights:
            self.into(layer, name + "/", first_input_of(layer).shape[1:])
            self.know(layer, name)
            return False
        if self.inside(layer, name + "/"):
            return False
        if _only_moves(layer):
            return True
        self.take(f"{name} ({type(layer).__name__}) computes with them")
        return False

    def into(self, layer: keras.layers.Layer, prefix: str, shape: Sequence[int]) -> None:
        """See what a layer or model of the user's own with weights does with its input of ``shape``."""
        graph = _traced(layer, shape)
        self.unseen += 1
        if graph is None:
            self.inside(layer, prefix)
        else:
            self.through(graph, prefix, [True], [True])
        self.unseen -= 1
        if not self.why and _takes_whole(layer, shape):
            self.take(f"{prefix.removesuffix('/') or 'the model'} ({type(layer).__name__}) takes whole numbers of them")

    def inside(self, layer: keras.layers.Layer, prefix: str) -> bool:
        """Whether one of the layers that ``layer`` holds takes numbers as they are."""
        inner = (one for one in parts_of(layer) if one is not layer)
        return any(self.found(one, prefix + one.name, exact=False) for one in inner)

    def know(self, layer: keras.layers.Layer, name: str) -> None:
        """Note a layer whose weights were trained on numbers as they came there."""
        if layer.weights and not self.knows and (self.all_kept or not layer.trainable or name in self.kept):
            self.knows = name

    def take(self, why: str) -> None:
        self.why = self.why or why


def _traced(layer: keras.layers.Layer, shape: Sequence[int]) -> keras.Model | None:
    """What the code of ``layer`` calls for rows of ``shape``; None where it does so with functions not of Keras."""
    import keras

    try:
        source = keras.Input(tuple(shape))
        return keras.Model(source, layer.call(source))
    except Exception:  # noqa: BLE001 - a user's code may raise anything
        return None


def _takes_whole(layer: keras.layers.Layer, shape: Sequence[int]) -> bool:
    """Whether decimals make no difference to ``layer``, and whole numbers do, by trying."""
    import numpy as np

    try:
        size = [2, *(2 if length is None else length for length in shape)]
        decimals = np.linspace(0.1, 0.4, int(np.prod(size)), dtype="float32").reshape(size)
        one, same, other = (np.asarray(layer(1 + more)) for more in (decimals, decimals[::-1], 1 + decimals))
        return bool(np.array_equal(one, same) and not np.array_equal(one, other))
    except Exception:  # noqa: BLE001 - the same
        return False


def _only_moves(layer: keras.layers.Layer) -> bool:
    """Whether the numbers that a layer without weights gives are among those it got, by trying."""
    import numpy as np

    try:
        shape = [2 if size is None else size for size in first_input_of(layer).shape]
        given = np.linspace(1.5, 2.5, int(np.prod(shape)), dtype="float32").reshape(shape)
        return bool(np.isin(np.asarray(layer(given)), np.append(given, 0)).all())
    except Exception:  # noqa: BLE001 - a user's code may raise anything
        return False
