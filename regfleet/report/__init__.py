"""The report: figures, page and exports, written from the analysis' records; nothing here computes a statistic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.records import Failure, StudyFacts, Summary

if TYPE_CHECKING:
    import pandas as pd


def render(
    summary: Summary,
    facts: StudyFacts,
    failures: Sequence[Failure],
    trials: pd.DataFrame,
    headlines: Mapping[str, tuple[str, ...]],
    templates: Path | None = None,
) -> str:
    """The report as one HTML file; see `regfleet.report.page.render`."""
    from regfleet.report import page

    return page.render(summary, facts, failures, trials, headlines, templates)
