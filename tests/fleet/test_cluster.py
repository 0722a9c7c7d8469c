"""The fleet on a cluster it joins by address, with GPUs that Ray only counts."""

import os
import time
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from regfleet.fleet import FleetSettings, ray_fleet


@pytest.fixture(scope="module")
def cluster():
    """A head with four CPUs and two logical GPUs."""
    running = Cluster(initialize_head=True, head_node_args={"num_cpus": 4, "num_gpus": 2, "include_dashboard": False})
    yield running
    running.shutdown()


def environ(process):
    """The environment of a process in /proc; empty when it is gone."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def devices(fleet, schedule, data):
    """The GPUs each trial of a run saw."""
    import work

    return [outcome.device.split("|")[0] for batch in fleet.run(schedule, work.see, data) for outcome in batch]


def test_half_a_gpu_each_packs_two_trials_on_a_gpu(cluster, schedule, data, worker_environment):
    """Four workers share two GPUs, and each trial sees exactly one of them."""
    settings = FleetSettings(address=cluster.address, gpus_per_trial=0.5, environment=worker_environment)
    with ray_fleet(settings, warm_up=os.getpid) as fleet:
        assert fleet.workers == 4
        seen = devices(fleet, schedule(8, 10), data)
    assert len(seen) == 24
    assert set(seen) == {"0", "1"}


def test_a_share_is_worked_out_when_none_is_given(cluster, worker_environment):
    """Two GPUs for four CPUs: half a GPU for each trial."""
    settings = FleetSettings(address=cluster.address, environment=worker_environment)
    with ray_fleet(settings, warm_up=os.getpid) as fleet:
        assert (fleet.workers, fleet.gpus_per_trial) == (4, 0.5)


def test_trials_that_want_no_gpu_see_none(cluster, schedule, data, worker_environment):
    """A CPU task on a GPU node has its GPUs hidden, and `workers` limits the fleet."""
    settings = FleetSettings(address=cluster.address, workers=2, gpus_per_trial=0, environment=worker_environment)
    with ray_fleet(settings, warm_up=os.getpid) as fleet:
        assert fleet.workers == 2
        assert set(devices(fleet, schedule(2), data)) == {""}


def test_leaving_a_cluster_leaves_no_worker_of_ours(cluster, worker_environment):
    """When the fleet is closed the cluster still stands and our job's workers are gone."""
    with ray_fleet(FleetSettings(address=cluster.address, environment=worker_environment), warm_up=os.getpid):
        pass
    deadline = time.monotonic() + 30
    ours = worker_environment["REGFLEET_TEST_MARKS"].encode()
    while busy := [p for p in Path("/proc").glob("[0-9]*") if p.name != str(os.getpid()) and ours in environ(p)]:
        assert time.monotonic() < deadline, busy
        time.sleep(0.2)
    assert not ray.is_initialized()
