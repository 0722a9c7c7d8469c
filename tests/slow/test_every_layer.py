"""Every layer of Keras that a classifier can hold trains in both engines."""

import pytest
from support.every_layer import SHAPES, check_fits, recipe_of


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [kind for kind in SHAPES if kind != "rows"])
def test_layers_of_images_and_sequences_train_as_in_keras(kind):
    """Both engines train the model of all layers to the same."""
    check_fits(kind, recipe_of(kind)[0])
