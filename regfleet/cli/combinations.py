"""What techniques do in combination, as a table that fits 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from regfleet.numbers import DASH, Scale, level
from regfleet.report.verdicts import effect_chip
from regfleet.running.display import STYLES, styled

if TYPE_CHECKING:
    from regfleet.analysis.summary import DatasetSummary, Summary


def effects_table(data: DatasetSummary, summary: Summary) -> list[Table]:
    """The effects of a data set with their intervals; none where nothing was combined."""
    found, unit = data.combined, Scale(summary.metric)
    if found is None:
        return []
    below = (
        f"{' '.join(found.design)} {level(summary.question.alpha)} intervals that hold for all {len(found.effects)} "
        "effects at once. A pair: what both give together beyond what each adds alone."
    )
    table = Table(
        title=styled("", (f"{data.dataset}: what techniques do in combination", "table.title")),
        caption=below,
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )
    table.add_column("Technique, pair", max_width=36)
    table.add_column(f"Adds{', points' if unit.points else ''}", justify="right")
    table.add_column("Interval", justify="right")
    table.add_column("Verdict")
    for place, one in enumerate(found.effects):
        chip, of = effect_chip(one), one.difference
        last = one.is_main and not found.effects[min(place + 1, len(found.effects) - 1)].is_main
        words = styled((str(chip), STYLES[one.verdict]))
        reach = unit.from_to(of.low, of.high) or DASH
        table.add_row(" or ".join(" × ".join(names) for names in one.factors), unit.difference(of.mean), reach, words)
        if last:
            table.add_section()
    return [table]
