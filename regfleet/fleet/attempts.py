"""Retries, owned by the driver: what is tried again, how often, and how a poison trial is isolated."""

import logging
from collections import deque
from dataclasses import dataclass, replace

from regfleet.records import Chunk, Outcome

MAX_ATTEMPTS = 3
SPLIT_AFTER = 2
log = logging.getLogger("regfleet.fleet")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A chunk on its way, and how many workers it has already lost."""

    chunk: Chunk
    lost: int = 0


class Retries:
    """Chunks that lost their worker and wait for another."""

    def __init__(self) -> None:
        self._waiting: deque[Attempt] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def pop(self) -> Attempt | None:
        """The next attempt to make, if one waits."""
        return self._waiting.popleft() if self._waiting else None

    def lost(self, attempt: Attempt, reason: str) -> tuple[Outcome, ...]:
        """Queue the attempt again, or give its trial up.

        A chunk that lost two workers is split, so that one trial that kills its worker takes no other with it; a
        trial that lost three is a failed outcome, returned here.
        """
        lost = attempt.lost + 1
        trials = attempt.chunk.trials
        names = (
            f"{attempt.chunk.variant.name} on {attempt.chunk.dataset}, seeds {', '.join(str(t.seed) for t in trials)}"
        )
        log.warning("lost worker %d of %d with %s: %s", lost, MAX_ATTEMPTS, names, reason)
        if lost >= SPLIT_AFTER and len(trials) > 1:
            log.warning("running these trials one by one: %s", names)
            self._waiting.extend(Attempt(replace(attempt.chunk, trials=(trial,)), 0) for trial in trials)
            return ()
        if lost < MAX_ATTEMPTS:
            self._waiting.append(Attempt(attempt.chunk, lost))
            return ()
        error = f"its worker was lost {lost} times, last: {reason}"
        return tuple(Outcome(trial, "failed", attempt.chunk.engine, error=error, traceback=reason) for trial in trials)
