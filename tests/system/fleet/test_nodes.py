"""Nodes that are lost, hang, come late or are all gone: every trial still once."""

import signal
from functools import partial

import pytest
from support import work

from regfleet.errors import FleetError


def hosts(found):
    """The nodes that trials came from."""
    return {outcome.host for batch in found for outcome in batch}


@pytest.mark.usefixtures("marks")
@pytest.mark.parametrize("how", ["slow", "large"])
def test_a_lost_node_costs_no_trial(nodes, join, schedule, data, names, every, how):
    """A raylet is killed in the middle, with results small and large on its node: the other node does the rest."""
    first, _ = nodes.add(2), nodes.add(2)
    with join() as fleet:
        running = fleet.run(schedule(10), partial(getattr(work, how), nodes=2), data)
        found = [next(running) for _ in range(6)]
        while len(hosts(found)) < 2:
            found.append(next(running))
        nodes.signal(first, signal.SIGKILL)
        found += running
    assert names(found) == every(10)
    assert len(hosts(found)) == 2


def test_a_hung_node_costs_no_trial(nodes, join, schedule, data, names, every):
    """A raylet that is stopped, but not gone: its node is given up, and the other one does the rest."""
    hung, _ = nodes.add(), nodes.add()
    with join() as fleet:
        running = fleet.run(schedule(12), work.slow, data)
        found = [next(running) for _ in range(4)]
        nodes.signal(hung, signal.SIGSTOP)
        found += running
    assert names(found) == every(12)


def test_a_cluster_without_nodes_waits_and_says_so(nodes, join, notes, schedule, data, names, every):
    """The last node goes: the user hears what is missing, and a node that comes later does the rest."""
    only = nodes.add()
    with join() as fleet:
        running = fleet.run(schedule(6), work.slow, data)
        found = [next(running) for _ in range(3)]
        nodes.signal(only, signal.SIGKILL)
        notes.then = ("no node of the cluster has a CPU", nodes.add)
        found += running
    assert names(found) == every(6)
    assert len(hosts(found)) == 2
    assert "waiting: no node of the cluster has a CPU" in notes


def test_a_cluster_may_start_empty(nodes, join, notes, schedule, data, names, every):
    """An autoscaler's first nodes come after the trials were asked for."""
    with join(workers=2) as fleet:
        notes.then = ("no node of the cluster has a CPU", nodes.add)
        assert names(fleet.run(schedule(3), work.slow, data)) == every(3)


def test_waiting_ends_when_the_user_said_so(nodes, join, schedule, data):
    """With a limit, a cluster without nodes ends the run with an error that says what is missing; what came is kept."""
    only = nodes.add()
    with join(wait=3) as fleet:
        running = fleet.run(schedule(20), work.slow, data)
        assert len(next(running)) == 1
        nodes.signal(only, signal.SIGKILL)
        with pytest.raises(FleetError, match=r"--wait: no trial could run for 0\.05 min; no node has a CPU"):
            list(running)
