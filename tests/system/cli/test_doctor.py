"""`regfleet doctor`: what works, and what to do about what was really broken."""

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[3])


def test_a_machine_that_works_is_said_to(run, tmp_path):
    """Where studies run, nothing fails, TensorFlow and Ray have been started, and the exit code is 0."""
    done = run("doctor", "--json", "--out", "results", cwd=tmp_path)
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert list(found) == [
        "Python",
        "Memory",
        "Shared memory",
        "Results",
        "Ports",
        "Ray",
        "Sockets",
        "TensorFlow",
        "GPU",
    ]
    assert found["Sockets"]["state"] == "good"
    assert {row[3] for row in found["Sockets"]["each"]} == {"asks for a token", "in a private folder"}
    import ray

    assert found["Ray"]["found"].startswith(ray.__version__)
    assert "ready in" in found["TensorFlow"]["found"]
    assert list(tmp_path.iterdir()) == []


def test_what_fails_is_said_with_what_to_do(run, tmp_path):
    """A TensorFlow that cannot be imported and a head that is not there fail, each with a remedy, and exit code 3."""
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libnothing.so is missing')")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        done = run("doctor", "--address", f"http://127.0.0.1:{port}", cwd=tmp_path)
    assert done.returncode == 3
    words = " ".join(done.stdout.replace("│", " ").split())
    assert "✘ fails TensorFlow ImportError: libnothing.so is missing → install regfleet again" in words
    assert "✘ fails Cluster" in words
    assert "✔ works Ray" in words


def test_a_full_disk_is_bad(tmp_path):
    """Where the write itself fails, as on a full disk, that is found: the file's size is limited to 1 kB here."""
    code = f"from regfleet.running.machine import disk; print(disk({str(tmp_path)!r}).state)"

    def limit():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, preexec_fn=limit)
    assert done.stdout == "bad\n"
