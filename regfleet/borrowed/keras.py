"""What regfleet uses of Keras that Keras does not promise: marks on tensors, the form of configurations, names."""

from __future__ import annotations

import json
import math
import random
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import keras
    import numpy as np

Call = tuple[str, int]
"""A layer's name and the number of its call in the model."""


OPTIONAL = ("matplotlib", "pandas", "sklearn")
"""What Keras imports if it is there, to draw pictures, take frames and be wrapped for scikit-learn."""


@contextmanager
def lightly_imported() -> Iterator[None]:
    """While it is imported, let Keras take for missing what it can do without; whoever wants that imports it later."""
    hidden = [name for name in OPTIONAL if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: an ImportError, by Python's own rule
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def logits_of(output: Any) -> Any | None:
    """The logits that Keras keeps beside a softmax's output, for an exact cross-entropy; None where there are none."""
    return getattr(output, "_keras_logits", None)


def with_logits(output: Any, logits: Any) -> Any:
    """``output`` with its logits beside it."""
    output._keras_logits = logits  # noqa: SLF001 - Keras has no public name for it
    return output


def calls_noted(model: keras.Model, rows: Any, inputs: list[Any] | None = None) -> list[keras.layers.Layer]:
    """Call ``model`` on ``rows``, which builds it; returns the layers that it calls, in order.

    ``inputs`` grows by what each is called on.
    """
    import keras

    called: list[keras.layers.Layer] = []
    call = keras.layers.Layer.__call__

    def noting(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        called.append(layer)
        if inputs is not None:
            inputs.append(args[0] if args else None)
        return call(layer, *args, **kwargs)

    keras.layers.Layer.__call__ = noting  # every layer is called through it
    try:
        model(rows)
    finally:
        keras.layers.Layer.__call__ = call
    return called


def operation_of(tensor: Any) -> Any:
    """The layer or operation that made a symbolic tensor."""
    return tensor._keras_history.operation  # noqa: SLF001 - there is no public way back


def parts_of(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layer, or the model, and all layers inside it: what a wrapper wraps, cells, a layer's own parts."""
    parts: list[keras.layers.Layer] = layer._flatten_layers()  # noqa: SLF001 - they have no common public name
    return parts


def own_variables(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The weights of the layer itself, without those of layers inside it."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]  # noqa: SLF001 - the public lists hold all


def as_trainable_as(model: keras.Model, other: keras.Model) -> keras.Model:
    """``model``, itself as trainable as ``other`` and of its dtype policy; the setter would change its layers too."""
    model._trainable = other._trainable  # noqa: SLF001 - the public setter reaches every layer
    model.dtype_policy = other.dtype_policy
    return model


def calls_of(model: keras.Model) -> tuple[list[Call], dict[Call, list[Call]]]:
    """The calls that make the outputs of a Functional model, and for each call in it those that it takes.

    A layer may have been called outside of the model too: its calls are counted in the model alone.
    """
    within = set(model._nodes)  # noqa: SLF001 - a configuration has them too, where there is one
    calls: dict[tuple[int, int], Call] = {}
    for operation in model.operations:
        places = range(len(operation._inbound_nodes))  # noqa: SLF001 - likewise
        inside = [place for place in places if f"{id(operation)}_ib-{place}" in within]
        calls |= {(id(operation), place): (operation.name, number) for number, place in enumerate(inside)}

    def made_by(tensor: Any) -> Call:
        made = tensor._keras_history  # noqa: SLF001 - there is no public way back
        return calls[id(made.operation), made.node_index]

    sources = {
        calls[id(operation), place]: [made_by(tensor) for tensor in node.input_tensors]
        for operation in model.operations
        for place, node in enumerate(operation._inbound_nodes)  # noqa: SLF001 - as above
        if (id(operation), place) in calls and not node.is_input
    }
    return [made_by(tensor) for tensor in model.outputs], sources


def nodes_of(model: keras.Model) -> list[tuple[Any, list[Any], list[Any], bool]]:
    """The calls of a Functional model from its inputs on: the layer or operation, the tensors it takes and makes.

    The last says whether it was called with weights, or what was computed of some, too.
    """
    by_depth = model._nodes_by_depth  # noqa: SLF001 - Keras has no public name for it
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]
    return [
        (node.operation, list(node.input_tensors), list(node.output_tensors), _takes_weights(node)) for node in nodes
    ]


def _takes_weights(node: Any) -> bool:
    import keras

    given = keras.tree.flatten([node.arguments.args, node.arguments.kwargs])
    return any(isinstance(one, keras.Variable) or (keras.ops.is_tensor(one) and one.shape.rank) for one in given)


def first_input_of(layer: Any) -> Any:
    """The symbolic tensor that a layer was first called on."""
    return layer._inbound_nodes[0].input_tensors[0]  # noqa: SLF001 - the same


def without_code(config: Any) -> Any:
    """A configuration without the bytes of lambdas, which are not the same in every process."""
    if isinstance(config, dict):
        return {
            key: without_code(value)
            for key, value in config.items()
            if not (key == "config" and config.get("class_name") == "__lambda__")
        }
    return [without_code(value) for value in config] if isinstance(config, list | tuple) else config


def freshly_named(make: Callable[[], Any]) -> Any:
    """What ``make`` returns, made in a thread of its own, with the origins of its variables noted.

    Keras numbers the layers that have no name per thread, so that the first is called ``dense`` again at every call.
    """
    with origins_noted():
        return in_a_thread(make)


def in_a_thread(make: Callable[[], Any]) -> Any:
    """What ``make`` returns in a thread of its own, where Keras has neither names nor seeds yet."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


@dataclass(frozen=True, slots=True)
class Origin:
    """What a variable started from: the ``initializer`` that drew its value, and the ``value`` that it was given."""

    initializer: Callable[..., Any] | None = None
    value: np.ndarray | None = None


def origin_of(variable: keras.Variable) -> Origin | None:
    """Where the value of a variable comes from, if it was made under `origins_noted`."""
    origin: Origin | None = getattr(variable, "_regfleet_origin", None)
    return origin


def forget_values(variables: Iterable[keras.Variable]) -> None:
    """Note that ``variables`` start from their initializers, those that have one, whatever was put into them."""
    for variable in variables:
        origin = origin_of(variable)
        if origin and origin.initializer:
            variable._regfleet_origin = Origin(origin.initializer)  # noqa: SLF001 - our own note


@contextmanager
def origins_noted() -> Iterator[None]:
    """Note for every variable that is made meanwhile what it starts from, for `origin_of`."""
    import keras

    kind = keras.Variable
    initialize, draw, assign = kind._initialize, kind._initialize_with_initializer, kind._direct_assign  # noqa: SLF001
    made: dict[int, keras.Variable] = {}
    starts: dict[int, int] = {}
    given: dict[int, keras.Variable] = {}

    def noting_value(variable: keras.Variable, value: Any) -> None:
        initialize(variable, value)
        made[id(variable)] = given[id(variable)] = variable
        variable._regfleet_origin = Origin()  # noqa: SLF001 - our own note

    def noting_initializer(variable: keras.Variable, initializer: Callable[..., Any]) -> None:
        draw(variable, initializer)
        variable._regfleet_origin = Origin(initializer)  # noqa: SLF001 - our own note
        made[id(variable)] = variable
        starts[id(variable)] = _content(variable)
        given.pop(id(variable), None)

    def noting_assignment(variable: keras.Variable, value: Any) -> None:
        assign(variable, value)
        if id(variable) in made:
            given[id(variable)] = variable

    kind._initialize, kind._initialize_with_initializer = noting_value, noting_initializer  # noqa: SLF001
    kind._direct_assign = noting_assignment  # noqa: SLF001
    try:
        yield
    finally:
        kind._initialize, kind._initialize_with_initializer = initialize, draw  # noqa: SLF001
        kind._direct_assign = assign  # noqa: SLF001
    # An optimizer changes what is in a variable without assigning to it.
    given |= {key: one for key, one in made.items() if key in starts and _content(one) != starts[key]}
    for variable in given.values():
        initializer = variable._regfleet_origin.initializer  # noqa: SLF001 - our own note
        variable._regfleet_origin = Origin(initializer, variable.numpy())  # noqa: SLF001 - likewise


def _content(variable: keras.Variable) -> int:
    """A hash of the value of a variable; the same for all that have none yet."""
    try:
        return hash(variable.numpy().tobytes())
    except Exception:  # noqa: BLE001 - in a graph, say
        return 0


def drawn(initializer: Callable[..., Any], shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """What ``initializer``, of Keras or any function, draws from ``seed``; nobody else's randomness moves.

    Keras' own initializers keep the seed that they were made with, also those that a function calls.
    """
    import keras
    import numpy as np

    def draw() -> np.ndarray:
        keras.utils.set_random_seed(seed)
        with keras.device("cpu:0"):
            return np.asarray(keras.ops.convert_to_numpy(initializer(shape, dtype=dtype)))

    inside = list(_random_initializers(initializer, depth=3))
    seeds = [one.seed for one in inside]
    for place, one in enumerate(inside):
        one.seed = seed + place
    try:
        with _others_randomness_kept():
            value: np.ndarray = in_a_thread(draw)
            return value
    finally:
        for one, before in zip(inside, seeds, strict=True):
            one.seed = before


def _random_initializers(node: Any, depth: int) -> Iterator[Any]:
    """The initializers with a seed that a callable is, holds or closes over."""
    from keras.src.initializers.random_initializers import RandomInitializer

    if isinstance(node, RandomInitializer):
        yield node
    elif depth:
        held = [] if isinstance(node, type) else [*getattr(node, "__dict__", {}).values()]
        if isinstance(node, partial):
            held += [node.func, *node.args, *node.keywords.values()]
        for cell in getattr(node, "__closure__", None) or ():
            with suppress(ValueError):  # a cell that is still empty
                held.append(cell.cell_contents)
        if isinstance(node, FunctionType):
            held += [node.__globals__.get(name) for name in node.__code__.co_names]
        held += [node.__self__] if hasattr(node, "__self__") else []
        for one in held:
            if callable(one):
                yield from _random_initializers(one, depth - 1)


@contextmanager
def _others_randomness_kept() -> Iterator[None]:
    """Give Python's, NumPy's and TensorFlow's global generators back as they were; Keras' are a thread's own."""
    import numpy as np
    from tensorflow.python.eager.context import context

    eager = context()
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 - others use it
    tensors = {name: vars(eager).get(name) for name in ("_seed", "_rng")}  # it can be set, not read
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002 - likewise
        vars(eager).update(tensors)


def seed_global_noise(seed: int) -> None:
    """Let layers that draw without a seed of their own draw from ``seed`` in this thread, also in what was traced."""
    import keras
    from keras.src.backend.common.global_state import set_global_attribute

    if not _GLOBAL_NOISE:
        _GLOBAL_NOISE.append(keras.random.SeedGenerator(0))
    set_global_attribute("global_seed_generator", _GLOBAL_NOISE[0])
    _GLOBAL_NOISE[0].state.assign([seed, 0])


_GLOBAL_NOISE: list[keras.random.SeedGenerator] = []
"""The one generator that every trace holds: Keras makes another where a model's code clears its session."""


def saved_sizes(content: bytes) -> dict[str, int] | None:
    """The unpacked size of each member of a ``.keras`` file, as it says itself; None where it is none, or damaged."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as file:
            sizes = {one.filename: one.file_size for one in file.infolist()}
            whole = len(sizes) == len(file.infolist()) and {"config.json", "metadata.json"} <= set(sizes)
            return sizes if whole else None
    except Exception:  # noqa: BLE001 - a damaged archive raises whatever zipfile comes upon
        return None


def is_whole(content: bytes) -> bool:
    """Whether every member of the archive can be unpacked and has its checksum."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as file:
            return file.testzip() is None
    except Exception:  # noqa: BLE001 - the same
        return False


def saved_numbers(content: bytes) -> int:
    """The numbers in the weights and in the largest output of a ``.keras`` file's model, which takes no memory here.

    Raises whatever Keras raises for a configuration that makes no model.
    """
    import keras

    def make() -> Any:
        # Variables that are made here have a shape and no value; this thread's are forgotten with it.
        with keras.StatelessScope(initialize_variables=False):
            return keras.saving.deserialize_keras_object(config, safe_mode=True)

    with zipfile.ZipFile(BytesIO(content)) as file:
        config = json.loads(file.read("config.json")) | {"compile_config": None}
    model = freshly_named(make)
    weights = sum(math.prod(variable.shape) for variable in model.variables)
    outputs = [math.prod(filter(None, tensor.shape)) for layer in model.layers for tensor in _outputs(layer)]
    return int(weights + max(outputs, default=0))


def _outputs(layer: Any) -> list[Any]:
    """The symbolic outputs of each call of a layer."""
    return [tensor for node in layer._inbound_nodes for tensor in node.output_tensors]  # noqa: SLF001 - of all calls


def loss_of(loss: Any) -> Any:
    """The loss object that Keras makes of a name or a function, with the mean over rows."""
    from keras.src.trainers.compile_utils import get_loss

    return get_loss(loss, None, None)


def compiled_loss(model: keras.Model) -> Callable[[Any, Any], Any]:
    """What a compiled model's loss is without penalties, as a function of the target and the output."""
    loss: Callable[[Any, Any], Any] = model._compile_loss  # noqa: SLF001 - compute_loss adds what layers added last
    return loss


def given_to_compile(model: keras.Model) -> dict[str, Any]:
    """What `compile` was given, by the name of its argument."""
    config = getattr(model, "_compile_config", None)
    return dict(getattr(config, "config", None) or {})


def optimizer_config(optimizer: Any) -> dict[str, Any]:
    """The configuration of an optimizer, with the schedule of its learning rate itself, which may have none."""
    import keras

    rate = getattr(optimizer, "_learning_rate", None)  # the public one is its value now
    if not callable(rate):
        return dict(optimizer.get_config())
    optimizer._learning_rate = keras.optimizers.schedules.CosineDecay(1.0, 1)  # noqa: SLF001 - for a moment
    try:
        return dict(optimizer.get_config()) | {"learning_rate": rate}
    finally:
        optimizer._learning_rate = rate  # noqa: SLF001 - likewise


def saved_compile(content: bytes) -> Any:
    """How the model of a ``.keras`` file was compiled, as a configuration; None where it was not."""
    with zipfile.ZipFile(BytesIO(content)) as file:
        return json.loads(file.read("config.json")).get("compile_config")


def never_training(layer: Any) -> bool:
    """Whether every call of a layer in a Functional model says ``training=False``."""
    calls = [node.arguments.kwargs.get("training") for node in layer._inbound_nodes if not node.is_input]  # noqa: SLF001 - the calls
    return bool(calls) and all(training is False for training in calls)


def is_training(layer: keras.layers.Layer) -> bool:
    """Whether the call that is under way, and that this layer is a part of, is in training mode."""
    return bool(layer._get_call_context().get_value("training"))  # noqa: SLF001 - a call without the argument is not told


def add_seed_generator(layer: keras.layers.Layer) -> keras.random.SeedGenerator:
    """A `SeedGenerator` more for a layer that is built, among its variables and its `added_seed_states`."""
    import keras

    states = added_seed_states(layer)
    layer._tracker.unlock()  # noqa: SLF001 - as Keras does to add low-rank weights
    generator = keras.random.SeedGenerator(0, name=f"added_{len(states)}")
    setattr(layer, f"_added_seed_{len(states)}", generator)
    layer._tracker.lock()  # noqa: SLF001
    return generator


def added_seed_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The states of the generators that `add_seed_generator` gave to a layer, in that order."""
    return [generator.state for name, generator in vars(layer).items() if name.startswith("_added_seed_")]


@contextmanager
def values_replaced(values: Sequence[tuple[keras.Variable, Any]]) -> Iterator[None]:
    """Let these variables have other values inside; what is assigned to others there counts outside."""
    import keras
    from keras.src.backend.common.stateless_scope import get_stateless_scope, in_stateless_scope

    outer = get_stateless_scope() if in_stateless_scope() else None
    scope = keras.StatelessScope(values)
    mine = dict(scope.state_mapping)
    if outer is not None:
        scope.state_mapping = outer.state_mapping | mine
    before = dict(scope.state_mapping)
    assigned: dict[int, keras.Variable] = {}
    update = scope.add_update

    def noted(change: tuple[keras.Variable, Any]) -> None:
        assigned[id(change[0])] = change[0]
        update(change)

    scope.add_update = noted
    with scope:
        yield
    for key, variable in assigned.items():
        if key not in mine and scope.state_mapping[key] is not before.get(key):
            variable.assign(scope.state_mapping[key])


def measured_step(model: keras.Model, descent: Any, x: Any, weight: Any) -> Any:
    """What a ``train_step`` of Keras' own returns after an update, its mean loss and metrics."""
    import tensorflow as tf

    model._loss_tracker.update_state(descent.loss, sample_weight=tf.shape(x)[0])  # noqa: SLF001 - Keras' own step does it
    return model.compute_metrics(x, descent.y, descent.predicted, sample_weight=weight)


def clipped(optimizer: keras.optimizers.Optimizer, gradients: list[Any]) -> list[Any]:
    """The gradients of all weights as ``optimizer`` clips them before it uses them."""
    found: list[Any] = optimizer._clip_gradients(gradients)  # noqa: SLF001 - it clips inside of `apply` alone
    return found


def not_decayed(optimizer: keras.optimizers.Optimizer, variables: Iterable[keras.Variable]) -> list[bool]:
    """Which of ``variables`` are excluded from the weight decay of ``optimizer``."""
    return [not optimizer._use_weight_decay(variable) for variable in variables]  # noqa: SLF001 - there is no public list
