"""Small models and the article's recipes, written in the grammar of techniques."""

import pytest

from regfleet import techniques
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe
from regfleet.training import runtime

ARTICLE_NETWORK = ModelSpec((512, 256, 128, 64, 32), ("tanh", "tanh", "tanh", "tanh", "relu"))
ARTICLE_VARIANTS = {
    "none": "none",
    "l1 first": "l1(0.01)@first",
    "l1 all": "l1(0.01)@all",
    "l2 first": "l2(0.01)@first",
    "l2 all": "l2(0.01)@all",
    "dropout first": "dropout(0.5)@first",
    "dropout four": "dropout(0.5,0.5,0.5,0.3)",
    "batchnorm one": "batchnorm@2",
    "batchnorm all": "batchnorm@all",
}


@pytest.fixture(autouse=True, scope="session")
def _runtime():
    """One TensorFlow thread, as in a worker."""
    runtime.prepare(gpu=False)


@pytest.fixture
def small():
    """A recipe of a small network."""
    return Recipe(ModelSpec((8, 6), ("tanh", "relu")), Training(epochs=6, batch_size=25))


@pytest.fixture(scope="session")
def recipe_of():
    """The function that makes a recipe of a model and a technique's text."""

    def make(model, text):
        (combination,) = techniques.parse_techniques(text, model).combinations
        return techniques.recipe(model, Training(epochs=1, batch_size=128), combination)

    return make


@pytest.fixture(scope="session")
def article(recipe_of):
    """The article's nine recipes."""
    return {name: recipe_of(ARTICLE_NETWORK, text) for name, text in ARTICLE_VARIANTS.items()}
