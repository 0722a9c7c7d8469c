"""Models: the multilayer perceptron of a study or one of the user's own, with techniques put in and weights by seed."""

from regfleet.models.base import Base, Builder, Function, SavedModel, base_of, parse_model
from regfleet.models.build import build, check_techniques, perceptron
from regfleet.models.describe import describe
from regfleet.models.graph import INPUT, named_parts
from regfleet.models.hooks import Hooks
from regfleet.models.regularizers import penalties_of
from regfleet.models.scaling import use_of
from regfleet.models.surgery import with_techniques
from regfleet.models.texts import text_shape
from regfleet.models.weights import initial_weights, starting_weights

__all__ = [
    "INPUT",
    "Base",
    "Builder",
    "Function",
    "Hooks",
    "SavedModel",
    "base_of",
    "build",
    "check_techniques",
    "describe",
    "initial_weights",
    "named_parts",
    "parse_model",
    "penalties_of",
    "perceptron",
    "starting_weights",
    "text_shape",
    "use_of",
    "with_techniques",
]
