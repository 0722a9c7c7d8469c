"""A cluster of several nodes on this machine, to be used and to be harmed."""

import os
import signal

import pytest
from ray.cluster_utils import Cluster
from support.processes import wait_until

from regfleet import patience
from regfleet.borrowed.ray import few_services
from regfleet.fleet import FleetSettings, ray_fleet

# A hung node is noticed in seconds; Ray's own defaults take about half a minute.
QUICK = {"health_check_period_ms": 1000, "health_check_timeout_ms": 4000, "health_check_failure_threshold": 3}
# Workers that a node starts before they are asked for have not the fleet's environment, and are never used.
QUICK |= {"prestart_worker_first_driver": False}


class Nodes:
    """A cluster whose head runs no trials, and the nodes that were added."""

    def __init__(self):
        arguments = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK}
        with few_services():
            self.cluster = Cluster(initialize_head=True, head_node_args=arguments)
        self.added = []

    @property
    def address(self):
        """HOST:PORT of the head."""
        return self.cluster.address

    def add(self, cpus=1, gpus=0):
        """One more node, for a worker on each CPU; Ray only counts its GPUs."""
        self.added.append(self.cluster.add_node(num_cpus=cpus, num_gpus=gpus))
        return self.added[-1]

    def signal(self, node, how):
        """Send a signal to a node's raylet, the process that starts its workers."""
        os.kill(node.all_processes["raylet"][0].process.pid, how)

    def clear(self):
        """End every node but the head."""
        for node in self.added:
            self.signal(node, signal.SIGCONT)
            self.cluster.remove_node(node, allow_graceful=False)
        self.added = []


@pytest.fixture(scope="session")
def _cluster():
    nodes = Nodes()
    yield nodes
    nodes.clear()
    nodes.cluster.shutdown()


@pytest.fixture(scope="session")
def none_left(processes):
    """A function that waits until every process of ours is gone."""
    return lambda: wait_until(lambda: not processes())


@pytest.fixture(scope="module")
def nodes_of_a_module(_cluster):
    """The cluster with a head alone; what is added goes after the module's tests."""
    yield _cluster
    _cluster.clear()


@pytest.fixture
def nodes(_cluster, none_left):
    """The cluster with a head alone; what a test adds goes after it, and no worker of ours may stay."""
    yield _cluster
    _cluster.clear()
    none_left()


class Notes(list):
    """What the user was told, and what is to happen when the user is told so."""

    then = ("", None)

    def hear(self, text):
        """Keep a note, and do what was waiting for it."""
        self.append(text)
        words, action = self.then
        if action and words in text:
            self.then = ("", None)
            action()


@pytest.fixture
def notes():
    """What the user was told."""
    return Notes()


@pytest.fixture
def join(_cluster, notes, worker_environment, monkeypatch):
    """A function from settings to a fleet on the cluster, which looks at its nodes often, and whose notes are kept."""
    monkeypatch.setattr(patience, "SECONDS", patience.Patience(look=1.0, loss=5.0))

    def joined(**settings):
        settings = FleetSettings(address=_cluster.address, environment=worker_environment, **settings)
        return ray_fleet(settings, warm_up=os.getpid, note=notes.hear)

    return joined
