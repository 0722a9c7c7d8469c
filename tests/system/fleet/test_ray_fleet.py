"""The fleet on a Ray of this machine: every trial exactly once, whatever happens to workers."""

import functools
import os
from dataclasses import replace

import pytest
from support import work

from regfleet.fleet import FleetSettings, ray_fleet
from regfleet.trials import Trial


@pytest.fixture(scope="module")
def fleet(worker_environment):
    """A local Ray of two workers that gives a trial five seconds."""
    settings = FleetSettings(workers=2, environment=worker_environment, trial_timeout=5)
    with ray_fleet(settings, warm_up=os.getpid, encode=work.encode) as running:
        yield running


def test_every_trial_comes_back_once_from_kept_workers(fleet, schedule, data, names, every):
    """Thirty chunks on two workers: each outcome once, and no process more than the two."""
    found = list(fleet.run(schedule(10), work.outcomes, data))
    assert names(found) == every(10)
    assert len({o.host for batch in found for o in batch}) <= 2


def test_work_may_carry_a_large_load(fleet, schedule, data, names, every):
    """A callable that holds 50 MB, a model say, is packed once, and not with each of 60 chunks."""
    loaded = functools.partial(work.loaded, load=work.Load())
    assert names(fleet.run(schedule(20), loaded, data)) == every(20)
    assert work.Load.packed == 1


def test_rows_of_a_seed_are_encoded_once_and_mapped(fleet, marks, schedule, data):
    """Three variants read the same 40 MB of each seed, which none of them can change or has for itself."""
    source = schedule(3)
    source._groups = type(source._groups)(replace(group, shared="cut") for group in source._groups)
    found = [outcome for batch in fleet.run(source, work.look_at_shared, data) for outcome in batch]
    assert [o.host for o in found if o.status == "done"] == ["10000000 False True"] * 6
    assert [(o.trial.seed, o.error) for o in found if o.status == "failed"] == [(2, "no rows")] * 3
    assert sorted(mark.name for mark in marks.iterdir()) == [f"encoded {seed} 0" for seed in range(3)]


def test_a_killed_worker_costs_no_trial(fleet, marks, schedule, data, names, every):
    """Each variant's first worker is ended, by SIGKILL or SIGTERM; every trial still comes back once."""
    assert names(fleet.run(schedule(4), work.die_once, data)) == every(4)
    assert len(list(marks.iterdir())) == 3


def test_a_poison_trial_fails_alone(fleet, schedule, data, names, every):
    """A trial that kills every worker is a failed outcome after three; its chunk's others are done."""
    assert names(fleet.run(schedule(5, size=5), work.die_on_poison, data)) == every(5, bad=3)


class Fatal(Trial):
    """A trial that ends the process that reads it, so that no worker ever says that it begins."""

    def __reduce__(self):
        """Read as an exit."""
        return os._exit, (1,)


def test_a_trial_that_kills_before_anything_is_said_fails_alone(fleet, schedule, data, names, every):
    """A worker that was ready and is gone without a word was killed by what it got."""
    assert names(fleet.run(schedule(4, poison=Fatal), work.outcomes, data)) == every(4, bad=3)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("raise_odd", "OddError: this and that"),
        ("leave", "SystemExit: 3"),
        ("exhaust", "MemoryError"),
        ("hang", "did not finish within 5 s; --trial-timeout sets the limit"),
    ],
)
def test_what_user_code_does_is_its_own_failure(fleet, schedule, data, names, every, how, error):
    """What no pickle brings back, `sys.exit`, no memory left, a hang: the trial fails, says why, and no other does."""
    found = list(fleet.run(schedule(4), getattr(work, how), data))
    assert names(found) == every(4, bad=3)
    errors = [o.error for batch in found for o in batch if o.status == "failed"]
    assert [text[: len(error)] for text in errors] == [error]
    assert all(o.traceback for batch in found for o in batch if o.status == "failed")


def test_a_hang_among_good_trials_is_found(fleet, schedule, data, names, every):
    """A chunk that hangs is ended and its trials run one by one, so that only the one that hangs fails."""
    assert names(fleet.run(schedule(4, size=2), work.hang, data)) == every(4, bad=3)


def test_a_frozen_worker_is_ended(fleet, marks, schedule, data, names, every):
    """A stopped process hears nothing but a kill: at most its own trial fails, all others are done."""
    found = names(fleet.run(schedule(4), work.freeze_once, data))
    assert len(list(marks.iterdir())) == 1
    # Ray may miss its heartbeat first; then the trial is made again, elsewhere.
    assert [status for *_, status in found].count("failed") <= 1
    assert [one[:2] for one in found] == [one[:2] for one in every(4)]


def test_workers_see_no_gpu_and_the_given_environment(fleet, schedule, data):
    """A task without a GPU share has none visible; the fleet's environment and the data reach it."""
    found = [o.device for batch in fleet.run(schedule(1), work.see, data) for o in batch]
    assert found == ["|2|iris"] * 3


def test_stopping_early_leaves_a_fleet_that_can_be_used_again(fleet, schedule, data, names, every):
    """A caller that stops listening gets nothing of that run into the next one."""
    running = fleet.run(schedule(10), work.slow, data)
    next(running)
    running.close()
    assert names(fleet.run(schedule(1), work.outcomes, data)) == every(1)
