"""Two-level factorials: which combinations of factors are run, and which effects their results can tell apart.

Up to five factors every combination is run. From six on it is a fraction of 32 combinations with minimum aberration:
of all such fractions it has the fewest short defining words, so that as few effects as can be are measured as one
(Fries and Hunter, "Minimum aberration 2^(k−p) designs", Technometrics 22, 1980; Box, Hunter and Hunter, "Statistics for
experimenters"). All of them contain the combination with every factor off, the control.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

FULL = 5
"""Factors up to which every combination is run."""
_GENERATORS = {
    6: "ABCDE",
    7: "ABCD ABDE",
    8: "ABC ABD BCDE",
    9: "BCDE ACDE ABDE ABCE",
    10: "ABCD ABCE ABDE ACDE BCDE",
    11: "ABC ABD ACD ABE ACE ADE",
    12: "ABC ABD ACD BCD ABE ACE ADE",
    13: "ABC ABD ACD BCD ABE ACE BCE ADE",
    14: "ABC ABD ACD BCD ABE ACE BCE ADE BDE",
    15: "ABC ABD ACD BCD ABE ACE BCE ADE BDE CDE",
    16: "ABC ABD ACD BCD ABE ACE BCE ADE BDE CDE ABCDE",
}
"""Of each number of factors, which of the first five each further one goes with: it is on where an odd number of them
is. tests/unit/analysis/test_design.py searches all others for a better one."""
ROMAN = {4: "IV", 5: "V", 6: "VI"}
"""How resolutions are written."""
MOST = max(_GENERATORS)
"""Factors of the largest design."""


@dataclass(frozen=True)
class Design:
    """A two-level factorial of so many ``factors``, 2 to `MOST`."""

    factors: int

    @cached_property
    def runs(self) -> tuple[tuple[bool, ...], ...]:
        """The combinations, (runs, factors): whether each factor is on; fewest on first, the control before all."""
        basic = min(self.factors, FULL)
        found = [
            (*levels, *(sum(levels[one] for one in word) % 2 == 1 for word in self._generators))
            for levels in product((False, True), repeat=basic)
        ]
        return tuple(sorted(found, key=lambda levels: (sum(levels), [not one for one in levels])))

    @property
    def combinations(self) -> int:
        """How many combinations there are, run or not."""
        return 1 << self.factors

    @property
    def full(self) -> bool:
        """Whether every combination is run."""
        return self.factors <= FULL

    @cached_property
    def words(self) -> tuple[frozenset[int], ...]:
        """The defining words: sets of factors of which an even number is on in every run; none of a full design."""
        letters = [frozenset({*word, FULL + place}) for place, word in enumerate(self._generators)]
        found: list[frozenset[int]] = [frozenset()]
        for word in letters:
            found += [one ^ word for one in found]
        return tuple(sorted(filter(None, found), key=lambda word: (len(word), sorted(word))))

    @property
    def resolution(self) -> int | None:
        """The length of the shortest defining word: of 5, pairs are told apart from pairs; None of a full design."""
        return len(self.words[0]) if self.words else None

    @cached_property
    def pairs(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """The pairs of factors, those together whose interactions are measured as one sum."""
        found: dict[tuple[bool, ...], list[tuple[int, int]]] = {}
        for first, second in combinations(range(self.factors), 2):
            column = tuple(run[first] == run[second] for run in self.runs)
            found.setdefault(column, []).append((first, second))
        return tuple(map(tuple, found.values()))

    @property
    def _generators(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(map("ABCDE".index, word)) for word in _GENERATORS.get(self.factors, "").split())


@dataclass(frozen=True)
class Factorial:
    """A design of techniques: ``factors`` are their labels, ``variants`` the names of those that are its runs.

    ``singles`` are the names of the variants with one factor alone, which a fraction does not contain.
    """

    design: Design
    factors: tuple[str, ...]
    variants: tuple[str, ...]
    singles: tuple[str, ...]
