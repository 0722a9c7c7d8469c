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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regfleet.pipeline import Comparison
    from regfleet.plan import Plan
    from regfleet.records import Interval, Outcome, VariantSummary
    from regfleet.results import Results

PLAIN_SECONDS = 5.0
SYMBOLS = {"better": "▲ better", "worse": "▼ worse", "equivalent": "≈ equivalent", "undecided": "● undecided"}
STYLES = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "dim"}


def console(descriptor: int) -> Console:
    """A console on a copy of a file descriptor, so that it still reaches the user when others' output is logged."""
    return Console(file=os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="replace"), highlight=False)


class Progressing:
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

    def start(self, plan: Plan, results: Results) -> None:
        """Begin with what earlier runs finished."""
        planned = {trial.key for trial in plan.trials}
        had = results.trials[results.trials["key"].isin(planned) & (results.trials["status"] != "failed")]
        self._labels = {variant.name: variant.label for variant in plan.variants}
        self._total, self._done, self._failed = len(planned), len(had), 0
        self._scores: dict[str, list[float]] = {name: [] for name in self._labels}
        for name, score in zip(had["variant"], had["last_test_accuracy"], strict=True):
            self._scores[str(name)].append(float(score))
        self._per_variant = len(planned) // len(self._labels)
        self._bar = Progress(
            TextColumn("[bold]{task.completed}/{task.total}[/] trials"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[failed]}{task.fields[left]}"),
            TimeElapsedColumn(),
            console=self._screen,
            expand=True,
        )
        self._task = self._bar.add_task("", total=self._total, completed=self._done, failed="", left="starting workers")
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
            had_text = f", {self._done} of them finished before" if self._done else ""
            self._screen.print(f"{self._total} trials{had_text}", markup=False)

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


def print_comparison(screen: Console, comparison: Comparison) -> None:
    """The verdict in words, the leaderboard of each data set, and where the report is."""
    metric = METRICS[comparison.summary.settings.metric]
    scale = 100 if metric.percent else 1
    controls = {row.name: row.label for data in comparison.summary.datasets for row in data.variants}
    for data in comparison.summary.datasets:
        several = len({row.comparison.control for row in data.variants if row.comparison}) > 1
        asked = comparison.summary.settings
        caption = f"{1 - asked.alpha:.0%} intervals, simultaneous over {data.comparisons} comparisons, {asked.scope}"
        table = Table(title=f"{data.dataset}: {metric.title} on the test set", caption=caption, title_justify="left")
        table.add_column("#", justify="right")
        table.add_column("Variant", min_width=20)
        table.add_column(metric.title.capitalize() + (", %" if metric.percent else ""), justify="right")
        table.add_column("Against its control" + (", points" if metric.percent else ""), justify="right")
        table.add_column("Verdict")
        table.add_column("Gap, points", justify="right")
        table.add_column("Seeds", justify="right")
        for row in data.variants:
            seeds = f"{row.finished}" + (f" ({row.failed + row.diverged} failed)" if row.failed + row.diverged else "")
            table.add_row(
                "–" if row.rank is None else str(row.rank),
                escape(row.label),
                _number(row.score.mean, scale),
                _against(row, scale, controls if several else {}),
                _verdict(row),
                _number(row.gap.mean, 100, sign=True),
                seeds,
            )
        screen.print(table)
        sentences = comparison.headlines.get(data.dataset, ())
        for number, sentence in enumerate(sentences):
            screen.print(
                sentence if number == 0 else f"  • {sentence}", markup=False, style="bold" if number == 0 else ""
            )
    if comparison.failures:
        screen.print(
            f"{len(comparison.failures)} trials failed or diverged; the report has their tracebacks", style="red"
        )
    screen.print(f"Report: {comparison.report}", markup=False, soft_wrap=True)


def _against(row: VariantSummary, scale: int, controls: dict[str, str]) -> str:
    if row.comparison is None:
        return "[dim]control[/]"
    text = _interval(row.comparison.difference, scale)
    return text + (f"\n[dim]{escape(controls[row.comparison.control])}[/]" if controls else "")


def _verdict(row: VariantSummary) -> str:
    if row.comparison is None:
        return "[dim]◆ control[/]"
    word = row.comparison.verdict
    return f"[{STYLES[word]}]{SYMBOLS[word]}[/]"


def _interval(interval: Interval, scale: int) -> str:
    low, high = (_number(bound, scale, sign=True) for bound in (interval.low, interval.high))
    return f"{_number(interval.mean, scale, sign=True)} [{low} to {high}]".replace("[", "\\[")


def _number(value: float, scale: int, *, sign: bool = False) -> str:
    if math.isnan(value):
        return "–"
    digits = 1 if scale == 100 else 4
    return f"{value * scale:{'+' if sign else ''}.{digits}f}".replace("-", "−")
