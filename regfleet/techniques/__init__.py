"""The techniques and the grammar that names them."""

from regfleet.techniques.catalogue import TECHNIQUES, recipe, technique_named
from regfleet.techniques.grammar import Sweep, describe_sweep, describe_techniques, parse_techniques, swept_values
from regfleet.techniques.recipe import Definition, Facts, Parameter

__all__ = [
    "TECHNIQUES",
    "Definition",
    "Facts",
    "Parameter",
    "Sweep",
    "describe_sweep",
    "describe_techniques",
    "parse_techniques",
    "recipe",
    "swept_values",
    "technique_named",
]
