"""Who takes what: workers stay with what they have traced, and help others only where that ends the study sooner."""

import heapq

import pytest
from support.planning import planned

from regfleet.data import from_arrays
from regfleet.fleet.traces import KEPT_PROGRAMS, Traces, kind_of, programs_of
from regfleet.planning.affinity import Waiting, choose
from regfleet.planning.schedule import Schedule
from regfleet.settings import read_study
from regfleet.training import engines
from regfleet.trials import Execution, Outcome

DATA = {"own": from_arrays("own", [[float(row)] for row in range(100)], [row % 2 for row in range(100)])}
TRAIN, TRACE = 0.9, 0.8


def groups_of(**fields):
    """The groups of a study on the data."""
    return planned(read_study({"data": "own"} | fields), DATA).groups


def simulated(groups, workers, train=lambda _: TRAIN, trace=TRACE):
    """Seconds until the last trial, and how many traces there were, where each worker asks when it is free."""
    schedule, traces, count, now = Schedule(groups, workers, {}), Traces(), 0, 0.0
    kept = {f"worker {number}": set() for number in range(workers)}
    running, idle, order = [], list(kept), 0
    while True:
        for worker in list(idle):
            if chunk := schedule.next(worker=worker, traces=traces):
                new = kind_of(chunk) not in kept[worker]
                kept[worker].add(kind_of(chunk))
                traces.add(worker, chunk)
                count, order = count + new, order + 1
                took = len(chunk.trials) * train(chunk) + new * trace
                outcomes = [
                    Outcome(t, "done", "fused", Execution("graph"), seconds=train(chunk), device="cpu")
                    for t in chunk.trials[1:]
                ]
                first = Outcome(
                    chunk.trials[0], "done", "fused", seconds=train(chunk) + new * trace, trace_seconds=new * trace,
                    device="cpu",
                )  # fmt: skip
                heapq.heappush(running, (now + took, order, worker, [first, *outcomes]))
                idle.remove(worker)
        if not running:
            assert schedule.next() is None, "workers wait for nobody"
            return now, count
        now, _, worker, outcomes = heapq.heappop(running)
        schedule.learn(outcomes)
        idle.append(worker)


ARTICLE = ["l1", "l2", "dropout", "batchnorm", "noise", "maxnorm", "l1l2", "layernorm", "rmsnorm"]


@pytest.mark.parametrize("workers", [1, 2, 8, 16])
def test_traces_are_hardly_more_than_variants_and_workers(workers):
    """Ten variants of ten seeds: a balanced schedule has about v + w - 1 traces; ours is not slow."""
    groups = groups_of(seeds=10, variant=[{"technique": name} for name in ARTICLE], references="no")
    assert len(groups) == 10
    seconds, traces = simulated(groups, workers)
    ideal = (100 * TRAIN + traces * TRACE) / workers
    assert traces <= 10 + 1.5 * (workers - 1)
    assert seconds <= ideal + 2 * (TRAIN + TRACE) + 1


def test_one_worker_has_the_references():
    """They share imports as long as a trace: two workers import once, and more in all only to end sooner."""
    groups = groups_of(seeds=10, variant=[{"technique": name} for name in ARTICLE], references="auto")
    references = [group for group in groups if group.variant.reference]
    assert (len(groups), len({kind_of(group) for group in references})) == (13, 1)
    seconds, traces = simulated(groups, 2, lambda chunk: 0.1 if chunk.variant.reference else TRAIN)
    assert traces <= 11 + 1
    assert seconds <= (100 * TRAIN + 30 * 0.1 + traces * TRACE) / 2 + TRAIN + TRACE


def test_slow_references_are_helped_out():
    """Where trees take longer than networks, all workers grow them in the end."""
    groups = groups_of(seeds=20, variant=[{"technique": "l1"}, {"technique": "l2"}], references="auto")
    slow = {True: 2.0, False: 0.2}
    seconds, traces = simulated(groups, 4, lambda chunk: slow[chunk.variant.reference == "trees"])
    assert seconds <= (20 * (2.0 + 5 * 0.2) + traces * TRACE) / 4 + 2 * 2.0


def test_slow_variants_are_helped_out():
    """Where one variant takes ten times as long as the others, the tail is shared by all workers."""
    groups = groups_of(seeds=20, variant=[{"technique": "l1"}, {"technique": "l2"}], references="no")
    seconds, traces = simulated(groups, 4, lambda chunk: 3.0 if chunk.variant.name.startswith("l2") else 0.3)
    assert seconds <= (20 * (3.0 + 0.3 + 0.3) + traces * TRACE) / 4 + 2 * 3.0
    assert traces <= 3 + 4


def kinds(*names):
    """Kinds of trials by name, all alike but for it."""
    (group, *_) = groups_of(seeds=1, references="no")
    return [(name, *kind_of(group)[1:]) for name in names]


class Holding(Traces):
    """Traces as a test says: worker → kinds."""

    def __init__(self, **held):
        super().__init__()
        self._kept = {worker: dict.fromkeys(each, 1) for worker, each in held.items()}
        for worker, each in held.items():
            for kind in each:
                self._workers.setdefault(kind, set()).add(worker)


def chosen(waiting, traces, seconds=1.0, trace=3.0, **more):
    """What worker ``me`` takes of kinds with so many trials each."""
    return choose([Waiting(*one) for one in waiting], "me", traces, lambda _: seconds, lambda _: trace, **more)


def test_what_nobody_has_begun_comes_first_then_ones_own_then_what_takes_long():
    """By hand: another worker needs 9 s for nine trials of 1 s; to take them over costs 3 s of trace and one trial."""
    a, b, c = kinds("a", "b", "c")
    assert chosen([(a, 5), (b, 5)], Holding(me=[a])) == 1
    assert chosen([(b, 5), (a, 5)], Holding(me=[a], other=[b])) == 1
    assert chosen([(b, 9)], Holding(me=[a], other=[b])) == 0
    assert chosen([(b, 4)], Holding(me=[a], other=[b])) is None
    assert chosen([(b, 9)], Holding(me=[a], other=[b]), helps=False) is None
    assert chosen([(b, 9)], Holding(me=[a], other=[b]), trace=8.0) is None
    # Two share nine trials: 4.5 s each, and half a second is worth it; three would be done in 3 s.
    assert chosen([(b, 9)], Holding(other=[b], third=[b])) == 0
    assert chosen([(b, 9)], Holding(other=[b], third=[b], fourth=[b])) is None
    # One that also has another kind to do needs longer.
    assert chosen([(b, 4), (c, 4)], Holding(other=[b, c])) == 0
    # Nothing is measured: a trace is worth two trials.
    assert chosen([(b, 4)], Holding(other=[b]), seconds=None, trace=None) == 0
    assert chosen([(b, 3)], Holding(other=[b]), seconds=None, trace=None) is None


def test_a_worker_begins_no_more_than_it_keeps():
    """Of forty variants each of two workers begins as many as a process keeps, and finishes them first."""
    assert KEPT_PROGRAMS == engines._KEPT_PROGRAMS
    strengths = [{"technique": f"l2({number / 1000})"} for number in range(1, 40)]
    groups = groups_of(seeds=10, variant=strengths, references="no")
    seconds, traces = simulated(groups, 2)
    assert traces <= 40 + 2
    assert seconds <= (400 * TRAIN + traces * TRACE) / 2 + 10


def test_strengths_of_a_tuned_variant_are_programs_of_their_own():
    """Four strengths of l2 are four traces; the control differs in learning rates alone, which share one."""
    control, l2 = groups_of(seeds=2, variant=[{"technique": "l2"}], tune=4, split="60/20/20", references="no")
    assert (programs_of(control.variant), programs_of(l2.variant)) == (1, 4)


def test_a_worker_that_is_gone_keeps_nothing():
    """What it had begun is nobody's; what a worker used longest ago makes room for what it begins now."""
    traces = Traces()
    groups = groups_of(
        seeds=1, variant=[{"technique": f"l2({number / 1000})"} for number in range(1, 20)], references="no"
    )
    for group in groups:
        traces.add("one", group)
    assert [*traces.of("one")] == [kind_of(group) for group in groups[-KEPT_PROGRAMS:]]
    assert not traces.workers(kind_of(groups[0]))
    assert set(traces.workers(kind_of(groups[-1]))) == {"one"}
    traces.forget("one")
    assert not traces.of("one")
    assert not any(traces.workers(kind_of(group)) for group in groups)
