"""What the article claimed from one run of each model, beside what the seeds show."""

from __future__ import annotations

from dataclasses import dataclass

from regfleet.analysis.summary import Summary, VariantSummary
from regfleet.numbers import Scale
from regfleet.report.words import Chip, chip

# By the beginning of the variant's canonical name.
ARTICLE = (
    ("l1(0.01)@first", "about as before"),
    ("l1(0.01)@all", "“jumped from 92 to 94”"),
    ("l2(0.01)@first", "97 %"),
    ("dropout(0.5)@first", "97 %"),
    ("dropout(0.5,0.5,0.5,0.3)", "98 %"),
    ("batchnorm(0.99)@2", "“not as good as the others”"),
    ("batchnorm(0.99)@all", "“good accuracy”"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the article and the difference from the control that the seeds show."""

    label: str
    claimed: str
    score: str
    difference: str
    interval: str
    chip: Chip


def claims(summary: Summary) -> tuple[Claim, ...]:
    """The article's claims in its own order; those whose variant is not in the study are left out."""
    unit = Scale(summary.metric)
    found = []
    for start, claimed in ARTICLE:
        row = _variant(summary, start)
        if row is None or row.comparison is None:
            continue
        interval = row.comparison.difference
        found.append(
            Claim(
                label=row.label,
                claimed=claimed,
                score=unit.full(row.score.mean),
                difference=unit.change(interval.mean),
                interval=unit.from_to(interval.low, interval.high),
                chip=chip(row),
            )
        )
    return tuple(found)


def _variant(summary: Summary, start: str) -> VariantSummary | None:
    for dataset in summary.datasets:
        for row in dataset.variants:
            if row.name.startswith(start) and "+" not in row.name:
                return row
    return None
