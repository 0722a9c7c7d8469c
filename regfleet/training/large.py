"""Many rows through a model in inference mode: some at a time, so that what its layers make of them stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROWS = 2**15
"""Rows that go through at a time."""
LARGE = 2 * ROWS
"""Rows that go through at once, where there are no more.

What a model gives for a row is the same, but for a last bit where a product takes its last rows in another way.
"""


def is_large(rows: int) -> bool:
    """Whether so many rows go through in parts."""
    return rows > LARGE


def predicted(predict: Callable[[np.ndarray], np.ndarray], parts: Sequence[np.ndarray]) -> np.ndarray:
    """What ``predict`` gives for the rows of all ``parts``, one after the other."""
    if not is_large(sum(map(len, parts))):
        return predict(np.concatenate(parts))
    blocks = (part[first : first + ROWS] for part in parts for first in range(0, len(part), ROWS))
    return np.concatenate([predict(block) for block in blocks])


def in_parts(infer: Callable[[Any], tuple[Any, Any]], x: Any) -> tuple[Any, Any]:
    """What `Steps.infer` gives for ``x``, in a graph: the model's output, and the logits beside it or None."""
    import tensorflow as tf

    rows = x.shape[0]
    whole, rest = divmod(rows, ROWS)
    last, logits = infer(x[whole * ROWS :]) if rest else infer(x[:ROWS])
    kept = [last] if logits is None else [last, logits]
    made = [
        tf.TensorArray(part.dtype, whole, element_shape=(ROWS, *part.shape[1:]), infer_shape=False) for part in kept
    ]

    def one(number: Any, made: Any) -> Any:
        found = infer(x[number * ROWS : (number + 1) * ROWS])
        return number + 1, [array.write(number, part) for array, part in zip(made, found, strict=False)]

    begin = (tf.constant(0), made)
    _, made = tf.while_loop(lambda number, _: number < whole, one, begin, parallel_iterations=1)
    joined = [
        tf.reshape(tf.concat([array.concat(), part] if rest else [array.concat()], axis=0), (rows, *part.shape[1:]))
        for array, part in zip(made, kept, strict=True)
    ]
    return joined[0], None if logits is None else joined[1]
