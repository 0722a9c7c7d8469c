"""Models that take texts: through a TextVectorization or a StringLookup of their own, whose vocabulary is given."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.models.base import SavedModel, takes_techniques
from regfleet.models.hooks import Hooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras
    import numpy as np

    from regfleet.models.base import Base


def text_shape(base: Base, outputs: int) -> tuple[int, ...] | None:
    """The shape of a row of texts as the model of ``base`` takes it, () or (1,); None where it takes numbers."""
    for shape in ((1,), ()):
        # A builder that needs rows of numbers may raise anything for others.
        with suppress(InputError):
            hooks = {"techniques": Hooks()} if takes_techniques(base) else {}
            model = base(shape, outputs, **hooks)
            inputs: Sequence[Any] = getattr(model, "inputs", None) or ()
            if len(inputs) == 1 and inputs[0].dtype == "string":
                given = tuple(inputs[0].shape[1:])
                return given if given in {(), (1,)} else (1,)
            if isinstance(base, SavedModel) or inputs:
                return None
    return None


def example(model: keras.Model, shape: tuple[int, ...]) -> Any:
    """Two rows of ``shape`` that any layer takes: ones, or texts."""
    import keras
    import numpy as np

    inputs = getattr(model, "inputs", None) or ()
    if inputs and inputs[0].dtype == "string":
        return keras.ops.convert_to_tensor(np.full((2, *shape), "1", object), dtype="string")
    return np.ones((2, *shape), "float32")


def tensor(rows: np.ndarray) -> Any:
    """Rows as Keras takes them: texts as a tensor, numbers as they are."""
    import tensorflow as tf

    return tf.constant(rows) if rows.dtype.kind == "O" else rows
