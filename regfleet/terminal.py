"""What a person sees in the terminal: progress with a live leaderboard, plain lines in a pipe, the final table."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from regfleet.metrics import METRICS
from regfleet.pipeline import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from regfleet.conclusion import Conclusion
    from regfleet.records import AnalysisSettings, DatasetSummary, Interval, Outcome, Variant, VariantSummary

PLAIN_SECONDS = 5.0
SYMBOLS = {"better": "▲ better", "worse": "▼ worse", "equivalent": "≈ equivalent", "undecided": "● undecided"}
STYLES = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "dim"}


def console(descriptor: int) -> Console:
    """A console on a copy of a file descriptor, so that it still reaches the user when others' output is logged."""
    return Console(file=os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="replace"), highlight=False)


class Progressing(Watch):
    """Watches a study and shows it on ``screen``: live on a terminal, as lines in a pipe, not at all when quiet."""

    def __init__(self, screen: Console, *, quiet: bool) -> None:
        self._screen = screen
        self._quiet = quiet
        self._live: Live | None = None
        self._said = 0.0

    def note(self, text: str) -> None:
        """Print a line the user should know, also when quiet hides the rest."""
        if not self._quiet:
            self._screen.print(f"note: {text}", markup=False, soft_wrap=True)

    def start(self, variants: Sequence[Variant], planned: int) -> None:
        """Show the bar while workers start."""
        self._labels = {variant.name: variant.label for variant in variants}
        self._total, self._done, self._failed = planned, 0, 0
        self._per_variant = planned // len(variants)
        self._scores: dict[str, list[float]] = {name: [] for name in self._labels}
        self._bar = Progress(
            TextColumn("[bold]{task.completed}/{task.total}[/] trials"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[failed]}{task.fields[left]}"),
            TimeElapsedColumn(),
            console=self._screen,
            expand=True,
        )
        self._task = self._bar.add_task("", total=planned, failed="", left="starting workers")
        if self._quiet:
            return
        if self._screen.is_terminal:
            self._live = Live(
                self._picture(),
                console=self._screen,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        else:
            self._screen.print(f"starting workers for {planned} trials", markup=False)

    def resume(self, trials: pd.DataFrame) -> None:
        """Count what earlier runs finished."""
        self._done = len(trials)
        for name, score in zip(trials["variant"], trials["last_test_accuracy"], strict=True):
            self._scores[str(name)].append(float(score))
        self._bar.update(self._task, completed=self._done)
        if self._done and not self._quiet and not self._live:
            self._screen.print(f"{self._done} of them were finished before", markup=False)

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Count the outcomes and show where the study stands."""
        for outcome in outcomes:
            self._done += 1
            self._failed += outcome.status != "done"
            if outcome.status == "done":
                self._scores[outcome.trial.variant].append(outcome.metrics["last_test_accuracy"])
        left = "" if seconds_left is None else f"about {duration(seconds_left)} left"
        failed = f"[red]{self._failed} failed[/], " if self._failed else ""
        self._bar.update(self._task, completed=self._done, failed=failed, left=left)
        if self._live:
            self._live.update(self._picture())
        elif not self._quiet and (time.monotonic() - self._said > PLAIN_SECONDS or self._done == self._total):
            self._said = time.monotonic()
            counted = f"{self._done}/{self._total} trials" + (f", {self._failed} failed" if self._failed else "")
            self._screen.print(counted + (f", {left}" if left and self._done < self._total else ""), markup=False)

    def stop(self) -> None:
        """Take the live picture away; the final table follows."""
        if self._live:
            self._live.stop()
            self._live = None

    def _picture(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name, justify in (("Variant", "left"), ("Trials", "right"), ("Mean test accuracy so far", "right")):
            table.add_column(name, justify=justify)  # type: ignore[arg-type]
        means = {name: sum(found) / len(found) if found else math.nan for name, found in self._scores.items()}
        room = max(3, self._screen.height - 4)
        for name in sorted(means, key=lambda name: -means[name] if self._scores[name] else math.inf)[:room]:
            score = f"{means[name]:.1%}" if self._scores[name] else "–"
            table.add_row(escape(self._labels[name]), f"{len(self._scores[name])}/{self._per_variant}", score)
        return Group(self._bar, table)


def duration(seconds: float) -> str:
    """Seconds in words, e.g. ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_conclusion(screen: Console, conclusion: Conclusion) -> None:
    """The verdict in words, the leaderboard of each data set, and where the report is."""
    for data in conclusion.summary.datasets:
        sentences = conclusion.headlines.get(data.dataset, ())
        for number, sentence in enumerate(sentences):
            screen.print(
                sentence if number == 0 else f"• {sentence}", markup=False, style="bold" if number == 0 else ""
            )
        screen.print(_leaderboard(data, conclusion.summary.settings))
    for note in conclusion.facts.notes:
        screen.print(f"note: {note}", markup=False)
    if conclusion.failures:
        screen.print(f"{len(conclusion.failures)} trials failed or diverged; the report says why", style="red")
    screen.print(f"Report: {conclusion.report}", markup=False, soft_wrap=True)


def _leaderboard(data: DatasetSummary, settings: AnalysisSettings) -> Table:
    """Two lines a row, the second with the intervals: it fits 80 columns."""
    metric = METRICS[settings.metric]
    scale, unit = (100, "points") if metric.percent else (1, "")
    table = Table(
        title=f"\n{data.dataset}: {metric.title} on {data.n_test} test rows",
        caption=f"{1 - settings.alpha:.0%} intervals; differences hold for all {data.comparisons} comparisons at once "
        f"({settings.scope.replace('_', ' ')})",
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )
    controls = {
        row.name: letter for row, letter in zip((r for r in data.variants if not r.control), "ABCDEFGH", strict=False)
    }
    for name in ("#", "Variant", metric.title.capitalize() + (", %" if metric.percent else "")):
        table.add_column(name, justify="left" if name == "Variant" else "right", max_width=22)
    table.add_column(f"vs control\n{unit}", justify="right")
    table.add_column("Verdict")
    table.add_column("Gap\npoints", justify="right")
    for row in data.variants:
        table.add_row(
            "–" if row.rank is None else str(row.rank),
            escape(row.label),
            _with_interval(row.score, scale),
            _with_interval(row.comparison.difference, scale, sign=True) if row.comparison else "–",
            _verdict(row, controls),
            _with_interval(row.gap, 100, sign=True),
        )
    return table


def _verdict(row: VariantSummary, controls: Mapping[str, str]) -> str:
    """The verdict, or that this is a control; below, which control, and what failed."""
    several = len(controls) > 1
    lost = row.failed + row.diverged
    failed = f"[red]{lost} of {row.finished + lost} failed[/]" if lost else ""
    if row.comparison is None:
        return f"[dim]◆ control{' ' + controls.get(row.name, '') if several else ''}[/]\n{failed}"
    word = row.comparison.verdict
    against = f"against {controls.get(row.comparison.control, '')} " if several else ""
    return f"[{STYLES[word]}]{SYMBOLS[word]}[/]\n[dim]{against}[/]{failed}"


def _with_interval(interval: Interval, scale: int, *, sign: bool = False) -> str:
    mean, low, high = (_number(value, scale, sign=sign) for value in (interval.mean, interval.low, interval.high))
    return mean if math.isnan(interval.low) else f"{mean}\n[dim]{low} to {high}[/]"


def _number(value: float, scale: int, *, sign: bool = False) -> str:
    if math.isnan(value):
        return "–"
    digits = 1 if scale == 100 else 4
    return f"{value * scale:{'+' if sign else ''}.{digits}f}".replace("-", "−")
