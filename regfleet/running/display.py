"""What a person sees while a study runs: progress with a live leaderboard, plain lines in a pipe."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from regfleet.analysis.question import Question
from regfleet.numbers import DASH, Scale, duration
from regfleet.running.output import stream
from regfleet.running.train import Watch
from regfleet.settings.values import whole_name
from regfleet.text import bounded, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from rich.console import ConsoleOptions, RenderableType
    from rich.status import Status

    from regfleet.settings.values import Variant
    from regfleet.trials import Outcome

PLAIN_SECONDS = 5.0
SLOW = 2.0
"""Seconds after which somebody wants to know that something is going on."""
FOLLOWED = "REGFLEET_FOLLOWED"
"""In the environment of a job that another terminal follows: its lines hold the leaderboard, and say what they are."""
PROGRESS_MARK, LEADERBOARD_MARK = "▸ ", "│ "
"""What its lines of progress begin with, and those of the leaderboard, which belong to the progress before them."""


class Screen(Console):
    """A console on which a string is text, wherever it comes from: no markup, no emoji, nothing a terminal obeys.

    A string is one line; what is to have several, or a style, is `styled`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """``text`` as it is measured and printed, in a cell of a table too."""
        text = printable(bounded(text), keep="")
        return super().render_str(text, **settings | {"markup": False, "emoji": False, "highlight": False})

    def status(self, status: RenderableType, **settings: Any) -> Status:
        """A status with a spinner; a string is text there too."""
        return super().status(styled(status) if isinstance(status, str) else status, **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The segments of ``renderable``: what a `Text` brought along is made visible too."""
        for one in super().render(renderable, options):
            yield one if one.control else Segment(printable(one.text), one.style)


STYLES = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "dim"}
"""How verdicts look."""


def styled(*lines: str | tuple[str, str]) -> Text:
    """Text of several lines, each a string or one with its style."""
    text = Text()
    for number, line in enumerate(lines):
        words, style = (line, "") if isinstance(line, str) else line
        text.append("\n" * (number > 0)).append(printable(words, keep=""), style)
    return text


@contextmanager
def console(descriptor: int) -> Iterator[Screen]:
    """A console on a copy of a file descriptor, so that it still reaches the user when others' output is logged."""
    file = stream(descriptor)
    try:
        yield Screen(file=cast("IO[str]", file))
    finally:
        file.close()


@contextmanager
def counting(screen: Screen, what: str) -> Iterator[Callable[[int], None]]:
    """A function that is told how many more there are; it says so now and then where that takes over two seconds."""
    began = said = time.monotonic()
    count = 0

    def advance(more: int) -> None:
        nonlocal count, said
        count += more
        now = time.monotonic()
        if now - began > SLOW and now - said > SLOW:
            said = now
            screen.print(f"{what}: {count:,}", soft_wrap=True)

    yield advance


class Progressing(Watch):
    """Watches a study and shows it on ``screen``: live on a terminal, as lines in a pipe, not at all when quiet."""

    def __init__(self, screen: Screen, *, quiet: bool) -> None:
        self._screen = screen
        self._quiet = quiet
        self._live: Live | None = None
        self._said = 0.0
        self._question = Question()
        self._labels: dict[str, str] = {}
        self._started = False

    def note(self, text: str) -> None:
        """Print a line the user should know, also when quiet hides the rest."""
        if not self._quiet:
            self._screen.print(f"note: {text}", soft_wrap=True)

    def doing(self, text: str) -> None:
        """Print what is being done."""
        if not self._quiet:
            self._screen.print(f"{text} …", soft_wrap=True)

    def judge(self, question: Question) -> None:
        """Show the scores that ``question`` is about."""
        self._question = question

    def start(self, variants: Sequence[Variant], planned: Mapping[str, int]) -> None:
        """Show the bar while workers start."""
        self._started = True
        self._labels = {variant.name: variant.label for variant in variants} | self._labels
        self._references = {variant.name for variant in variants if variant.reference}
        self._planned, self._total, self._done, self._failed = planned, sum(planned.values()), 0, 0
        self._counts = dict.fromkeys(self._labels, 0)
        self._scores: dict[str, tuple[int, float]] = dict.fromkeys(self._labels, (0, 0.0))
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
            self._screen.print(f"starting workers for {self._total} trials")

    def extend(self, planned: Mapping[str, int], reasons: Sequence[str]) -> None:
        """Say what a look gave and count the trials that it asks for."""
        grown = sum(planned.values()) - self._total
        self._planned, self._total = planned, self._total + grown
        self._bar.update(self._task, total=self._total)
        if self._quiet:
            return
        for sentence in reasons:
            self._screen.print(sentence, soft_wrap=True)
        if grown and not self._live:
            self._screen.print(f"{grown} more trials")

    def join(self, variants: Sequence[Variant]) -> None:
        """Count and show them too, from the start where there was none yet."""
        new = [one for one in variants if one.name not in self._labels]
        self._labels |= {one.name: one.label for one in new}
        if self._started:
            self._counts |= {one.name: 0 for one in new}
            self._scores |= {one.name: (0, 0.0) for one in new}

    def resume(self, trials: pd.DataFrame) -> None:
        """Count what earlier runs finished too."""
        self._done += len(trials)
        scores = trials[self._column] if self._column in trials else [math.nan] * len(trials)
        for dataset, name, score in zip(trials["dataset"], trials["variant"], scores, strict=True):
            self._count(str(dataset), str(name), float(score))
        self._bar.update(self._task, completed=self._done)
        if len(trials) and not self._quiet and not self._live:
            self._screen.print(f"{len(trials)} of them were finished before")

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Count the outcomes and show where the study stands."""
        for outcome in outcomes:
            self._done += 1
            self._failed += outcome.status != "done"
            if outcome.status == "done":
                score = outcome.metrics.get(self._column, math.nan)
                self._count(outcome.trial.dataset, outcome.trial.variant, score)
        left = "" if seconds_left is None else f"about {duration(seconds_left)} left"
        failed = f"[red]{self._failed} failed[/], " if self._failed else ""
        self._bar.update(self._task, completed=self._done, failed=failed, left=left)
        if self._live:
            self._live.update(self._picture())
        elif not self._quiet and (time.monotonic() - self._said > PLAIN_SECONDS or self._done == self._total):
            self._said = time.monotonic()
            counted = f"{self._done}/{self._total} trials" + (f", {self._failed} failed" if self._failed else "")
            ahead = max(self._labels, key=self._place)
            best = f"; best mean so far {self._score(ahead)}, {self._labels[ahead]}" if self._scores[ahead][0] else ""
            left = f", {left}" if left and self._done < self._total else ""
            is_followed = bool(os.environ.get(FOLLOWED))
            line = PROGRESS_MARK * is_followed + counted + left + best
            self._screen.print(line, soft_wrap=True)
            if is_followed:
                with self._screen.capture() as drawn:
                    self._screen.print(self._table())
                for line in drawn.get().splitlines():
                    self._screen.print(LEADERBOARD_MARK + line, soft_wrap=True)

    def stop(self) -> None:
        """Take the live picture away; the final table follows."""
        if self._live:
            self._live.stop()
            self._live = None

    @property
    def _column(self) -> str:
        """Where a trial has the score that is shown."""
        return f"{self._question.at}_test_{self._question.metric.name}"

    def _count(self, dataset: str, variant: str, score: float) -> None:
        self._counts[variant] += 1
        shown = math.isfinite(score) and whole_name(dataset) == dataset  # half the rows score lower
        if shown:
            count, total = self._scores[variant]
            self._scores[variant] = count + 1, total + score

    def _picture(self) -> Group:
        return Group(self._bar, self._table())

    def _table(self) -> Table:
        """The leaderboard so far, as much of it as there is room for."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name, justify in (
            ("Variant", "left"),
            ("Trials", "right"),
            (f"Mean test {self._question.metric.title} so far", "right"),
        ):
            table.add_column(name, justify=justify)  # type: ignore[arg-type]
        room = max(3, self._screen.height - 4)
        for name in sorted(self._labels, key=self._place, reverse=True)[:room]:
            counted = f"{self._counts[name]}/{self._planned.get(name, 0)}"
            label = self._labels[name] + " (reference)" * (name in self._references)
            table.add_row(label, counted, self._score(name))
        return table

    def _place(self, variant: str) -> tuple[bool, float]:
        """What the leaderboard is sorted by: references do not compete, and stand last."""
        return variant not in self._references, self._standing(variant)

    def _standing(self, variant: str) -> float:
        """The mean score so far, larger is better; below any other while there is none."""
        count, total = self._scores[variant]
        return self._question.metric.sign * total / count if count else -math.inf

    def _score(self, variant: str) -> str:
        count, total = self._scores[variant]
        return Scale(self._question.metric).full(total / count) if count else DASH
