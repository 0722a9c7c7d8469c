"""Reference rows beside the networks: each against the best of them, and what that says of having a network at all.

The best network is the one with the best mean, so the data choose which pair is looked at. Intervals are therefore
simultaneous over all pairs of a reference and a network: whichever pair is shown, and whatever is said of "every
network", the chance of any false claim is alpha. It is spent apart from that of the verdicts among the variants, as
that of the lead over the runner-up is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from regfleet.analysis.comparing import Terms, compare
from regfleet.analysis.intervals import BEYOND_ROPE, MINIMUM_PAIRS
from regfleet.analysis.rows import variant_row
from regfleet.analysis.runs import Runs
from regfleet.analysis.summary import References
from regfleet.analysis.variant import Comparison, VariantSummary
from regfleet.numbers import Scale
from regfleet.settings.values import Reference, Variant
from regfleet.text import capital

NOUNS: Mapping[Reference, str] = {"linear": "a linear model", "trees": "boosted trees"}


def references_of(
    references: Sequence[Variant], ranked: Sequence[VariantSummary], runs: Mapping[str, Runs], terms: Terms
) -> References | None:
    """The reference rows of a data set that has any, best mean first.

    Args:
        references: those that have trials, finished or not.
        ranked: the rows of the networks, best first.
        runs: of both, by name.
        terms: of the data set.
    """
    if not references:
        return None
    placed = [row for row in ranked if row.rank is not None]
    # What stopped before the first look of its study claims nothing, so that no reference is judged by it.
    networks = sorted(placed, key=lambda row: not terms.question.claims(runs[row.name].attempted))
    terms = replace(terms, comparisons=max(1, len(references) * len(networks)))
    best = networks[0] if networks else None
    rows = [_row(one, best, runs, terms) for one in references]
    rows.sort(key=lambda row: -terms.metric.sign * row.score.mean if math.isfinite(row.score.mean) else math.inf)
    kinds = {one.name: one.reference for one in references}
    said = _Said(networks, kinds, runs, terms)
    rows = [replace(row, comparison=row.comparison and replace(row.comparison, sentence=said.of(row))) for row in rows]
    return References(tuple(rows), best.name if best else "", terms.comparisons, said.verdict(rows))


def _row(one: Variant, best: VariantSummary | None, runs: Mapping[str, Runs], terms: Terms) -> VariantSummary:
    """A reference as a row of the leaderboard without a rank; its control is the best network."""
    row = variant_row(one, runs, terms)
    if best is None:
        return replace(row, control="")
    comparison = compare(runs[one.name], runs[best.name], best.name, terms)
    return replace(row, control=best.name, comparison=replace(comparison, companion=None))


class _Said:
    """What references say, in plain words."""

    def __init__(
        self,
        networks: Sequence[VariantSummary],
        kinds: Mapping[str, Reference | None],
        runs: Mapping[str, Runs],
        terms: Terms,
    ) -> None:
        self._networks, self._kinds, self._runs, self._terms = networks, kinds, runs, terms
        self._unit = Scale(terms.metric)

    def of(self, row: VariantSummary) -> str:
        """Of one reference against the best network; empty with too few seeds."""
        one = row.comparison
        if one is None or not _judged(one):
            return ""
        best, size = self._networks[0].label, self._size(one)
        if one.verdict == "better":
            return f"{capital(self._noun(row))} {self._does(row)} better than the best network, {best}, by {size}."
        if one.verdict == "worse":
            return f"The best network, {best}, does better than {self._noun(row)}, by {size}."
        if one.verdict == "equivalent":
            rope = self._unit.amount(one.rope)
            return f"The best network, {best}, and {self._noun(row)} are within {rope} of each other."
        reach = self._unit.from_to(one.difference.low, one.difference.high)
        open_ = f"{self._unit.difference(one.difference.mean)}" + (f", {reach}" if reach else "")
        return f"No clear difference between {self._noun(row)} and the best network, {best} ({open_})."

    def verdict(self, rows: Sequence[VariantSummary]) -> str:
        """Of all of them, the one sentence of the verdict; empty where none can be judged."""
        known = [row for row in rows if row.comparison and _judged(row.comparison)]
        ahead = next((row for row in known if row.comparison and row.comparison.verdict == "better"), None)
        if ahead is not None and ahead.comparison is not None:
            others = all(one.verdict == "better" for one in self._against_others(ahead))
            whom = "every network" if others else f"the best network, {self._networks[0].label},"
            doing = f"{capital(self._noun(ahead))} {self._does(ahead)} better than {whom} here"
            small = ", though perhaps by less than matters" if ahead.comparison.note != BEYOND_ROPE else ""
            return f"{doing}, by about {self._size(ahead.comparison)} on {self._terms.where}{small}."
        level = [row for row in known if self._beaten_by(row) is None]
        if level:
            strongest = level[0].comparison
            *nouns, last = [self._noun(row) for row in level]
            names = f"{', '.join(nouns)} or {last}" if nouns else last
            best, theirs = (self._unit.full(row.score.mean) for row in (self._networks[0], level[0]))
            alike = ""
            if strongest is not None and strongest.verdict == "equivalent":
                alike = f", alike within {self._unit.amount(strongest.rope)}"
            return (
                f"No network is clearly better than {names} here: {best} for the best, {self._networks[0].label}, "
                f"against {theirs} for {self._noun(level[0])}{alike}."
            )
        beaten = self._beaten_by(known[0]) if known else None
        if beaten is None:
            return ""
        first = self._networks[0]
        label = self._terms.labels[beaten.control]
        who = f"{label}, the best network," if beaten.control == first.name else label
        return (
            f"{who} is clearly better than the best reference, {self._noun(known[0])}, by about {self._size(beaten)}."
        )

    def _beaten_by(self, row: VariantSummary) -> Comparison | None:
        """The comparison with a network that is clearly better: the best, or one that scatters less; None: none is."""
        own = row.comparison
        if own is not None and own.verdict == "worse":
            return own
        return next((one for one in self._against_others(row) if one.verdict == "worse"), None)

    def _against_others(self, row: VariantSummary) -> Iterator[Comparison]:
        """The reference against each network but the best."""
        for other in self._networks[1:]:
            yield compare(self._runs[row.name], self._runs[other.name], other.name, self._terms)

    def _size(self, one: Comparison) -> str:
        link = "of" if self._unit.points else "in"
        return f"{self._unit.amount(one.difference.mean)} {link} {self._unit.metric.title}"

    def _noun(self, row: VariantSummary) -> str:
        constant = "the largest class" if self._terms.task == "classification" else "the mean"
        return NOUNS.get(self._kinds[row.name] or "constant", f"always saying {constant}")

    def _does(self, row: VariantSummary) -> str:
        return "do" if self._kinds[row.name] == "trees" else "does"


def _judged(one: Comparison) -> bool:
    return len(one.seeds) >= MINIMUM_PAIRS and math.isfinite(one.difference.low)
