"""The cluster descriptions: Ray accepts them, they grow from nothing, and only a token lets anyone in."""

import subprocess

import pytest
import yaml
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

FILES = ("cluster.yaml", "examples/cluster-on-premises.yaml")


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
