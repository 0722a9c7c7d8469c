"""Every layer of Keras that a classifier can hold takes techniques where it has a kernel, and draws its weights."""

from dataclasses import replace

import numpy as np
import pytest
from support.every_layer import SHAPES, check_fits, recipe_of

from regfleet import models

pytestmark = pytest.mark.filterwarnings("ignore")


def initial(model, seed):
    """Initial values by layer and path: layers may name what is in them alike."""
    drawn = dict(zip(map(id, model.variables), models.initial_weights(model, seed), strict=True))
    return {(layer.name, one.path): drawn[id(one)] for layer in model.layers for one in layer.variables}


@pytest.mark.parametrize("kind", SHAPES)
def test_every_layer_of_keras_takes_techniques_and_draws_its_weights(kind):
    """Its kernels are places; a variant has the control's weights, another seed has others at every kernel."""
    recipe, kernels = recipe_of(kind)
    assert sorted(recipe.model.layers) == sorted(kernels)
    plain = models.build(replace(recipe, penalties=(), insertions=()), SHAPES[kind], 2)
    changed = models.build(recipe, SHAPES[kind], 2)
    control, other, variant = initial(plain, 3), initial(plain, 4), initial(changed, 3)
    assert len(control) > len(kernels)
    for key, value in control.items():
        np.testing.assert_array_equal(variant[key], value)
    penalized = [weight for weight in changed.trainable_weights if weight.regularizer is not None]
    assert len(penalized) >= len(kernels)
    paths = {weight.path for weight in penalized}
    assert all((value != other[key]).any() for key, value in control.items() if key[1] in paths)
    assert not any(weight.regularizer for weight in plain.trainable_weights)
    assert sum(layer.name.startswith("dropout_after_") for layer in changed.layers) == len(kernels)


def test_layers_of_rows_train_as_in_keras():
    """Both engines train the model of all layers for rows of numbers to the same; tests/slow has the other rows."""
    check_fits("rows", recipe_of("rows")[0])
