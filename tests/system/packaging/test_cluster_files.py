"""The cluster descriptions: Ray accepts them, they grow from nothing, and only a token lets anyone in."""

import os
import shlex
import subprocess
from importlib import metadata

import pytest
import yaml
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.runtime_env import RuntimeEnv

from regfleet.borrowed.ray import STARTING_ENVIRONMENT
from regfleet.cli.compare import compare
from regfleet.cli.options import built

FILES = ("cluster.yaml", "examples/cluster-on-premises.yaml")
HEALTH = {
    "RAY_health_check_period_ms": "3000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
}
"""The head gives up a machine that was cut off in seconds; tests/slow measures it."""


@pytest.fixture(params=FILES)
def described(request, root):
    """Each cluster description as it is written."""
    return yaml.safe_load((root / request.param).read_text())


def _commands(config):
    return [command for name, commands in config.items() if name.endswith("_commands") for command in commands]


def test_ray_accepts_the_description(described):
    """Ray's own validation takes the description, filled out as `ray up` fills it out."""
    validate_config(prepare_config(described))


def test_ray_refuses_an_unknown_field(described):
    """The same validation refuses a field that Ray does not know, so that a misspelt one cannot pass."""
    with pytest.raises(ValidationError, match="worker_count"):
        validate_config(prepare_config({**described, "worker_count": 3}))


def test_commands_are_whole_shell_commands(described):
    """Every command is whole for bash: YAML cut none short at a # or a quote."""
    for command in _commands(described):
        done = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command


def test_only_a_token_lets_in(described):
    """Every node starts with token authentication on, holds the token file, and the dashboard stays on the head."""
    starts = [command for command in _commands(described) if "ray start" in command]
    assert len(starts) == 2
    assert all("RAY_AUTH_MODE=token ray start" in command for command in starts)
    assert described["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in described["setup_commands"]
    (head,) = (command for command in starts if "--head" in command)
    assert "--dashboard-host=127.0.0.1" in head
    assert "--disable-usage-stats" in head


def test_every_machine_on_premises_is_started(root):
    """Ray's second autoscaler counts the head as a worker and leaves a machine out: the first one starts them all."""
    described = yaml.safe_load((root / "examples" / "cluster-on-premises.yaml").read_text())
    assert "RAY_enable_autoscaler_v2=0" in described["head_start_ray_commands"][-1]


def test_a_machine_that_was_cut_off_is_given_up(described, tmp_path):
    """The shell that starts the head has the health checks that were measured, after setting up once or again."""
    writing = [command for command in described["setup_commands"] if "regfleet-env" in command]
    script = "\n".join([*writing, *writing, ". ~/.bashrc", "env"])
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    seen = subprocess.run(["bash", "-c", script], env=home, capture_output=True, text=True, check=True).stdout
    assert dict(line.split("=") for line in seen.splitlines() if line.startswith("RAY_health")) == HEALTH
    assert (tmp_path / ".regfleet-env").read_text().count("RAY_health_check_period_ms") == 1
    closed = {name: value for name, value in STARTING_ENVIRONMENT.items() if "metric" in name.lower()}
    assert len(closed) == 3
    assert closed.items() <= dict(line.split("=", 1) for line in seen.splitlines() if "=" in line).items()


def test_setup_installs_this_checkout(described):
    """Every node installs the checkout that is copied to it, with the pins of continuous integration."""
    assert described["file_mounts"]["~/regfleet"] == "."
    (install,) = (command for command in described["setup_commands"] if "pip install" in command)
    assert install.startswith("cd ~/regfleet && python -m pip install")
    assert install.endswith("-c constraints.txt")


def test_cloud_workers_start_from_zero(root):
    """CPU and GPU workers come when they are wanted: none runs, or is paid for, before."""
    described = yaml.safe_load((root / "cluster.yaml").read_text())
    types = dict(described["available_node_types"])
    head = types.pop(described["head_node_type"])
    assert head["resources"] == {"CPU": 0}
    assert all(worker["min_workers"] == 0 < worker["max_workers"] for worker in types.values())
    assert sorted("GPU" in worker["resources"] for worker in types.values()) == [False, True]
    assert sum(worker["max_workers"] for worker in types.values()) == described["max_workers"]


@pytest.fixture
def job(root):
    """The RayJob for Kubernetes as it is written."""
    return yaml.safe_load((root / "examples" / "rayjob.yaml").read_text())


def test_the_rayjob_has_the_fields_of_its_kind(job):
    """What KubeRay's RayJob requires is there, under the names that it knows."""
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(job["spec"]) == {
        "entrypoint",
        "runtimeEnvYAML",
        "backoffLimit",
        "shutdownAfterJobFinishes",
        "ttlSecondsAfterFinished",
        "rayClusterSpec",
    }
    groups = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert all(group["minReplicas"] == group["replicas"] == 0 < group["maxReplicas"] for group in groups)
    pods = [group["template"]["spec"] for group in (job["spec"]["rayClusterSpec"]["headGroupSpec"], *groups)]
    containers = [container for pod in pods for container in pod["containers"]]
    assert [container["name"] for container in containers] == ["ray-head", "ray-worker"]
    assert len({container["image"] for container in containers}) == 1
    assert all("memory" in container["resources"]["requests"] for container in containers)


def test_the_rayjob_runs_a_command_that_exists(job):
    """Its entrypoint is a compare that this command line accepts, with results in storage."""
    program, command, *arguments = shlex.split(job["spec"]["entrypoint"])
    given = built(compare, command).make_context(command, arguments).params
    assert (program, command) == ("regfleet", "compare")
    assert str(given["out"]).startswith("s3:/")


def test_the_rayjob_takes_the_ray_that_is_installed_and_its_environment_is_valid(job):
    """Its Ray is the version that continuous integration pins, and Ray accepts its runtime environment."""
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == metadata.version("ray")
    environment = RuntimeEnv(**yaml.safe_load(job["spec"]["runtimeEnvYAML"]))
    assert environment.env_vars() == {"RAY_JOB_STOP_WAIT_TIME_S": "60"}


def test_the_rayjob_holds_no_secret(job):
    """The token and the storage's keys are named, not written; without the token nobody gets in."""
    assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token", "secretName": "regfleet-token"}
    (head,) = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    assert head["envFrom"] == [{"secretRef": {"name": "regfleet-storage"}}]
    assert {one["name"]: one["value"] for one in head["env"]} == HEALTH
