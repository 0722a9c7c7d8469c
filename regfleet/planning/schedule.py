"""The chunks of a plan, each made when a worker is free for it, and sized by what was measured."""

import math
import statistics
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from regfleet.fleet.traces import Traces, kind_of, programs_of
from regfleet.planning.affinity import Waiting, choose
from regfleet.planning.plan import Group
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

    def __init__(self, groups: Iterable[Group], workers: int, seconds: Mapping[tuple[str, str], float]) -> None:
        """``seconds`` per trial by data set and variant, as far as earlier runs measured them."""
        self._queue = deque((group, 0) for group in groups)
        self._workers = workers
        self._seconds = {(*name, False): deque([value], RECENT) for name, value in seconds.items()}
        self._trace_seconds: dict[tuple[str, str], deque[float]] = {}
        self._is_stacked: dict[tuple[str, str], bool] = {}
        self._predicted_bytes: dict[str, int] = {}
        self._medians: dict[tuple[str, str, bool], float] = {}
        self._means: dict[bool, float] = {}
        self._left: float | None = None
        """Seconds of all that was not handed out; None where a new time has changed them."""

    @property
    def measured(self) -> bool:
        """Whether any trial's time is known yet."""
        return bool(self._seconds)

    @property
    def handed_out(self) -> bool:
        """Whether no trial waits any more."""
        return not self._queue

    def next(
        self, *, on_gpu: bool = False, worker: str = "", traces: Traces | None = None, helps: bool = True
    ) -> Chunk | None:
        """The next chunk, for a worker with a GPU or without; None when every trial has been handed out.

        None too where ``worker``, a name in ``traces``, had better wait, as `choose` says. Without ``traces`` groups
        just take turns.
        """
        place = self._choose(worker, traces, on_gpu=on_gpu, helps=helps) if self._queue and traces else 0
        if not self._queue or place is None:
            return None
        group, given = self._queue[place]
        size = self._size(group, given, on_gpu=on_gpu)
        self._hand(size, place)
        return group.chunk(given, given + size)

    def count(self) -> Counter[tuple[str, str]]:
        """Data set and variant → the chunks that CPUs would be handed from now on, all there are.

        No chunk is made, and rounds in which every group gives as many trials as in the last one count at once.
        """
        counts = Counter[tuple[str, str]]()
        while self._queue:
            for size, rounds in self._alike():
                group = self._queue[0][0]
                counts[group.dataset, group.variant.name] += rounds
                self._hand(size * rounds)
            for _ in range(len(self._queue)):
                group, given = self._queue[0]
                counts[group.dataset, group.variant.name] += 1
                self._hand(self._size(group, given, on_gpu=False))
        return counts

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
                self._medians.pop((*group, on_gpu), None)
                self._means.clear()
                self._left = None
                if outcome.trace_seconds:
                    self._trace_seconds.setdefault(group, deque(maxlen=RECENT)).append(outcome.trace_seconds)
                if on_gpu:
                    self._is_stacked[group] = bool(outcome.execution and outcome.execution.stacked)

    def seconds_of(self, group: Chunk, *, on_gpu: bool = False) -> float | None:
        """The expected seconds for one trial of a group there; None while nothing at all was measured."""
        for place in (on_gpu, not on_gpu):
            if (group.dataset, group.variant.name, place) in self._seconds:
                return self._median((group.dataset, group.variant.name, place))
            if place not in self._means:
                others = [self._median(name) for name in self._seconds if name[-1] == place]
                self._means[place] = statistics.fmean(others) if others else math.nan
            if not math.isnan(self._means[place]):
                return self._means[place]
        return None

    def _median(self, name: tuple[str, str, bool]) -> float:
        if name not in self._medians:
            self._medians[name] = statistics.median(self._seconds[name])
        return self._medians[name]

    def seconds_left(self, workers: int = 1) -> float | None:
        """The expected seconds that ``workers`` need for the trials without an outcome; None while nothing is known."""
        if not self.measured:
            return None
        if self._left is None:
            self._left = sum(self._usual(group) * (len(group.trials) - given) for group, given in self._queue)
        return self._left / workers

    def _usual(self, group: Chunk) -> float:
        """The expected seconds for one trial of a group where most will run; 0 while nothing was measured."""
        return self.seconds_of(group, on_gpu=any(place for *_, place in self._seconds)) or 0.0

    def _hand(self, trials: int, place: int = 0) -> None:
        """Take ``trials`` of the group at a place of the queue, or all that it has left; it goes to the end."""
        group, given = self._queue[place]
        del self._queue[place]
        if len(group.trials) > given + trials:
            self._queue.append((group, given + trials))
        if self._left is not None:
            self._left -= self._usual(group) * min(trials, len(group.trials) - given)
            self._left = max(self._left, 0.0) if self._queue else 0.0

    def _alike(self) -> list[tuple[int, int]]:
        """Of each group in turn the trials of its chunks, and how many such rounds come before anything changes.

        Every group keeps some trials, so that none leaves the queue. Empty where sizes change at once: they do not as
        long as there is so much left that chunks are as long as they may be.
        """
        sizes = [self._size(group, given, on_gpu=False) for group, given in self._queue]
        seconds = sum(self._usual(group) * size for (group, _), size in zip(self._queue, sizes, strict=True))
        rounds = min(
            (len(group.trials) - given - 1) // size for (group, given), size in zip(self._queue, sizes, strict=True)
        )
        if seconds > 0:
            spare = (self.seconds_left() or 0.0) - CHUNK_SECONDS[1] * CHUNKS_PER_WORKER * self._workers
            rounds = min(rounds, int(spare / seconds) - 1)
        return [(size, rounds) for size in sizes] if rounds > 0 else []

    def trace_seconds_of(self, group: Chunk) -> float | None:
        """The expected seconds of the traces for a trial of a group; None while none was measured."""
        own = self._trace_seconds.get((group.dataset, group.variant.name))
        if own:
            return statistics.median(own)
        others = [statistics.median(values) for values in self._trace_seconds.values()]
        return statistics.mean(others) if others else None

    def _choose(self, worker: str, traces: Traces, *, on_gpu: bool, helps: bool) -> int | None:
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
            helps=helps,
        )

    def _size(self, group: Chunk, given: int, *, on_gpu: bool) -> int:
        stack = self._stack_of(group) if on_gpu else 1
        if group.shared and stack == 1:  # in step, the variants need the rows of few seeds at a time
            return 1
        per_trial = self.seconds_of(group, on_gpu=on_gpu)
        if per_trial is None:
            return stack
        left = (self.seconds_left() or 0.0) + (per_trial - self._usual(group)) * (len(group.trials) - given)
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
