"""The fleet's twin in this process: the same contract without Ray, so that a debugger sees everything."""

from collections.abc import Iterator, Mapping

from regfleet.data.dataset import Dataset
from regfleet.fleet.contract import Work, WorkSource
from regfleet.trials import Outcome


class InProcess:
    """Runs one chunk after the other, here, on a GPU or not."""

    workers = 1
    description = "in this process"

    def __init__(self, *, on_gpu: bool = False) -> None:
        self._on_gpu = on_gpu

    def run(self, source: WorkSource, work: Work, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Run all chunks of ``source`` in the order in which they come."""
        while chunk := source.next(on_gpu=self._on_gpu):
            outcomes = work(chunk, datasets[chunk.dataset])
            source.learn(outcomes)
            yield outcomes
