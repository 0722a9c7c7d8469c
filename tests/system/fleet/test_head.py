"""The head of the cluster, and with it all that Ray knows, is lost."""

import json
import signal

import pytest
from ray.cluster_utils import Cluster
from support.processes import environment, started, wait_until

import regfleet
from regfleet.borrowed.ray import few_services


@pytest.fixture
def cluster(monkeypatch):
    """A cluster of one node, to be lost; its workers can import the work of the tests."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    unused = {"prestart_worker_first_driver": False}  # such workers have not the fleet's environment
    arguments = {"num_cpus": 2, "include_dashboard": False, "_system_config": unused}
    with few_services():
        running = Cluster(initialize_head=True, head_node_args=arguments)
    yield running
    running.shutdown()


def test_a_lost_head_ends_the_study_with_what_is_done(cluster, tmp_path):
    """The head is killed: the driver says so, reports what it has and ends with code 3, before Ray kills it."""
    study = [
        "compare",
        "--references",
        "no",
        "-t",
        "l2@all",
        "--seeds",
        "20000",
        "--out",
        "out",
        "--address",
        cluster.address,
    ]
    # A shorter patience than that of a real run.
    patience = {"REGFLEET_TEST_PATIENCE": json.dumps({"head": 5})}
    with started("-m", "support.driver", "pace", *study, cwd=tmp_path, **patience) as driver:
        wait_until(lambda: list((tmp_path / "out" / "trials").glob("part-*.parquet")), driver)
        cluster.head_node.all_processes["gcs_server"][0].process.send_signal(signal.SIGKILL)
        _, stderr = driver.communicate()
    assert driver.returncode == 3, stderr
    assert f"the head of the cluster at {cluster.address} does not answer" in stderr
    kept = len(regfleet.load(tmp_path / "out").trials)
    assert f"interrupted: {kept} of 40000 trials are kept in out; the same command runs the rest" in stderr
    assert "Partial" in (tmp_path / "out" / "report.html").read_text()
