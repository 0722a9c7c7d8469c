"""What is said of a worker that is gone, in words that name no actor."""

import pytest
from ray import exceptions

from regfleet.fleet.tasks import loss_of


@pytest.mark.parametrize(
    ("problem", "begins", "memory"),
    [
        (exceptions.ActorDiedError(), "WorkerCrashedError: The worker died. The actor died unexpectedly", False),
        (exceptions.ActorUnavailableError("no route", None), "WorkerCrashedError: The worker died. The actor", False),
        (exceptions.WorkerCrashedError(), "WorkerCrashedError: The worker died unexpectedly", False),
        (
            exceptions.OutOfMemoryError("1 worker(s) were killed due to the node running low on memory. 7 of 8"),
            "OutOfMemoryError: 1 worker(s) were killed due to the node running low on memory. 7 of 8",
            True,
        ),
        (
            exceptions.OutOfMemoryError("Memory was 7 of 8"),
            "OutOfMemoryError: The worker was killed due to the node running low on memory. Memory was 7 of 8",
            True,
        ),
    ],
)
def test_a_loss_says_what_happened_to_the_worker(problem, begins, memory):
    """An actor's death is told as that of a process, and want of memory by name."""
    loss = loss_of(problem)
    assert loss.reason.startswith(begins)
    assert loss.memory is memory
