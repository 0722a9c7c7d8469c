"""The techniques and the grammar that names them."""

from regfleet.techniques.catalogue import (
    TECHNIQUES,
    describe_sweep,
    describe_techniques,
    parse_techniques,
    recipe,
    technique_named,
)
from regfleet.techniques.definition import Definition, Parameter
from regfleet.techniques.grammar import Sweep, swept_values

__all__ = [
    "TECHNIQUES",
    "Definition",
    "Parameter",
    "Sweep",
    "describe_sweep",
    "describe_techniques",
    "parse_techniques",
    "recipe",
    "swept_values",
    "technique_named",
]
