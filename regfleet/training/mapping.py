"""What `tf.vectorized_map` lacks for Keras' steps: rules for noise, one draw for each element, and for `argmax`."""

from __future__ import annotations

from functools import cache
from typing import Any

DRAWS = (
    "StatelessRandomGetKeyCounter",
    "StatelessRandomUniformV2",
    "StatelessRandomUniformFullIntV2",
    "StatelessRandomUniformIntV2",
    "StatelessRandomNormalV2",
    "StatelessTruncatedNormalV2",
)


@cache
def add_rules() -> None:
    """Teach `tf.vectorized_map` to draw, for each element of a map, what that element alone would draw."""
    from tensorflow.python.ops.parallel_for import pfor

    rules = dict.fromkeys(DRAWS, _one_by_one) | {"Bitcast": _bitcast}
    for name, rule in rules.items():
        if name not in pfor._pfor_converter_registry:  # noqa: SLF001 - rules can be added, not looked up
            pfor.RegisterPFor(name)(rule)


def _one_by_one(given: Any) -> Any:
    import tensorflow as tf
    from tensorflow.python.ops.parallel_for import pfor

    (elements,) = tf.get_static_value(given.pfor.loop_len_vector)
    inputs = [given.input(index) for index in range(given.num_inputs)]
    types, attributes = [output.dtype for output in given.outputs], given.op.node_def.attr
    draws = []
    for element in range(elements):
        own = [tensor[element] if is_stacked else tensor for tensor, is_stacked, _ in inputs]
        draws.append(pfor._create_op(given.op_type, own, types, attributes).outputs)  # noqa: SLF001
    return [pfor.wrap(tf.stack(draw), is_stacked=True) for draw in zip(*draws, strict=True)]


def _bitcast(given: Any) -> Any:
    import tensorflow as tf
    from tensorflow.python.ops.parallel_for import pfor

    return pfor.wrap(tf.bitcast(given.stacked_input(0), given.get_attr("type")), is_stacked=True)
