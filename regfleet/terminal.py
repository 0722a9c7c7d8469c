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
from regfleet.report.shown import ordered, shown
from regfleet.report.text import DASH, number, scale, scale_of
from regfleet.report.words import VERDICTS, chip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from regfleet.conclusion import Analysis
    from regfleet.records import DatasetSummary, Outcome, Summary, Variant, VariantSummary

PLAIN_SECONDS = 5.0
POINTS = scale_of(METRICS["accuracy"])
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

    def start(self, variants: Sequence[Variant], planned: Mapping[str, int]) -> None:
        """Show the bar while workers start."""
        self._labels = {variant.name: variant.label for variant in variants}
        self._planned, self._total, self._done, self._failed = planned, sum(planned.values()), 0, 0
        self._scores: dict[str, list[float]] = {name: [] for name in self._labels}
        self._bar = Progress(
            TextColumn("[bold]{task.completed}/{task.total}[/] trials"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[failed]}{task.fields[left]}"),
            TimeElapsedColumn(),
            console=self._screen,
            expand=True,
        )
        self._task = self._bar.add_task("", total=self._total, failed="", left="starting workers")
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
            self._screen.print(f"starting workers for {self._total} trials", markup=False)

    def extend(self, planned: Mapping[str, int], said: Sequence[str]) -> None:
        """Say what a look gave and count the trials that it asks for."""
        grown = sum(planned.values()) - self._total
        self._planned, self._total = planned, self._total + grown
        self._bar.update(self._task, total=self._total)
        if self._quiet:
            return
        for sentence in said:
            self._screen.print(sentence, markup=False, soft_wrap=True)
        if grown and not self._live:
            self._screen.print(f"{grown} more trials", markup=False)

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
            table.add_row(escape(self._labels[name]), f"{len(self._scores[name])}/{self._planned.get(name, 0)}", score)
        return Group(self._bar, table)


def duration(seconds: float) -> str:
    """Seconds in words, e.g. ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_conclusion(screen: Console, analysis: Analysis) -> None:
    """The verdict in words, the leaderboard of each data set, and where the report is."""
    summary = analysis.summary
    for data in summary.datasets:
        _say(screen, analysis.headlines.get(data.dataset, ()))
        screen.print(_leaderboard(data, summary))
        for sentence in verdicts(data):
            screen.print(f"• {sentence}", markup=False)
        for warning in data.warnings:
            screen.print(f"note: {warning}", markup=False)
        screen.print()
    if summary.across:
        _say(screen, summary.across.headline)
        screen.print(_across(summary))
    if summary.looks:
        screen.print(_looks(summary))
    for note in analysis.facts.notes:
        screen.print(f"note: {note}", markup=False)
    if analysis.failures:
        screen.print(f"{len(analysis.failures)} trials failed or diverged; the report says why", style="red")
    if analysis.report:
        screen.print(f"Report: {analysis.report}", markup=False, soft_wrap=True)


def verdicts(data: DatasetSummary) -> list[str]:
    """What each verdict that was reached, or withdrawn, means: the sentences of the analysis, in order of the table."""
    compared = [row.comparison for row in shown(data) if row.comparison]
    reached = [one for one in compared if (one.verdict != "undecided" or one.withdrawn) and not one.identical]
    return [one.sentence for one in reached]


def _say(screen: Console, sentences: Sequence[str]) -> None:
    for number, sentence in enumerate(sentences):
        screen.print(sentence if number == 0 else f"• {sentence}", markup=False, style="" if number else "bold")


def _leaderboard(data: DatasetSummary, summary: Summary) -> Table:
    """Two lines a row, the second with the intervals: it fits 80 columns."""
    unit = scale(summary.settings)
    title = f"\n{data.dataset}: {unit.metric.title}" + (f" on {data.n_test} test rows" if data.n_test else "")
    table = _table(title, caption(data, summary))
    controls = {
        row.name: letter for row, letter in zip((r for r in data.variants if not r.control), "ABCDEFGH", strict=False)
    }
    for name in ("#", "Variant", unit.metric.title.capitalize() + (", %" if unit.points else "")):
        table.add_column(name, justify="left" if name == "Variant" else "right", max_width=22)
    table.add_column(f"vs control\n{unit.points}".strip(), justify="right")
    table.add_column("Verdict")
    table.add_column("Gap\npoints", justify="right")
    for _, row in ordered(data, higher_is_better=unit.metric.higher_is_better):
        difference = row.comparison.difference if row.comparison else None
        table.add_row(
            str(row.rank or DASH),
            escape(row.label),
            _two_lines(unit.score(row.score.mean), unit.between(row.score.low, row.score.high)),
            _two_lines(unit.difference(difference.mean), unit.from_to(difference.low, difference.high))
            if difference
            else DASH,
            _verdict(row, controls),
            _two_lines(number(100 * row.gap.mean, signed=True), POINTS.from_to(row.gap.low, row.gap.high)),
        )
    return table


def caption(data: DatasetSummary, summary: Summary) -> str:
    """What the intervals of a leaderboard are about, how sure they are, and what is too small to matter."""
    settings, unit = summary.settings, scale(summary.settings)
    held = f"all {data.comparisons} comparisons" if data.comparisons > 1 else "one comparison"
    looks = next((look.looks for look in summary.looks if look.dataset == data.dataset), 1)
    held += f" and all {looks} looks" if looks > 1 else ""
    rope = f"±{number(unit.factor * summary.rope, unit.decimals)} {unit.points}".rstrip()
    if unit.metric.relative_rope and settings.rope is None:
        rope = f"±{100 * summary.rope:g} % of the control's mean"
    return (
        f"{100 * (1 - settings.alpha):g} % intervals about {data.about} (scope {settings.scope}); those of the "
        f"differences hold for {held} at once. Too small to matter: {rope}. Weights of the {settings.at} epoch."
    )


def _across(summary: Summary) -> Table:
    """The verdicts over data sets."""
    unit, found = scale(summary.settings), summary.across
    table = _table(f"\nOver {len(summary.datasets)} data sets, each counted once", "")
    for name in ("Variant", f"vs control\n{unit.points}".strip(), "Verdict"):
        table.add_column(name, justify="right" if name.startswith("vs") else "left")
    for one in found.comparisons if found else ():
        interval = one.difference
        difference = _two_lines(unit.difference(interval.mean), unit.from_to(interval.low, interval.high))
        table.add_row(escape(one.label), difference, f"[{STYLES[one.verdict]}]{VERDICTS[one.verdict]}[/]")
    return table


def _looks(summary: Summary) -> Table:
    """What each look settled, and what then."""
    table = _table("\nLooks", f"Each look spends its share of {summary.settings.alpha:g}")
    for name in ("Data set", "Look", "Seeds", "Settled", "Undecided", "Share"):
        table.add_column(name, justify="left" if name == "Data set" else "right")
    table.add_column("What then")
    for look in summary.looks:
        undecided = len(look.undecided) + len(look.hopeless)
        counts = (f"{look.number} of {look.looks}", look.seeds, len(look.settled), undecided, f"{look.alpha:.3g}")
        table.add_row(escape(look.dataset), *map(str, counts), escape(look.reason))
    return table


def _table(title: str, below: str) -> Table:
    return Table(
        title=title,
        caption=below or None,
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )


def _verdict(row: VariantSummary, controls: Mapping[str, str]) -> str:
    """The verdict, or that this is a control; below, which control, and what failed."""
    several = len(controls) > 1
    lost = row.failed + row.diverged
    failed = f"[red]{lost} of {row.finished + lost} failed[/]" if lost else ""
    if row.comparison is None:
        return f"[dim]{chip(row)}{' ' + controls.get(row.name, '') if several else ''}[/]\n{failed}"
    against = f"against {controls.get(row.comparison.control, '')} " if several else ""
    return f"[{STYLES[row.comparison.verdict]}]{chip(row)}[/]\n[dim]{against}[/]{failed}"


def _two_lines(value: str, interval: str) -> str:
    return f"{value}\n[dim]{interval}[/]" if interval else value
