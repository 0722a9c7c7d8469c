"""What Ray does not promise is as it is expected; a release that changes it says so here."""

import importlib
import inspect
import os
import subprocess
import sys

import pytest
import ray

from regfleet.borrowed import ray as borrowed

RELEASE = f"Ray {ray.__version__}"
ASK = """
import sys
from ray._raylet import AuthenticationTokenLoader
try:
    print(AuthenticationTokenLoader.instance().get_raw_token(), end="")
except Exception as problem:
    print(end="")
"""


@pytest.mark.parametrize(
    ("variable", "named", "at_home"),
    [
        (" spaced\n", "named", "home"),
        ("", " named \n", "home"),
        (None, None, " home\n"),
        (None, None, None),
        ("  ", "named", "home"),
        (None, "\n", "home"),
        (None, "absent", "home"),
    ],
)
def test_our_token_is_rays(variable, named, at_home, tmp_path, monkeypatch):
    """Variable, file and home, with spaces, empty or absent: what Ray itself reads, nothing where it refuses."""
    (tmp_path / ".ray").mkdir()
    if at_home:
        (tmp_path / ".ray" / "auth_token").write_text(at_home)
    if named and named != "absent":
        (tmp_path / "token").write_text(named)
    given = {"HOME": str(tmp_path), borrowed.TOKEN: variable, borrowed.TOKEN_FILE: named and str(tmp_path / "token")}
    for name, value in given.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    environment = os.environ | {borrowed.AUTH_MODE: "token"}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert (borrowed.token() or "") == done.stdout, f"{RELEASE} reads its token by another rule"


def test_a_head_is_asked_what_it_knows():
    """The gRPC service and method of our question are in Ray's protocol."""
    from ray.core.generated import gcs_service_pb2

    _, service, method = borrowed.HEAD_QUESTION.split("/")
    services = {found.full_name: found for found in gcs_service_pb2.DESCRIPTOR.services_by_name.values()}
    assert service in services, f"{RELEASE}: {service} is gone"
    assert method in services[service].methods_by_name, f"{RELEASE}: {borrowed.HEAD_QUESTION} is gone"


def test_keepalive_has_these_names():
    """Settings that Ray reads from RAY_… of the environment."""
    from ray._raylet import Config

    for environment in (borrowed.STARTING_ENVIRONMENT, borrowed.JOINING_ENVIRONMENT):
        for name in environment:
            if name.startswith("RAY_grpc"):
                assert hasattr(Config, name.removeprefix("RAY_")), f"{RELEASE}: {name} is read no more"


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("RAY_NUM_REDIS_GET_RETRIES", "ray._private.ray_constants"),
        ("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "ray._private.accelerators.accelerator"),
        ("RAY_USAGE_STATS_ENABLED", "ray._common.usage.usage_constants"),
        (borrowed.AUTH_MODE, "ray._private.authentication.authentication_token_setup"),
        (borrowed.JOBS_ADDRESS, "ray._private.ray_constants"),
        (borrowed.STOP_SECONDS, "ray.dashboard.modules.job.job_supervisor"),
        (borrowed.JOB_EXISTS, "ray.dashboard.modules.job.job_manager"),
        ("status code {r.status_code}", "ray.dashboard.modules.dashboard_sdk"),
        (borrowed.WORKER_TITLE.decode(), "ray.autoscaler._private.constants"),
        ("Runtime env is setting up.", "ray.dashboard.modules.job.job_manager"),
        ("Running entrypoint for job {", "ray.dashboard.modules.job.job_supervisor"),
    ],
)
def test_names_and_texts_stand_where_they_stood(name, module):
    """The variables that Ray reads, and the words of its jobs, are in its code."""
    code = inspect.getsource(importlib.import_module(module))
    assert name in code, f"{RELEASE}: {module} has no {name!r} any more"


def test_rays_words_in_a_jobs_log_are_known():
    """The first line of a log repeats the command, over several lines where it has them."""
    assert borrowed.job_chatter("a", "python -m x\ny") == ["Running entrypoint for job a: python -m x", "y"]
    assert borrowed.is_setup("2026-01-01 10:00:00,000\tINFO job_manager.py:568 -- Runtime env is setting up.")
    assert not borrowed.is_setup("Runtime env is setting up. Not yet.")


def test_this_process_is_no_worker():
    """A process is known as a worker of Ray by its title; another is never ended."""
    assert not borrowed.is_worker(os.getpid())
