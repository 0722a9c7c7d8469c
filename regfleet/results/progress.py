"""progress.json: what a run has come to, for `regfleet status` in another process."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from regfleet import patience
from regfleet.errors import StorageError
from regfleet.results.provenance import Count
from regfleet.results.seals import read_json, sealed_json
from regfleet.text import masked, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regfleet.results.place import Place

FILE = "progress.json"
WINDOW_SECONDS = 600.0
TROUBLES = 5


class Progress(BaseModel):
    """The last run: where its trials run, its last warnings, and the trials that it kept.

    ``kept`` are pairs of seconds since its start and trials kept then, those of the last ten minutes.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    fleet: str = ""
    troubles: tuple[str, ...] = ()
    kept: tuple[tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], Count], ...] = ()

    @property
    def trials_per_second(self) -> float | None:
        """Over the last ten minutes of the run; None before two chunks came."""
        seconds = self.kept[-1][0] - self.kept[0][0] if self.kept else 0.0
        return sum(count for _, count in self.kept[1:]) / seconds if seconds > 0 else None


def read_progress(place: Place) -> Progress:
    """What the last run wrote of itself; empty when it wrote nothing that can be read."""
    try:
        return Progress.model_validate(read_json(place.read(FILE).decode("utf-8")))
    except (OSError, ValueError):
        return Progress()


class Reporter(logging.Handler):
    """Writes the progress of a run, now and then and at its end; hears the warnings of its log."""

    def __init__(self, place: Place) -> None:
        super().__init__(logging.WARNING)
        self._place = place
        self._every = patience.SECONDS.log if place.local is None else patience.SECONDS.progress
        self._begun = self._written = time.monotonic()
        self._fleet = ""
        self._troubles: deque[str] = deque(maxlen=TROUBLES)
        self._kept: deque[tuple[float, int]] = deque()

    def runs(self, fleet: str) -> None:
        """Trials run there."""
        self._fleet = masked(printable(fleet))
        self.write()

    def keep(self, trials: int) -> None:
        """So many trials were kept."""
        now = time.monotonic()
        self._kept.append((round(now - self._begun, 3), trials))
        while self._kept[-1][0] - self._kept[0][0] > WINDOW_SECONDS:
            self._kept.popleft()
        if now - self._written >= self._every:
            self.write()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a warning, with the time of day at which it came."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        self._troubles.append(masked(one_line(printable(f"{when} {record.getMessage()}"), 1000)))

    def write(self) -> None:
        """Write the file; a place without room for it costs the study nothing."""
        self._written = time.monotonic()
        progress = Progress(fleet=self._fleet, troubles=tuple(self._troubles), kept=tuple(self._kept))
        try:
            self._place.write(FILE, sealed_json(progress.model_dump(mode="json")).encode())
        except StorageError:
            self._written += self._every


@contextmanager
def reporting(place: Place) -> Iterator[Reporter]:
    """A reporter that hears regfleet's log until the end of the block."""
    reporter, logger = Reporter(place), logging.getLogger("regfleet")
    logger.addHandler(reporter)
    try:
        yield reporter
    finally:
        logger.removeHandler(reporter)
        reporter.write()
