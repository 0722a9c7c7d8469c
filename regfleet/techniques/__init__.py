"""The techniques and the grammar that names them."""

from regfleet.techniques.catalogue import (
    TECHNIQUES,
    asks_for_facts,
    families,
    recipe,
    take_padding,
    technique_named,
    why_unfit,
)
from regfleet.techniques.grammar import Sweep, describe_sweep, describe_techniques, parse_techniques, swept_values
from regfleet.techniques.pages import techniques_page
from regfleet.techniques.recipe import Definition, Facts, Parameter, Range

__all__ = [
    "TECHNIQUES",
    "Definition",
    "Facts",
    "Parameter",
    "Range",
    "Sweep",
    "asks_for_facts",
    "describe_sweep",
    "describe_techniques",
    "families",
    "parse_techniques",
    "recipe",
    "swept_values",
    "take_padding",
    "technique_named",
    "techniques_page",
    "why_unfit",
]
