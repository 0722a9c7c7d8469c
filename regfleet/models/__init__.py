"""Models: the multilayer perceptron of a study or one of the user's own, with techniques put in and weights by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.models.describing import describe, opened
from regfleet.models.graph import named_parts
from regfleet.models.hooks import Hooks
from regfleet.models.penalties import penalties_of
from regfleet.models.perceptron import INPUT, perceptron
from regfleet.models.sources import Base, Builder, Function, SavedModel, base_of, parse_model, takes_techniques
from regfleet.models.surgery import with_techniques
from regfleet.models.weights import initial_weights, starting_weights

if TYPE_CHECKING:
    import keras

    from regfleet.records import Recipe, Task

__all__ = [
    "INPUT",
    "Base",
    "Builder",
    "Function",
    "Hooks",
    "SavedModel",
    "base_of",
    "build",
    "describe",
    "initial_weights",
    "named_parts",
    "parse_model",
    "penalties_of",
    "perceptron",
    "starting_weights",
    "with_techniques",
]


def build(recipe: Recipe, input_shape: tuple[int, ...], outputs: int, task: Task = "classification") -> keras.Model:
    """The Keras model of ``recipe`` for rows of ``input_shape``, not compiled.

    Args:
        recipe: the perceptron or the base model, and what techniques add to it.
        input_shape: the shape of one row.
        outputs: the number of classes, 1 for a regression.
        task: the perceptron's output is a softmax, or linear for a regression.

    Raises:
        InputError: a technique has no place in the model, or the user's model cannot be built.
    """
    import keras

    if recipe.base is None:
        model = perceptron(recipe.model, input_shape, outputs, task)
    elif takes_techniques(recipe.base):
        hooks = Hooks(recipe.penalties, recipe.insertions)
        model = recipe.base(input_shape, outputs, techniques=hooks)  # type: ignore[call-arg]
        model(keras.ops.zeros((1, *input_shape)))  # a subclass has no weights before it is called
        hooks.check()
        return model
    else:
        model = opened(recipe.base(input_shape, outputs), recipe.model.source, input_shape)
    return with_techniques(model, recipe.penalties, recipe.insertions, keep=recipe.model.keep_weights)
