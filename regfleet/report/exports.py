"""The leaderboard and the trials as files: full precision, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from regfleet.records import Summary
from regfleet.report.shown import ordered
from regfleet.report.text import clean, scale
from regfleet.report.words import chip

if TYPE_CHECKING:
    import pandas as pd

_FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001 - spreadsheets take the full-width forms too
Cell = str | int | float | None


def leaderboard_rows(summary: Summary) -> list[dict[str, Cell]]:
    """A row per data set and variant, best first, in units of the metric; None where there is no value."""
    unit = scale(summary.settings)
    rows: list[dict[str, Cell]] = []
    for dataset in summary.datasets:
        for _, row in ordered(dataset, higher_is_better=unit.metric.higher_is_better):
            comparison, spread = row.comparison, row.spread
            difference = comparison.difference if comparison else None
            rows.append(
                {
                    "dataset": dataset.dataset,
                    "rank": row.rank,
                    "variant": row.name,
                    "label": row.label,
                    "family": row.family,
                    "control": row.control,
                    "verdict": chip(row).word.lower(),
                    "note": comparison.note if comparison else None,
                    "metric": summary.settings.metric,
                    "scope": summary.settings.scope,
                    "mean": row.score.mean,
                    "mean_low": row.score.low,
                    "mean_high": row.score.high,
                    "sd": spread.sd,
                    "median": spread.median,
                    "minimum": spread.minimum,
                    "maximum": spread.maximum,
                    "iqm": spread.iqm,
                    "difference": difference.mean if difference else None,
                    "difference_low": difference.low if difference else None,
                    "difference_high": difference.high if difference else None,
                    "p": comparison.p if comparison else None,
                    "p_worse": comparison.p_worse if comparison else None,
                    "p_equivalent": comparison.p_equivalent if comparison else None,
                    "p_better": comparison.p_better if comparison else None,
                    "rope": comparison.rope if comparison else None,
                    "floor": comparison.floor if comparison else None,
                    "pairs": len(comparison.seeds) if comparison else None,
                    "wins": comparison.wins if comparison else None,
                    "ties": comparison.ties if comparison else None,
                    "losses": comparison.losses if comparison else None,
                    "train": row.train_score,
                    "gap": row.gap.mean,
                    "gap_low": row.gap.low,
                    "gap_high": row.gap.high,
                    "gap_change": row.gap_change.mean if row.gap_change else None,
                    "best_epoch": row.best_epoch,
                    "seconds": row.seconds,
                    "finished": row.finished,
                    "failed": row.failed,
                    "diverged": row.diverged,
                }
            )
    return rows


def leaderboard_csv(summary: Summary) -> str:
    """The leaderboard as CSV."""
    rows = leaderboard_rows(summary)
    return _csv(list(rows[0]) if rows else [], (list(row.values()) for row in rows))


def trials_csv(trials: pd.DataFrame) -> str:
    """The frame of trials as CSV, tracebacks left out."""
    frame = trials.drop(columns="traceback", errors="ignore")
    return _csv([str(column) for column in frame.columns], frame.itertuples(index=False, name=None))


def safe_cell(value: object) -> str:
    """A cell's text. Strings that a spreadsheet would run get an apostrophe in front; numbers never do."""
    if isinstance(value, str):
        text = clean(value)
        return f"'{text}" if value.startswith(_FORMULA_STARTS) or text.startswith(_FORMULA_STARTS) else text
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return str(value)


def _csv(header: list[str], rows: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in header])
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return file.getvalue()
