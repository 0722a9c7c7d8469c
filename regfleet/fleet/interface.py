"""What every fleet promises."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from regfleet.data.dataset import Dataset, Sets
from regfleet.fleet.forking import ForkServer
from regfleet.fleet.traces import Traces
from regfleet.trials import Chunk, Outcome

Work = Callable[[Chunk, Dataset], tuple[Outcome, ...]]
"""Runs a chunk in a worker. It must be picklable, and returns what goes wrong in a trial as an outcome."""

Encode = Callable[[Chunk, Dataset, int], Sets]
"""Makes the sets of a seed that a chunk with `Chunk.shared` trains on; picklable too."""


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """How to reach workers and what each trial gets.

    ``address`` None starts Ray on this machine. ``workers`` limits the chunks that run at once; None is one per CPU.
    ``gpus_per_trial`` None gives each trial a share where there are GPUs. ``environment`` is set in every worker
    before it imports anything; on this machine ``forks``, where given, makes them. ``data_bytes`` are those of large
    data sets that this machine's own Ray has room for beside results. A trial that takes longer than
    ``trial_timeout`` seconds fails; None takes the limit from the trials that were measured. With no node to run on,
    the fleet gives up after ``wait`` seconds; None: never.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_trial: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    forks: ForkServer | None = None
    data_bytes: int = 0
    trial_timeout: float | None = None
    wait: float | None = None


class WorkSource(Protocol):
    """Where a fleet gets its chunks; made when asked for, so that sizes can follow what was measured."""

    @property
    def measured(self) -> bool:
        """Whether sizes rest on a measurement yet; until then one chunk per worker is enough."""

    def next(
        self, *, on_gpu: bool = False, worker: str = "", traces: Traces | None = None, helps: bool = True
    ) -> Chunk | None:
        """The next chunk, for a worker with a GPU or without, or None when there is none left.

        None too where the ``worker``, a name in ``traces``, had better wait: others run what is left. It only ``helps``
        these where it has a processor to itself.
        """

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Take finished outcomes into account."""

    def seconds_of(self, group: Chunk, *, on_gpu: bool = False) -> float | None:
        """The expected seconds for one trial of a chunk there; None while nothing at all was measured."""


class Fleet(Protocol):
    """Runs chunks and hands back outcomes as they come, each trial's exactly once."""

    @property
    def workers(self) -> int:
        """Chunks that can run at once, now."""

    @property
    def description(self) -> str:
        """Where trials run, in a few words."""

    def run(self, source: WorkSource, work: Work, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Run all chunks of ``source``; raises FleetError when the workers are lost for good."""


class InProcess:
    """Runs one chunk after the other, here, on a GPU or not."""

    workers = 1
    description = "in this process"

    def __init__(self, *, on_gpu: bool = False) -> None:
        self._on_gpu = on_gpu

    def run(self, source: WorkSource, work: Work, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Run all chunks of ``source`` in the order in which they come."""
        traces = Traces()
        while chunk := source.next(on_gpu=self._on_gpu, worker="here", traces=traces):
            traces.add("here", chunk)
            outcomes = work(chunk, datasets[chunk.dataset])
            source.learn(outcomes)
            yield outcomes
