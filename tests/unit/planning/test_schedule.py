"""Schedules: every trial once, in chunks that follow the measured seconds, in whole stacks where a GPU trains them."""

from collections import defaultdict

import numpy as np
from support.planning import planned

from regfleet.data import SPLITS
from regfleet.data.dataset import Dataset
from regfleet.planning.schedule import Schedule
from regfleet.settings import read_study
from regfleet.settings.values import ModelSpec
from regfleet.trials import Execution, Outcome

DATA = {"iris": Dataset("iris", np.zeros((4, 2)), np.array([0, 1, 0, 1]), ("a", "b"), "fingerprint")}
SPLIT = SPLITS["60/20/20"]
ALONE, STACKED = Execution("graph"), Execution("graph", stacked=True)


def outcomes_of(chunk, seconds, status="done", device="cpu", execution=ALONE):
    """What a worker returns for the chunk when each trial takes so many seconds."""
    return [Outcome(t, status, "fused", execution, seconds=seconds, device=device) for t in chunk.trials]


def test_the_schedule_hands_out_every_trial_once():
    """Whatever was measured on the way, chunks partition the trials."""
    plan = planned(read_study({"seeds": "37"}), DATA)
    schedule, seen, random = Schedule(plan.groups, 2, {}), [], np.random.default_rng(0)
    while chunk := schedule.next():
        seen += [trial.key for trial in chunk.trials]
        schedule.learn(outcomes_of(chunk, random.uniform(0.01, 5)))
        assert schedule.handed_out == (len(seen) == len(plan.trials))
    assert sorted(seen) == sorted(trial.key for trial in plan.trials)


def test_chunks_follow_the_measured_seconds():
    """The first chunk is one trial; then chunks of 0.5 s trials take about 10 s, and shrink towards the end."""
    plan = planned(read_study({"seeds": "100"}), DATA)
    schedule, sizes = Schedule(plan.groups, 2, {}), []
    while chunk := schedule.next():
        sizes.append(len(chunk.trials))
        schedule.learn(outcomes_of(chunk, 0.5))
    assert sizes[0] == 1
    assert set(sizes[1:11]) == {20}
    assert sizes[-1] < 5


def on_gpu(execution):
    """How outcomes from a GPU look."""
    return {"device": "some GPU", "execution": execution}


def test_a_gpu_gets_whole_stacks():
    """A worker that trains 32 side by side gets 32, 64 and so on, or all that is left; a CPU beside it does not."""
    plan = planned(read_study({"seeds": "100"}), DATA)
    schedule, sizes = Schedule(plan.groups, 2, {}), defaultdict(list)
    first = schedule.next(on_gpu=True)
    assert len(first.trials) == first.stack == 32
    schedule.learn(outcomes_of(first, 0.03, **on_gpu(STACKED)))
    beside = schedule.next()
    schedule.learn(outcomes_of(beside, 2.0))
    assert len(schedule.next().trials) == 5
    while chunk := schedule.next(on_gpu=True):
        sizes[chunk.variant.name].append(len(chunk.trials))
    assert all(size % 32 == 0 for of_variant in sizes.values() for size in of_variant[:-1])
    assert sum(map(sum, sizes.values())) == 1000 - 32 - len(beside.trials) - 5


def test_times_on_a_gpu_do_not_size_the_chunks_of_a_cpu():
    """Three hundredths of a second there and two seconds here are two expectations."""
    plan = planned(read_study({"seeds": "400", "variant": [{"technique": "none"}]}), DATA)
    schedule = Schedule(plan.groups, 2, {})
    schedule.learn(outcomes_of(schedule.next(on_gpu=True), 0.03, **on_gpu(STACKED)))
    schedule.learn(outcomes_of(schedule.next(), 2.0))
    (group,) = plan.groups
    assert (schedule.seconds_of(group, on_gpu=True), schedule.seconds_of(group)) == (0.03, 2.0)
    assert len(schedule.next().trials) == 5


def test_whether_a_gpu_stacks_is_seen():
    """A failure of memory shrinks one group's chunks until its seeds are stacked again."""
    plan = planned(read_study({"seeds": "400", "variant": [{"technique": "none"}]}), DATA)
    schedule = Schedule(plan.groups, 2, {})
    schedule.learn(outcomes_of(schedule.next(on_gpu=True), 2.0, **on_gpu(Execution("graph", unstacked="no room"))))
    alone = schedule.next(on_gpu=True)
    assert len(alone.trials) == 5
    schedule.learn(outcomes_of(alone, 2.0, **on_gpu(STACKED)))
    assert len(schedule.next(on_gpu=True).trials) == 32


def test_a_model_of_ones_own_shows_whether_it_is_stacked():
    """Its size is not known before it runs: a GPU gets one trial, and stacks once that was in one."""
    study = read_study({"model": {"source": "net:build", "layers": ["a"]}, "variant": [{"technique": "none"}]})
    plan = planned(study, DATA, {"iris": ModelSpec((), (), "net:build", ("a",), "one")})
    schedule = Schedule(plan.groups, 2, {})
    first = schedule.next(on_gpu=True)
    assert (len(first.trials), first.stack) == (1, 32)
    schedule.learn(outcomes_of(first, 2.0, **on_gpu(STACKED)))
    assert len(schedule.next(on_gpu=True).trials) == 9  # all that is left of ten


def test_failed_trials_say_nothing_about_the_time():
    """A trial that failed at once does not make the next chunk larger."""
    plan = planned(read_study({}), DATA)
    schedule = Schedule(plan.groups, 2, {})
    schedule.learn(outcomes_of(schedule.next(), 0.001, "failed"))
    assert not schedule.measured
