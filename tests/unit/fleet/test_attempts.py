"""What is tried again beside what: a trial that takes all memory of a node should take no other with it."""

from dataclasses import replace

import pytest
from support.processes import wait_until

from regfleet.fleet.retries import Attempt, Retries

REASON = "OutOfMemoryError: 2 worker(s) were killed due to the node running low on memory. Memory was 7 of 8 GB\nmore"


@pytest.fixture
def several(schedule):
    """A chunk of three trials."""
    return schedule(3, size=3).next()


def test_what_ran_out_of_memory_runs_apart(chunk):
    """It waits until all others are done, then runs beside its like alone, one on a node."""
    retries = Retries()
    for _ in range(3):
        assert retries.lost(Attempt(chunk), REASON, memory=True) == ()
    assert retries.pop() is None
    assert retries.pop_apart([Attempt(chunk)], nodes=2) is None
    first = retries.pop_apart([], nodes=2)
    assert (first.lost, first.apart) == (1, True)
    assert retries.pop_apart([first], nodes=2).apart
    assert retries.pop_apart([first, first], nodes=2) is None
    # A cluster whose nodes are gone gets a task, so that its autoscaler sees one wanted.
    assert len(retries) == 1
    assert retries.pop_apart([], nodes=0).apart
    assert len(retries) == 0


def test_nothing_starts_beside_what_runs_apart(chunk):
    """Neither what comes back from a lost node nor what waited for a pause: it has its turn when that is done."""
    retries, apart = Retries(), replace(Attempt(chunk), apart=True)
    retries.push(Attempt(chunk))
    assert retries.pop([apart]) is None
    assert retries.pop_apart([apart], nodes=1) is None
    assert retries.pop([]) == Attempt(chunk)


def test_what_runs_apart_does_so_whatever_happens_to_it(chunk):
    """Back from a lost node, or never begun, it waits for the others again; so does what had no memory to begin."""
    retries, apart = Retries(), replace(Attempt(chunk), apart=True)
    retries.push(apart)
    assert retries.pop() is None
    assert retries.pop_apart([], nodes=1) == apart
    for attempt, memory in ((apart, False), (Attempt(chunk), True)):
        retries.unstarted(attempt, REASON, memory=memory)
        again = wait_until(lambda: retries.pop_apart([], nodes=1) if retries.pop() is None else "not apart")
        assert (again.apart, again.unstarted) == (True, 1)


def test_a_chunk_that_ran_out_of_memory_twice_is_split_and_stays_apart(several):
    """Its trials run one by one, each apart from all others."""
    retries = Retries()
    retries.lost(Attempt(several), REASON, memory=True)
    assert retries.lost(retries.pop_apart([], nodes=1), REASON, memory=True) == ()
    assert retries.pop() is None
    apart = [retries.pop_apart([], nodes=1) for _ in range(3)]
    assert [[trial.seed for trial in attempt.chunk.trials] for attempt in apart] == [[0], [1], [2]]
    assert {(attempt.lost, attempt.apart) for attempt in apart} == {(0, True)}


def test_the_third_loss_is_told_in_a_sentence(chunk):
    """A failure's reason is a line that trials share, its traceback all that was said."""
    (outcome,) = Retries().lost(replace(Attempt(chunk), lost=2), REASON)
    assert outcome.status == "failed"
    assert outcome.error == (
        "its worker was lost 3 times, last: "
        "OutOfMemoryError: 2 worker(s) were killed due to the node running low on memory"
    )
    assert outcome.traceback == REASON
