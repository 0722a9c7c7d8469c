"""The fleet's twin in this process: the same contract without Ray, so that a debugger sees everything."""

from collections.abc import Iterator, Mapping

from regfleet.fleet.contract import Work, WorkSource
from regfleet.records import Dataset, Outcome


class InProcess:
    """Runs one chunk after the other, here."""

    workers = 1
    description = "in this process"

    def run(self, source: WorkSource, work: Work, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Run all chunks of ``source`` in the order in which they come."""
        while chunk := source.next():
            outcomes = work(chunk, datasets[chunk.dataset])
            source.learn(outcomes)
            yield outcomes
