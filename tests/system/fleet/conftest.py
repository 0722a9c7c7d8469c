"""Clusters of several nodes on this machine, to be harmed."""

import os
import signal
import subprocess
import sys
import time

import pytest
from ray.cluster_utils import Cluster

from regfleet.fleet import FleetSettings, ray_fleet

# A hung node is noticed in seconds; Ray's own defaults take about half a minute.
QUICK = {"health_check_period_ms": 1000, "health_check_timeout_ms": 4000, "health_check_failure_threshold": 3}


class Nodes:
    """A cluster whose head runs no trials, and the nodes that were added."""

    def __init__(self):
        arguments = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK}
        self.cluster = Cluster(initialize_head=True, head_node_args=arguments)
        self.added = []

    @property
    def address(self):
        """HOST:PORT of the head."""
        return self.cluster.address

    def add(self, cpus=2):
        """One more node."""
        self.added.append(self.cluster.add_node(num_cpus=cpus))
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


@pytest.fixture(scope="module")
def _nodes():
    nodes = Nodes()
    yield nodes
    nodes.clear()
    nodes.cluster.shutdown()


@pytest.fixture
def none_left(processes):
    """A function that fails unless every process of ours is gone within half a minute."""

    def wait():
        deadline = time.monotonic() + 30
        while left := processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.2)

    return wait


@pytest.fixture
def nodes(_nodes, none_left):
    """A cluster with a head alone; what a test adds goes after it, and no worker of ours may stay."""
    yield _nodes
    _nodes.clear()
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
def join(nodes, notes, worker_environment):
    """A function from settings to a fleet on the cluster, whose notes are kept."""

    def joined(**settings):
        settings = FleetSettings(address=nodes.address, environment=worker_environment, **settings)
        return ray_fleet(settings, warm_up=os.getpid, note=notes.hear)

    return joined


@pytest.fixture
def driver(tmp_path):
    """A function that starts the command line in another process, after the ``setup`` lines of Python."""
    started = []

    def start(*arguments, setup="", **environment):
        code = f"{setup}\nfrom regfleet.cli import main\nmain()"
        command = [sys.executable, "-c", code, *map(str, arguments)]
        # A cluster that this process starts asks for the token that this process may have by now.
        kept = {n: value for n, value in os.environ.items() if not n.startswith("RAY_") or n.startswith("RAY_AUTH_")}
        environment = kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
