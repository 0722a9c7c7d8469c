"""`regfleet doctor`: what works, and what to do about what does not."""

import json
import secrets
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from regfleet.running import machine as doctor
from regfleet.running.machine import Finding


@pytest.fixture
def jobs_api():
    """A function that starts a server which answers as a head's dashboard does: open, or with a token."""
    servers = []

    def start(token):
        class Answering(BaseHTTPRequestHandler):
            def do_GET(self):
                given = self.headers.get("Authorization")
                refused = (401 if given is None else 403) if token and given != f"Bearer {token}" else 200
                self.send_response(refused)
                self.end_headers()
                self.wfile.write(json.dumps({"ray_version": "2.0.0"}).encode())

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Answering)
        servers.append(server)
        Thread(target=server.serve_forever).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_place_that_cannot_be_written_is_bad():
    """The kernel's own file system takes no file, not even from root."""
    found = doctor.disk("/proc/results")
    assert (found.state, found.name) == ("bad", "Results")
    assert "--out" in found.advice


def test_a_results_directory_to_come_is_looked_for_upwards(tmp_path):
    """The folder that would hold it counts, and nothing is left there."""
    assert doctor.disk(str(tmp_path / "a" / "b")).state == "good"
    assert list(tmp_path.iterdir()) == []


def test_shared_memory_that_is_missing_is_a_note(tmp_path):
    """Ray does without, so a study does not fail for it."""
    assert doctor.shared_memory(tmp_path / "nothing").state == "note"


def test_a_cluster_without_a_token_is_a_note(jobs_api):
    """A head that lets anybody in works, with a warning; and another Ray version is named."""
    found = doctor.cluster(jobs_api(None))
    assert found.state == "note"
    assert "no token" in found.advice
    assert "2.0.0" in found.advice


@pytest.mark.parametrize(("given", "words"), [(None, "expected a token; got none"), ("x", "expected another token")])
def test_a_refused_token_is_bad(jobs_api, monkeypatch, tmp_path, given, words):
    """A head that wants a token is said to, and one that wants another: each says where to put it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    if given:
        monkeypatch.setenv("RAY_AUTH_TOKEN", given)
    found = doctor.cluster(jobs_api(secrets.token_hex(8)))
    assert found.state == "bad"
    assert words in found.found
    assert "RAY_AUTH_TOKEN" in found.found


def test_the_token_is_shown_to_those_who_ask_only(jobs_api, monkeypatch):
    """A head that asks for the token gets it, and is good but for its version; one that does not never sees it."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    assert "no token" not in doctor.cluster(jobs_api("mine")).advice
    assert "no token" in doctor.cluster(jobs_api(None)).advice


@pytest.mark.parametrize("address", ["ray://head:10001", "nonsense", "127.0.0.1:1", "http://127.0.0.1:1"])
def test_an_address_where_no_head_is_is_bad(address):
    """Refused in seconds, in one line that shows the address."""
    found = doctor.cluster(address)
    assert (found.state, "\n" in found.found) == ("bad", False)
    assert address in found.found


@pytest.mark.parametrize(
    ("socket", "state"),
    [
        (("127.0.0.1", 1, "driver", "what trials need", "asks for a token", True), "good"),
        (("/tmp/a/b/raylet", 0, "raylet", "for this", "in a private folder", True), "good"),
        (("0.0.0.0", 1, "driver", "what trials need", "asks for a token", False), "note"),
        (("127.0.0.1", 1, "monitor.py", "", "asks for a token", True), "note"),
        (("127.0.0.1", 1, "driver", "what trials need", "answers without a token", True), "note"),
        (("/tmp/a/b/raylet", 0, "raylet", "for this", "in a folder of others", True), "note"),
    ],
)
def test_a_socket_that_is_open_or_not_known_is_a_note(socket, state):
    """On another address, of a process that nobody expects, without a token, in a folder of others; each is listed."""
    found = doctor.sockets([socket])
    assert (found.state, len(found.each)) == (state, 1)
    assert bool(found.advice) == (state == "note")


def test_a_socket_that_does_not_answer_is_counted():
    """Nobody heard from it that it asks for a token."""
    listed = [("127.0.0.1", port, "driver", "what trials need", "asks for a token", True) for port in (1, 2)]
    assert doctor.sockets(listed).found.endswith("asks for its token")
    listed += [("127.0.0.1", 3, "driver", "what trials need", "does not answer", True)]
    assert doctor.sockets(listed).found.endswith("asks for its token; 1 did not answer")


def test_gpus_that_tensorflow_does_not_use_are_a_note(monkeypatch):
    """A GPU without CUDA for TensorFlow, or hidden, is said with the remedy of each; none at all is fine."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "regfleet[gpu]" in doctor.gpu(["A100"], {"gpus": 0}).advice
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES" in doctor.gpu(["A100"], {"gpus": 0}).advice
    assert doctor.gpu(["A100", "A100"], {"gpus": 2}) == Finding("GPU", "good", "2 here (A100), TensorFlow uses 2")
    assert doctor.gpu([], {}).state == "good"


def test_gpus_are_counted_by_the_driver(monkeypatch, tmp_path):
    """What nvidia-smi lists is here; a PATH without it lists none."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Tesla T4'\necho 'Tesla T4'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.gpus_here() == ["Tesla T4", "Tesla T4"]
    program.unlink()
    assert doctor.gpus_here() == []
