"""The driver's own logic on scripted tasks: what is in flight, tried again, ended and given up."""

import os
import time
from dataclasses import replace

import pytest
from support.tasks import ScriptedCluster, ScriptedTasks, done

from regfleet import patience
from regfleet.errors import FleetError
from regfleet.fleet import FleetSettings
from regfleet.fleet.driver import Driver
from regfleet.fleet.gpus import Shares
from regfleet.fleet.tasks import Loss
from regfleet.fleet.traces import Traces
from regfleet.fleet.worker import Beginning


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Nothing is waited for."""
    monkeypatch.setattr(patience, "SECONDS", patience.Patience(retry=0.0, loss=0.0, overdue=0.0))


@pytest.fixture
def drive(data):
    """The function that runs a source on scripted tasks and lists the batches of outcomes."""

    def run(source, tasks, cluster=None, **settings):
        cluster, settings = cluster or ScriptedCluster(tasks=tasks), FleetSettings(**settings)
        return list(Driver(settings, Shares(settings, cluster), cluster, tasks, source, Traces()).run(data))

    return run


def test_every_trial_comes_once_and_no_more_tasks_run_than_workers(drive, schedule, names, every):
    """Each worker has one, and gets its next when that came; what may grow is asked for more, with no limit given."""
    tasks = ScriptedTasks()
    assert names(drive(schedule(10), tasks)) == every(10)
    assert (len(tasks.started), tasks.most, len(set(tasks.at)), tasks.asked) == (30, 2, 2, [])
    tasks = ScriptedTasks()
    drive(schedule(10), tasks, workers=2)
    assert tasks.most == 2
    tasks = ScriptedTasks()
    drive(schedule(10), tasks, address="a cluster")
    assert (tasks.most, set(tasks.asked)) == (2, {(6, 0.0)})


@pytest.mark.parametrize(
    ("processors", "settings", "helps"), [(1, {}, False), (2, {}, True), (1, {"address": "a cluster"}, True)]
)
def test_workers_help_others_on_processors_of_their_own(drive, schedule, monkeypatch, processors, settings, helps):
    """Two workers on one processor of this machine trace nothing twice; a cluster has a processor for each."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    source, tasks, asked = schedule(10), ScriptedTasks(), set()
    plain = source.next
    monkeypatch.setattr(source, "next", lambda **how: asked.add(how.get("helps", True)) or plain(**how))
    drive(source, tasks, **settings)
    assert (tasks.most, False in asked) == (2, not helps)


def test_a_lost_worker_costs_a_retry(drive, schedule, names, every):
    """A chunk whose worker goes once is tried again, before or after its worker began."""
    for messages in ([Loss("gone")], [Beginning(1, "node"), Loss("gone")]):
        lost = set()

        def script(attempt, messages=messages, lost=lost):
            first = attempt.chunk.trials not in lost
            lost.add(attempt.chunk.trials)
            return messages if first else [Beginning(1, "node"), done(attempt.chunk)]

        tasks = ScriptedTasks(script)
        assert names(drive(schedule(2), tasks)) == every(2)
        assert len(tasks.started) == 12


def test_a_trial_that_kills_every_worker_fails_alone(drive, schedule, names, every):
    """After two losses its chunk is split; three more on its own, and it is a failure with the reason.

    Whether its worker could still say that it begins, or had only been ready.
    """
    died = "WorkerCrashedError: it died. More"
    for death in ([Beginning(1, "node"), Loss(died)], [Loss(died, ready=True)]):

        def script(attempt, death=death):
            poison = any((trial.variant, trial.seed) == ("l1", 3) for trial in attempt.chunk.trials)
            return death if poison else [Beginning(1, "node"), done(attempt.chunk)]

        batches = drive(schedule(5, size=5), ScriptedTasks(script))
        assert names(batches) == every(5, bad=3)
        (failure,) = [outcome for batch in batches for outcome in batch if outcome.status == "failed"]
        assert failure.error == "its worker was lost 3 times, last: WorkerCrashedError: it died"


def test_workers_that_never_begin_end_the_run(drive, schedule):
    """When no worker gets as far as beginning, no trial is to blame: the fleet is lost."""
    with pytest.raises(FleetError, match="10 workers were lost before they began, the last: no room"):
        drive(schedule(1), ScriptedTasks(lambda _: [Loss("no room")]))


def test_what_waits_for_a_worker_goes_to_one_that_is_ready(drive, schedule, names, every, monkeypatch):
    """As many as may be on their way wait for room, which a worker with nothing to do holds: it takes them, in turn."""
    monkeypatch.setattr(patience, "SECONDS", replace(patience.SECONDS, look=0.0))

    def script(attempt):
        if len(tasks.started) > 2:
            return [Beginning(1, "node"), done(attempt.chunk)]
        tasks.late.add(f"worker {len(tasks.started) - 1}")
        if len(tasks.started) == 2:
            tasks.give("idle")
        return []

    tasks = ScriptedTasks(script)
    assert names(drive(schedule(3), tasks)) == every(3)
    assert tasks.at[:4] == ["worker 0", "worker 1", "idle", "idle"]
    assert {attempt.unstarted for attempt, _ in tasks.started} == {0}


def test_a_worker_of_which_nothing_is_heard_is_replaced(drive, schedule, names, every, monkeypatch):
    """Its chunk goes to a new one, though no other is free, each time after twice as long, where there is room."""
    monkeypatch.setattr(patience, "SECONDS", replace(patience.SECONDS, begin=0.02))
    silent = []

    def script(attempt):
        silent.append(tasks.renewed < 2)
        return [] if silent[-1] else [Beginning(1, "node"), done(attempt.chunk)]

    tasks = ScriptedTasks(script)
    began = time.monotonic()
    assert names(drive(schedule(1), tasks)) == every(1)
    assert time.monotonic() - began > 0.02 + 0.04
    unheard = [worker for worker, nothing in zip(tasks.at, silent, strict=True) if nothing]
    heard = {worker for worker, nothing in zip(tasks.at, silent, strict=True) if not nothing}
    # Two chunks wait twice each; one of them once where the machine paused between their starts.
    assert len(set(unheard)) == len(unheard) in {3, 4}
    assert not heard & {*unheard}
    assert {(attempt.lost, attempt.unstarted) for attempt, _ in tasks.started} == {(0, 0)}
    full = ScriptedTasks(lambda _: [Beginning(1, "node")] if len(full.started) < 3 else [])
    with pytest.raises(AssertionError, match="does not come to an end"):
        drive(schedule(1), full, address="a cluster", workers=3)
    assert (len(full.started), full.renewed) == (3, 0)


def test_what_passes_its_limit_is_ended_and_fails(drive, schedule, names, every):
    """A trial that hangs is ended where it runs; its failure says at which limit."""

    def script(attempt):
        hangs = any((trial.variant, trial.seed) == ("l1", 1) for trial in attempt.chunk.trials)
        return [Beginning(7, "far")] if hangs else [Beginning(1, "node"), done(attempt.chunk)]

    tasks = ScriptedTasks(script)
    cluster = ScriptedCluster(tasks=tasks)
    batches = drive(schedule(2), tasks, cluster, trial_timeout=0.01)
    assert names(batches) == every(2, bad=1)
    assert set(cluster.ended) == {(7, "far")}
    errors = [outcome.error for batch in batches for outcome in batch if outcome.status == "failed"]
    assert errors == ["did not finish within 0 s; --trial-timeout sets the limit"]


def test_what_runs_on_a_lost_node_is_tried_elsewhere(drive, schedule, names, every):
    """Ray says nothing of a worker behind a node that hangs: its chunk counts a loss and runs again."""
    cluster = ScriptedCluster()

    def script(attempt):
        if attempt.lost == 0 and attempt.chunk.trials[0].seed == 0:
            cluster.losses["far"] = time.monotonic()
            return [Beginning(7, "far")]
        return [Beginning(1, "node"), done(attempt.chunk)]

    tasks = ScriptedTasks(script)
    assert names(drive(schedule(2), tasks, cluster)) == every(2)
    assert sum(attempt.lost for attempt, _ in tasks.started) == 3


def test_a_chunk_that_took_all_memory_runs_when_no_other_does(drive, schedule, names, every):
    """It comes last, and as many at once as there are nodes."""
    beside = []

    def script(attempt):
        if attempt.apart:
            beside.append(len(beside))
            return [Beginning(1, "node"), done(attempt.chunk)]
        guilty = attempt.chunk.trials[0].variant == "l1"
        return [Beginning(1, "node"), Loss("OutOfMemoryError", memory=True) if guilty else done(attempt.chunk)]

    tasks = ScriptedTasks(script)
    assert names(drive(schedule(3), tasks)) == every(3)
    apart = [attempt.apart for attempt, _ in tasks.started]
    assert apart == sorted(apart)
    assert sum(apart) == len(beside) == 3


def test_nodes_with_and_without_gpus_run_trials(drive, schedule, names, every):
    """Where the share is chosen here, one trial runs on each place of a GPU and the others on CPUs without one."""
    tasks = ScriptedTasks()
    cluster = ScriptedCluster({"CPU": 4.0, "GPU": 1.0}, {"CPU": 2.0})
    assert names(drive(schedule(5), tasks, cluster)) == every(5)
    assert {share for _, share in tasks.started} == {0.25, 0.0}


def test_tasks_that_wait_for_a_gpu_that_is_gone_run_on_cpus(drive, schedule, names, every):
    """When the node with the GPU goes before they began, the others take them."""
    cluster = ScriptedCluster({"CPU": 4.0, "GPU": 1.0}, {"CPU": 2.0})

    class Tasks(ScriptedTasks):
        def start(self, attempt, gpu_share, worker):
            handle, name = super().start(attempt, gpu_share, worker)
            if gpu_share:
                self._messages[handle] = []
                cluster.nodes = ({"CPU": 2.0},)
            return handle, name

    tasks = Tasks()
    assert names(drive(schedule(3), tasks, cluster)) == every(3)
