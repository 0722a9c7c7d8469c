"""The fleet on a Ray of this machine: every trial exactly once, whatever happens to workers."""

import os
import sys
from pathlib import Path

import pytest

from regfleet.errors import InputError
from regfleet.fleet import FleetSettings, InProcess, check_address, ray_fleet


@pytest.fixture(scope="module")
def fleet(worker_environment):
    """A local Ray of two workers."""
    with ray_fleet(FleetSettings(workers=2, environment=worker_environment), warm_up=os.getpid) as running:
        yield running


def names(batches) -> list[tuple[str, int, str]]:
    """Variant, seed and status of every outcome, sorted."""
    return sorted((o.trial.variant, o.trial.seed, o.status) for batch in batches for o in batch)


def every(seeds: int) -> list[tuple[str, int, str]]:
    """The same for a run in which every trial of the plan is done."""
    return sorted((v, s, "done") for v in ("none", "l1(0.01)@all", "l2(0.01)@all") for s in range(seeds))


def test_every_trial_comes_back_once_from_kept_workers(fleet, schedule, data):
    """Thirty chunks on two workers: each outcome once, and no process more than the two."""
    import work

    found = list(fleet.run(schedule(10, seconds=10), work.outcomes, data))
    assert names(found) == every(10)
    assert len({o.host for batch in found for o in batch}) <= 2


def test_a_killed_worker_costs_no_trial(fleet, worker_environment, schedule, data):
    """Each variant's first worker is killed -9; every trial still comes back once."""
    import work

    assert names(fleet.run(schedule(4), work.die_once, data)) == every(4)
    assert len(list(Path(worker_environment["REGFLEET_TEST_MARKS"]).iterdir())) == 3


def test_a_poison_trial_fails_alone(fleet, schedule, data):
    """A trial that kills every worker is a failed outcome after three; its chunk's others are done."""
    import work

    found = names(fleet.run(schedule(5), work.die_on_poison, data))
    assert found == sorted((v, s, "failed" if s == 3 else "done") for v, s, _ in every(5))


def test_workers_see_no_gpu_and_the_given_environment(fleet, schedule, data):
    """A task without a GPU share has none visible; the fleet's environment and the data reach it."""
    import work

    found = [o.device for batch in fleet.run(schedule(1), work.see, data) for o in batch]
    assert found == ["|1|iris"] * 3


def test_stopping_early_cancels_what_is_running(fleet, schedule, data):
    """A caller that stops listening leaves no task behind in the fleet, which can be used again."""
    import work

    running = fleet.run(schedule(10, seconds=10), work.slow, data)
    next(running)
    running.close()
    assert names(fleet.run(schedule(1), work.outcomes, data)) == every(1)


def test_the_twin_in_process_gives_the_same(schedule, data, worker_environment):
    """In process the same contract holds without Ray."""
    assert worker_environment["PYTHONPATH"] in sys.path
    import work

    assert names(InProcess().run(schedule(3), work.outcomes, data)) == every(3)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("ray://localhost:10001", "as Ray Client loses results"),
        ("localhost", "expected HOST:PORT; got 'localhost'"),
        ("localhost:x", "expected HOST:PORT; got 'localhost:x'"),
        ("127.0.0.1:1", "expected a Ray head that answers within 5 s"),
    ],
)
def test_an_address_that_cannot_be_a_head_is_refused(address, complaint):
    """The wrong form and a port nobody listens on are told in a line, at once."""
    with pytest.raises(InputError) as caught:
        check_address(address)
    assert complaint in str(caught.value)
