"""The chunks of a plan, each made when a worker is free for it, and sized by what was measured."""

import statistics
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from regfleet.fleet.traces import Traces, kind_of, programs_of
from regfleet.planning.affinity import Waiting, choose
from regfleet.settings.values import whole_name
from regfleet.trials import Chunk, Outcome

CHUNK_SECONDS = (1.0, 10.0)
CHUNKS_PER_WORKER = 4
RECENT = 99
"""Trials of a group whose median time sizes the next chunk; all of them would cost more with every trial."""
CHUNK_BYTES = 1_000_000
"""Of results per chunk, but for a stack. A lost one is made again, bit for bit, so it need not fit what Ray keeps."""


class Schedule:
    """Hands out chunks, each made when it is asked for and sized by the seconds its trials were seen to take.

    A chunk should take 1 to 10 s, and a quarter of a worker's share of what is left at most, so that the tail is
    short; for a GPU that trains seeds side by side it holds whole stacks, whatever they take. Groups take turns, so
    that a leaderboard of the first results covers every variant, and stay with workers that have traced them.
    """

    def __init__(self, groups: Iterable[Chunk], workers: int, seconds: Mapping[tuple[str, str], float]) -> None:
        """``seconds`` per trial by data set and variant, as far as earlier runs measured them."""
        self._queue = deque((group, 0) for group in groups)
        self._workers = workers
        self._seconds = {(*name, False): deque([value], RECENT) for name, value in seconds.items()}
        self._trace_seconds: dict[tuple[str, str], deque[float]] = {}
        self._is_stacked: dict[tuple[str, str], bool] = {}
        self._predicted_bytes: dict[str, int] = {}

    @property
    def measured(self) -> bool:
        """Whether any trial's time is known yet."""
        return bool(self._seconds)

    def next(self, *, on_gpu: bool = False, worker: str = "", traces: Traces | None = None) -> Chunk | None:
        """The next chunk, for a worker with a GPU or without; None when every trial has been handed out.

        None too where ``worker``, a name in ``traces``, had better wait, as `choose` says. Without ``traces`` groups
        just take turns.
        """
        place = self._choose(worker, traces, on_gpu=on_gpu) if self._queue and traces else 0
        if not self._queue or place is None:
            return None
        group, given = self._queue[place]
        del self._queue[place]
        end = given + self._size(group, given, on_gpu=on_gpu)
        if len(group.trials) > end:
            self._queue.append((group, end))
        return replace(group, trials=group.trials[given:end])

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Take the measured seconds of finished trials into account."""
        for outcome in outcomes:
            # A failed trial stops early and says nothing about the others.
            if outcome.status == "done":
                dataset = whole_name(outcome.trial.dataset)
                self._predicted_bytes[dataset] = sum(part.nbytes for part in outcome.predictions.values())
                seconds = outcome.seconds - outcome.trace_seconds
                group, on_gpu = (dataset, outcome.trial.variant), outcome.device != "cpu"
                self._seconds.setdefault((*group, on_gpu), deque(maxlen=RECENT)).append(seconds)
                if outcome.trace_seconds:
                    self._trace_seconds.setdefault(group, deque(maxlen=RECENT)).append(outcome.trace_seconds)
                if on_gpu:
                    self._is_stacked[group] = bool(outcome.execution and outcome.execution.stacked)

    def seconds_of(self, group: Chunk, *, on_gpu: bool = False) -> float | None:
        """The expected seconds for one trial of a group there; None while nothing at all was measured."""
        for place in (on_gpu, not on_gpu):
            own = self._seconds.get((group.dataset, group.variant.name, place))
            if own:
                return statistics.median(own)
            others = [statistics.median(values) for (*_, where), values in self._seconds.items() if where == place]
            if others:
                return statistics.mean(others)
        return None

    def seconds_left(self, workers: int = 1) -> float | None:
        """The expected seconds that ``workers`` need for the trials without an outcome; None while nothing is known."""
        if not self.measured:
            return None
        on_gpu = any(place for *_, place in self._seconds)
        seconds = (
            (self.seconds_of(group, on_gpu=on_gpu) or 0.0) * (len(group.trials) - given) for group, given in self._queue
        )
        return sum(seconds) / workers

    def trace_seconds_of(self, group: Chunk) -> float | None:
        """The expected seconds of the traces for a trial of a group; None while none was measured."""
        own = self._trace_seconds.get((group.dataset, group.variant.name))
        if own:
            return statistics.median(own)
        others = [statistics.median(values) for values in self._trace_seconds.values()]
        return statistics.mean(others) if others else None

    def _choose(self, worker: str, traces: Traces, *, on_gpu: bool) -> int | None:
        groups = [group for group, _ in self._queue]
        return choose(
            [
                Waiting(kind_of(group), len(group.trials) - given, programs_of(group.variant))
                for group, given in self._queue
            ],
            worker,
            traces,
            lambda place: self.seconds_of(groups[place], on_gpu=on_gpu),
            lambda place: self.trace_seconds_of(groups[place]),
        )

    def _size(self, group: Chunk, given: int, *, on_gpu: bool) -> int:
        stack = self._stack_of(group) if on_gpu else 1
        per_trial = self.seconds_of(group, on_gpu=on_gpu)
        if per_trial is None:
            return stack
        left = (self.seconds_left() or 0.0) + per_trial * (len(group.trials) - given)
        low, high = CHUNK_SECONDS
        target = min(high, max(low, left / (CHUNKS_PER_WORKER * self._workers)))
        of_each = 4 * 12 * group.variant.training.epochs + 2_000 + self._predicted_bytes.get(group.dataset, 0)
        size = max(1, min(round(target / max(per_trial, 1e-6)), CHUNK_BYTES // of_each))
        # A stack takes as long with one trial in it as with all, so that only whole ones are worth their time.
        return max(1, round(size / stack)) * stack

    def _stack_of(self, group: Chunk) -> int:
        """How many trials of a group a GPU trains at once, as far as that is known."""
        # A model of the user's own may be too large, which its first trial shows.
        expected = not group.model.source
        return group.stack if self._is_stacked.get((group.dataset, group.variant.name), expected) else 1
