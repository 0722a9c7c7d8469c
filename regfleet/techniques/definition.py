"""What a technique declares about itself."""

from collections.abc import Callable
from dataclasses import dataclass

from regfleet.techniques.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number a technique takes: its name, default and range, where an open end excludes the bound.

    ``symbol`` stands for it in the labels of variants and sweeps.
    """

    name: str
    symbol: str
    default: float
    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    @property
    def range(self) -> str:
        """The range as mathematicians write it, e.g. ``[0, 1)``."""
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"

    def accepts(self, value: float) -> bool:
        """Whether ``value`` lies in the range; NaN does not."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below


@dataclass(frozen=True, slots=True)
class Definition:
    """A technique: ``apply(recipe, values, layers)`` returns the recipe with the technique at those layers.

    ``values`` has one number per parameter, or, with ``per_layer``, one number per layer. ``label`` words the values
    for people. ``at_input`` allows the place ``input``.
    """

    name: str
    title: str
    summary: str
    source: str
    parameters: tuple[Parameter, ...]
    apply: Callable[[Recipe, tuple[float, ...], tuple[str, ...]], Recipe]
    label: Callable[[tuple[float, ...]], str]
    per_layer: bool = False
    at_input: bool = False
