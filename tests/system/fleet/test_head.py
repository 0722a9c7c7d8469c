"""The head of the cluster, and with it all that Ray knows, is lost."""

import signal
import time

import pytest
from ray.cluster_utils import Cluster

import regfleet


@pytest.fixture
def cluster():
    """A cluster of one node, to be lost."""
    running = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    yield running
    running.shutdown()


def test_a_lost_head_ends_the_study_with_what_is_done(cluster, driver, tmp_path):
    """The head is killed: the driver says so, reports what it has and ends with code 3, before Ray kills it."""
    study = ["--model", "16,8", "--epochs", "40", "-t", "l2@all", "--seeds", "2000", "--out", "out"]
    # A shorter patience than the 40 s of a real run.
    patience = "from regfleet import patience; patience.SECONDS = patience.Patience(head=5)"
    process = driver("compare", *study, "--address", cluster.address, setup=patience)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out" / "trials").glob("part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.1)
    cluster.head_node.all_processes["gcs_server"][0].process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    _, stderr = process.communicate(timeout=55)
    assert time.monotonic() - killed < 40
    assert process.returncode == 3, stderr
    assert f"the head of the cluster at {cluster.address} does not answer" in stderr
    kept = len(regfleet.load(tmp_path / "out").trials)
    assert f"interrupted: {kept} of 4000 trials are kept in out; the same command runs the rest" in stderr
    assert "Partial" in (tmp_path / "out" / "report.html").read_text()
