"""The fleet on a cluster it joins by address, with GPUs that Ray only counts."""

from functools import partial

import pytest
import ray
from support import work


@pytest.fixture(autouse=True, scope="module")
def cluster(nodes_of_a_module):
    """The cluster with a node of four CPUs and two logical GPUs."""
    nodes_of_a_module.add(4, 2)
    return nodes_of_a_module


def devices(fleet, schedule, data, together=0):
    """The process of each trial of a run and the GPUs it saw, in so many workers that are there together."""
    found = fleet.run(schedule, partial(work.see, together=together), data)
    return [(outcome.host, outcome.device.split("|")[0]) for batch in found for outcome in batch]


@pytest.mark.usefixtures("marks")
def test_half_a_gpu_each_packs_two_trials_on_a_gpu(join, schedule, data):
    """Four workers share two GPUs, and each trial sees exactly one of them, the one its process began with."""
    with join(gpus_per_trial=0.5) as fleet:
        assert fleet.workers == 4
        seen = devices(fleet, schedule(8), data, 4)
    assert len(seen) == 24
    assert {gpu for _, gpu in seen} == {"0", "1"}
    assert len({process for process, _ in seen}) == len(set(seen))


def test_a_share_is_worked_out_when_none_is_given(join, schedule, data, none_left):
    """Two GPUs for four CPUs and a small model: half a GPU for each trial, of which each gets as many as it stacks.

    When the fleet is closed the cluster still stands and our job's workers are gone.
    """
    with join() as fleet:
        assert (fleet.workers, fleet.gpus_per_trial) == (4, 0.5)
        sizes = [len(batch) for batch in fleet.run(schedule(6, stack=3), work.see, data)]
        assert (fleet.workers, fleet.gpus_per_trial) == (4, 0.5)
    assert sizes == [3] * 6
    none_left()
    assert not ray.is_initialized()


def test_trials_that_want_no_gpu_see_none(join, schedule, data):
    """A CPU task on a GPU node has its GPUs hidden, and `workers` limits the fleet."""
    with join(workers=2, gpus_per_trial=0) as fleet:
        assert fleet.workers == 2
        assert {gpu for _, gpu in devices(fleet, schedule(2), data)} == {""}


@pytest.mark.usefixtures("marks")
def test_cpus_beside_gpus_work_too(cluster, join, schedule, data):
    """With a node without GPUs, its CPUs run trials as well, which see no GPU; the GPUs keep theirs."""
    beside = cluster.add(2)
    try:
        with join() as fleet:
            assert fleet.workers == 6
            assert fleet.description.endswith("6 workers, 4 of them with 0.5 GPU each")
            seen = [gpu for _, gpu in devices(fleet, schedule(12), data, 6)]
    finally:
        cluster.cluster.remove_node(beside)
        cluster.added.remove(beside)
    assert len(seen) == 36
    assert set(seen) == {"0", "1", ""}
    # Six workers, two of them without GPU; whichever are faster, both kinds have their part.
    assert 6 <= seen.count("") <= 30
