"""Retries, owned by the driver: what is tried again, how often, and how a poison trial is isolated."""

import logging
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace

from regfleet import patience
from regfleet.errors import FleetError
from regfleet.text import one_line
from regfleet.trials import Chunk, Outcome

MAX_ATTEMPTS = 3
SPLIT_AFTER = 2
MAX_UNSTARTED = 10
"""Workers that may go before they begin with a chunk, one that finds itself on another GPU say."""

log = logging.getLogger("regfleet.fleet")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A chunk on its way, and how many workers it has already lost, once begun and before.

    ``apart``: a worker was lost for want of memory, so that it should run beside no other on its node.
    """

    chunk: Chunk
    lost: int = 0
    unstarted: int = 0
    apart: bool = False


class Retries:
    """Chunks that lost their worker and wait for another."""

    def __init__(self) -> None:
        self._waiting: deque[Attempt] = deque()
        self._later: list[tuple[float, Attempt]] = []
        self._apart: deque[Attempt] = deque()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._later) + len(self._apart)

    def pop(self, beside: Collection[Attempt] = ()) -> Attempt | None:
        """The next attempt to make, if it is time for one and all ``beside`` which it would run may have company."""
        now = time.monotonic()
        for due, attempt in self._later:
            if due <= now:
                self._queue(attempt).append(attempt)
        self._later = [(due, attempt) for due, attempt in self._later if due > now]
        return self._waiting.popleft() if self._waiting and not any(attempt.apart for attempt in beside) else None

    def pop_apart(self, beside: Collection[Attempt], nodes: int) -> Attempt | None:
        """The next attempt that should run apart: when no other is on its way, one for each node."""
        free = len(beside) < max(1, nodes) and all(attempt.apart for attempt in beside)
        return self._apart.popleft() if self._apart and free else None

    def push(self, attempt: Attempt) -> None:
        """Make this attempt before any other of its kind."""
        self._queue(attempt).appendleft(attempt)

    def _queue(self, attempt: Attempt) -> deque[Attempt]:
        return self._apart if attempt.apart else self._waiting

    def unstarted(self, attempt: Attempt, reason: str, *, memory: bool = False) -> None:
        """Queue an attempt again, for later, whose worker went before it began: that says nothing about its trials.

        Raises FleetError when that happened so often that no trial could run at all.
        """
        times = attempt.unstarted + 1
        log.info("no worker began with %s, time %d: %s", label(attempt.chunk), times, reason)
        if times >= MAX_UNSTARTED:
            raise FleetError(f"{times} workers were lost before they began, the last: {one_line(reason)}")
        # A worker that fails at once would otherwise eat up every attempt of the study in a second.
        again = replace(attempt, unstarted=times, apart=attempt.apart or memory)
        self._later.append((time.monotonic() + min(2.0**attempt.unstarted, patience.SECONDS.retry), again))

    def lost(self, attempt: Attempt, reason: str, *, memory: bool = False) -> tuple[Outcome, ...]:
        """Queue the attempt again, or give its trial up.

        A chunk that lost two workers is split, so that one trial that kills its worker takes no other with it; a
        trial that lost three is a failed outcome, returned here. Ray ends whichever workers began last when a node
        runs out of ``memory``, so that only what runs apart is known to be at fault.
        """
        lost, apart = attempt.lost + 1, attempt.apart or memory
        log.warning("lost worker %d of %d with %s: %s", lost, MAX_ATTEMPTS, label(attempt.chunk), reason)
        if lost >= SPLIT_AFTER and len(attempt.chunk.trials) > 1:
            return self._split(attempt.chunk, apart=apart)
        if lost < MAX_ATTEMPTS:
            again = Attempt(attempt.chunk, lost, apart=apart)
            self._queue(again).append(again)
            return ()
        # The first sentence says what happened; the rest differs from trial to trial.
        first = one_line(reason).partition(". ")[0]
        return failures(attempt.chunk, f"its worker was lost {lost} times, last: {first}", reason)

    def overdue(self, attempt: Attempt, seconds: float) -> tuple[Outcome, ...]:
        """Give a trial up that was ended at its limit of so many seconds; of several, find out which one hangs."""
        log.warning("ended, as it did not finish within %.0f s: %s", seconds, label(attempt.chunk))
        if len(attempt.chunk.trials) > 1:
            return self._split(attempt.chunk, apart=attempt.apart)
        return failures(attempt.chunk, f"did not finish within {seconds:.0f} s; --trial-timeout sets the limit")

    def _split(self, chunk: Chunk, *, apart: bool) -> tuple[Outcome, ...]:
        log.warning("running these trials one by one: %s", label(chunk))
        single = [Attempt(replace(chunk, trials=(trial,)), apart=apart) for trial in chunk.trials]
        self._queue(single[0]).extend(single)
        return ()


def failures(chunk: Chunk, error: str, traceback: str = "") -> tuple[Outcome, ...]:
    """A failed outcome for every trial of the chunk."""
    return tuple(Outcome(t, "failed", chunk.engine, error=error, traceback=traceback or error) for t in chunk.trials)


def label(chunk: Chunk) -> str:
    """The trials of a chunk, in words."""
    return f"{chunk.variant.name} on {chunk.dataset}, seeds {', '.join(str(trial.seed) for trial in chunk.trials)}"
