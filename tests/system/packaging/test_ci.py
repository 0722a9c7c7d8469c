"""What README promises is what continuous integration runs."""

import os
import re
import subprocess

import pytest


@pytest.fixture
def script(root):
    """The text of .ci/run."""
    return (root / ".ci" / "run").read_text()


def test_ci_runs_the_readme_command(script, root):
    """.ci/run holds README's second command, the one that passes the tests, word for word."""
    _, second, *_ = re.findall(r"^```sh\n(.+?)\n```", (root / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert second.endswith("python -m pytest tests/unit tests/system")
    assert second in [line.strip() for line in script.splitlines()]


def _verdict(script, tmp_path, summary):
    (check,) = re.findall(r"^if grep .*?^fi$", script, re.DOTALL | re.MULTILINE)
    log = tmp_path / "log"
    log.write_text(f"collected 5 items\n{summary}\n")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", check], env={**os.environ, "log": str(log)}, capture_output=True, check=False
    )
    return done.returncode


@pytest.mark.parametrize("word", ["1 skipped", "2 deselected", "1 xfailed", "1 xpassed"])
def test_ci_fails_when_a_test_did_not_run(script, tmp_path, word):
    """A test that was skipped, deselected or expected to fail fails the whole run."""
    assert _verdict(script, tmp_path, f"======= 4 passed, {word} in 3.21s =======") == 1


def test_ci_passes_when_every_test_ran(script, tmp_path):
    """A run in which every test passed goes through, however long it took."""
    assert _verdict(script, tmp_path, "======= 5 passed in 613.20s (0:10:13) =======") == 0
