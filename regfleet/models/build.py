"""The Keras model of a recipe: the multilayer perceptron of a study, or a model of the user's own, with techniques."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet.borrowed.keras import in_a_thread
from regfleet.models.base import takes_techniques
from regfleet.models.describe import opened
from regfleet.models.given import keep
from regfleet.models.graph import INPUT, is_model
from regfleet.models.hooks import Hooks
from regfleet.models.objective import compiled_of, of_class, remember
from regfleet.models.surgery import with_techniques

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from regfleet.settings.values import ModelSpec, Task
    from regfleet.techniques.recipe import Recipe


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
    if recipe.base is None:
        model = perceptron(recipe.model, input_shape, outputs, task)
    elif takes_techniques(recipe.base):
        hooks = Hooks(recipe)
        model = recipe.base(input_shape, outputs, techniques=hooks)  # type: ignore[call-arg]
        hooks.check()
        keep(model, recipe.model)
        return model
    else:
        built = recipe.base(input_shape, outputs)
        model = opened(built, recipe.model.source, input_shape)
        keep(model, recipe.model)
        made = of_class(built, _changed(model, recipe))
        remember(made, compiled_of(built))
        return made
    return _changed(model, recipe)


def _changed(model: keras.Model, recipe: Recipe) -> keras.Model:
    """``model`` with the techniques; what their layers name inside them does not depend on what was built before."""
    changes = recipe.penalties, recipe.insertions, recipe.limits, recipe.kernel_uses
    return in_a_thread(lambda: with_techniques(model, *changes))


def check_techniques(recipes: Sequence[Recipe], input_shape: tuple[int, ...], outputs: int, task: Task) -> None:
    """Build those of ``recipes``, which share a model of the user's own, once that its layers may not take.

    These are all where its graph cannot be seen, else those that put in more than layers behind others.

    Raises:
        InputError: the model does not take a technique: a builder does not ask for it, a subclass has no place, or a
            layer has another shape than it needs.
    """
    if not recipes:
        return
    plain = replace(recipes[0], penalties=(), insertions=(), limits=(), kernel_uses=())
    hidden = not is_model(build(plain, input_shape, outputs, task))
    for recipe in recipes:
        if hidden or any(one.before or one.takes != "output" for one in recipe.insertions):
            build(recipe, input_shape, outputs, task)


def perceptron(spec: ModelSpec, input_shape: tuple[int, ...], outputs: int, task: Task) -> keras.Model:
    """Dense layers ``dense_1`` and on with the widths and activations of ``spec``, and the layer ``output``.

    Rows of more than one axis are made flat. The output is a softmax, or linear for a regression.
    """
    import keras

    tensor = source = keras.Input(input_shape, name=INPUT)
    if len(input_shape) > 1:
        tensor = keras.layers.Flatten(name="flatten")(tensor)
    for name, width, activation in zip(spec.layer_names, spec.hidden, spec.activations, strict=True):
        tensor = keras.layers.Dense(width, activation, name=name)(tensor)
    last = "softmax" if task == "classification" else "linear"
    return keras.Model(source, keras.layers.Dense(outputs, last, name="output")(tensor))
