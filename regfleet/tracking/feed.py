"""A tracker on a thread of its own: whatever it does, or fails to do, costs the study a note and little time."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from queue import Full, Queue
from typing import TYPE_CHECKING

from regfleet import patience
from regfleet.numbers import counted
from regfleet.text import masked, printable, raised
from regfleet.tracking.contract import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from regfleet.tracking.contract import TrackedStudy, TrackedTrial, Tracker

    Left = Callable[[Collection[str]], Iterable[TrackedTrial]]

log = logging.getLogger("regfleet.tracking")

MOST_WAITING = 1000
"""Trials; what comes while so many wait is logged at the end, from the results."""
MOST_FAILURES = 3
"""In a row, after which a tracker is left alone."""
SAID_AFTER, SAID_EVERY = 2.0, 10.0
"""Seconds of waiting at the end until a note says what for, and until the next one."""
TICK = 0.02


class Feed:
    """Hands the trials of a study to the tracker that ``make`` returns; ``note`` is told what the user should know.

    ``note`` is called by whoever calls `offer` and `finish`, never by the tracker's own thread.
    """

    def __init__(
        self, name: str, make: Callable[[], Tracker], study: TrackedStudy, note: Callable[[str], None]
    ) -> None:
        self.name, self._make, self._study, self._note = name, make, study, note
        self._queue: Queue[TrackedTrial | Ending] = Queue(MOST_WAITING)
        self._there: set[str] = set()
        self._busy_since: float | None = time.monotonic()
        self._failures, self._missed, self._reason = 0, 0, ""
        self._lost = self._told = False
        self._began = self._spoke = 0.0
        self._thread = threading.Thread(target=self._work, name=f"regfleet-{name}", daemon=True)
        self._thread.start()

    def offer(self, trial: TrackedTrial) -> None:
        """Have the trial logged when its turn comes; one for which there is no room is left to `finish`."""
        self._tell()
        if not self._lost:
            with suppress(Full):
                self._queue.put_nowait(trial)

    def finish(self, ending: Ending, left: Left, deadline: float) -> None:
        """Log what ``left`` gives beside the trials that are there, end the study in the tracker, and wait for it.

        No longer than `Patience.tracker` for a trial, nor beyond ``deadline``, by `time.monotonic`. Ctrl-C ends the
        waiting.
        """
        self._began = self._spoke = time.monotonic()
        try:
            if self._until(self._is_idle, deadline) and self._rest(left, deadline) and self._put(ending, deadline):
                self._until(lambda: not self._thread.is_alive(), deadline)
        except KeyboardInterrupt:
            self._give_up("interrupted")
        if self._thread.is_alive():
            self._give_up(self._reason or "it takes too long")
        self._tell()
        if self._missed and not self._lost:
            self._note(
                f"{self.name}: {counted(self._missed, 'trial')} not logged ({self._reason}); the same command "
                "tries again"
            )

    def _rest(self, left: Left, deadline: float) -> bool:
        """Log what is in the results and not in the tracker; whether the tracker is still at work then."""
        tried = set()
        for trial in left(frozenset(self._there)):
            tried.add(trial.key)
            if not self._put(trial, deadline):
                return False
        idle = self._until(self._is_idle, deadline)
        self._missed = len(tried - self._there)
        return idle

    def _put(self, one: TrackedTrial | Ending, deadline: float) -> bool:
        def put() -> bool:
            with suppress(Full):
                self._queue.put_nowait(one)
                return True
            return False

        return self._until(put, deadline)

    def _is_idle(self) -> bool:
        return self._busy_since is None and not self._queue.unfinished_tasks

    def _until(self, reached: Callable[[], bool], deadline: float) -> bool:
        """Wait until something is reached; False where the tracker is lost, hangs or takes too long before that."""
        while not reached():
            now, since = time.monotonic(), self._busy_since
            if self._lost or now > deadline or (since is not None and now - since > patience.SECONDS.tracker):
                return False
            if now - self._began > SAID_AFTER and now - self._spoke > (SAID_EVERY if self._spoke > self._began else 0):
                self._spoke = now
                waiting = counted(self._queue.unfinished_tasks, "trial")
                self._note(f"{self.name}: {waiting} still to be logged; Ctrl-C leaves them to the next run")
            time.sleep(TICK)
        return True

    def _work(self) -> None:
        """What the thread does: all calls of the tracker."""
        try:
            tracker = self._make()
            self._there.update(tracker.open(self._study))
        except BaseException as problem:  # noqa: BLE001 - somebody else's code
            self._give_up(_words(problem))
        while not self._lost:
            self._busy_since = None
            one = self._queue.get()
            self._busy_since = time.monotonic()
            try:
                if isinstance(one, Ending):
                    tracker.close(one)
                    return
                tracker.log(one)
                self._there.add(one.key)
                self._failures = 0
            except BaseException as problem:  # noqa: BLE001 - the same
                self._failed(problem, last=isinstance(one, Ending))
            finally:
                self._queue.task_done()

    def _failed(self, problem: BaseException, *, last: bool) -> None:
        if self._lost:
            return
        self._reason = _words(problem)
        log.warning("%s: %s", self.name, self._reason)
        self._failures += 1
        if last or self._failures >= MOST_FAILURES:
            self._give_up(self._reason)

    def _give_up(self, reason: str) -> None:
        self._reason, self._lost = reason, True

    def _tell(self) -> None:
        """Say once that the tracker is left alone."""
        if self._lost and not self._told:
            self._told = True
            self._note(f"{self.name}: nothing more is logged ({self._reason}); the same command logs what is missing")


def _words(problem: BaseException) -> str:
    return masked(printable(raised(problem), keep=""))
