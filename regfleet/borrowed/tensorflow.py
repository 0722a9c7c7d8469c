"""Private names of TensorFlow: the rules of `tf.vectorized_map`, and the gradients that it registers for good."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

DRAWS = (
    "StatelessRandomGetKeyCounter",
    "StatelessRandomUniformV2",
    "StatelessRandomUniformFullIntV2",
    "StatelessRandomUniformIntV2",
    "StatelessRandomNormalV2",
    "StatelessRandomGammaV3",
    "StatelessTruncatedNormalV2",
)
"""Operations that draw; `tf.vectorized_map` has no rules for them, the ``Bitcast`` of `argmax`, norms' ``L2Loss``."""


@cache
def add_mapping_rules() -> None:
    """Teach `tf.vectorized_map` to draw, for each element of a map, what that element alone would draw."""
    from tensorflow.python.ops.parallel_for import pfor

    rules = dict.fromkeys(DRAWS, _one_by_one) | {"Bitcast": _bitcast, "L2Loss": _half_the_squares}
    for name, rule in rules.items():
        if name not in pfor._pfor_converter_registry:  # noqa: SLF001 - rules can be added, not looked up
            pfor.RegisterPFor(name)(rule)


def _one_by_one(call: Any) -> Any:
    import tensorflow as tf
    from tensorflow.python.ops.parallel_for import pfor

    (elements,) = tf.get_static_value(call.pfor.loop_len_vector)
    inputs = [call.input(index) for index in range(call.num_inputs)]
    types, attributes = [output.dtype for output in call.outputs], call.op.node_def.attr
    draws = []
    for element in range(elements):
        of_element = [tensor[element] if is_stacked else tensor for tensor, is_stacked, _ in inputs]
        draws.append(pfor._create_op(call.op_type, of_element, types, attributes).outputs)  # noqa: SLF001
    return [pfor.wrap(tf.stack(draw), is_stacked=True) for draw in zip(*draws, strict=True)]


def _bitcast(call: Any) -> Any:
    import tensorflow as tf
    from tensorflow.python.ops.parallel_for import pfor

    return pfor.wrap(tf.bitcast(call.stacked_input(0), call.get_attr("type")), is_stacked=True)


def _half_the_squares(call: Any) -> Any:
    import tensorflow as tf
    from tensorflow.python.ops.parallel_for import pfor

    each = call.stacked_input(0)
    return pfor.wrap(tf.reduce_sum(each * each, axis=tf.range(1, tf.rank(each))) / 2, is_stacked=True)


def is_shuffled_anew(dataset: Any) -> bool:
    """Whether the elements of a `tf.data.Dataset` come in another order whenever a process makes it."""
    if type(dataset).__name__ == "_ShuffleDataset" and not (int(dataset._seed) or int(dataset._seed2)):  # noqa: SLF001 - no public name tells
        return True
    return any(map(is_shuffled_anew, dataset._inputs()))  # noqa: SLF001 - the same


def tensor_of(array: np.ndarray) -> Any:
    """A tensor of the numbers in ``array``, which nobody changes as long as it lives: on a CPU of its very memory.

    `tf.constant` would copy it. TensorFlow never writes to memory that is not its own; what is not aligned it copies.
    """
    import tensorflow as tf
    from tensorflow.python.eager import context
    from tensorflow.python.framework import ops

    if array.dtype.kind not in "fiu" or not array.flags.c_contiguous:
        return tf.constant(array)
    ctx = context.context()
    ctx.ensure_initialized()
    return ops.EagerTensor(array, ctx.device_name, tf.as_dtype(array.dtype).as_datatype_enum)


@contextmanager
def no_gradients_kept() -> Iterator[None]:
    """Forget the gradients that a trace registers for good, and with them the whole graph: they have served.

    Every Keras optimizer registers one (`tf.distribute`'s all-reduce has a custom gradient); 10 MB a trace would stay.
    """
    from tensorflow.python.framework import ops

    registered = ops.gradient_registry._registry  # noqa: SLF001 - TensorFlow has no other way to take one back
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            del registered[name]
