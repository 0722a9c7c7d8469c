"""Answers of a job server: damaged, hostile, of another kind, slow, or with other status codes."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from typing import TYPE_CHECKING, Any

import ray.job_submission  # noqa: F401 - imported once, for every process
from hostile import NAMES, mutated, other_values

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from harness import Case

VERSION = {"version": "4", "ray_version": metadata.version("ray"), "ray_commit": "x", "session_name": "x"}
SECONDS = 45
"""Ray's own client asks a few times, each answer is promised within seconds."""


def prepare(folder: Path) -> None:
    """Nothing is needed."""
    folder.mkdir()


def _job(draw: Random) -> dict[str, Any]:
    name = draw.choice(NAMES) if draw.random() < 0.5 else "job-1"
    return {
        "type": "SUBMISSION", "job_id": None, "submission_id": name, "driver_info": None,
        "status": draw.choice(("SUCCEEDED", "FAILED", "STOPPED", "RUNNING")), "entrypoint": draw.choice(NAMES),
        "message": draw.choice(NAMES), "error_type": None, "start_time": 1_700_000_000_000,
        "end_time": 1_700_000_001_000,
        "metadata": {"regfleet": draw.choice(NAMES)}, "runtime_env": {}, "driver_agent_http_address": None,
        "driver_node_id": None, "driver_exit_code": draw.choice((None, 0, 1, -9, 77, 2**40)),
    }  # fmt: skip


class Server(BaseHTTPRequestHandler):
    """Answers as the random stream of the case says."""

    draw: Random
    odd: float

    def do_GET(self) -> None:
        """Answer."""
        if "Upgrade" in self.headers:
            self._log()
            return
        path = self.path.partition("?")[0].rstrip("/")
        answer: Any = VERSION if path.endswith("version") else _job(self.draw)
        if path.endswith("/api/jobs"):
            answer = [_job(self.draw) for _ in range(3)]
        elif path.endswith("stop"):
            answer = {"stopped": True}
        self._send(answer)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library's names

    def _send(self, answer: Any) -> None:
        draw, status, body = self.draw, 200, json.dumps(answer).encode()
        if draw.random() < self.odd:
            way = draw.random()
            if way < 0.5:
                body = json.dumps(other_values(draw, answer)).encode()
            elif way < 0.75:
                body = mutated(draw, body)
            elif way < 0.95:
                status = draw.choice((401, 403, 404, 500, 302, 204, 999))
            else:
                status = 0
        self.send_response(status or 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Location", "http://127.0.0.1:9/") if status == 302 else None
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            self.wfile.write(bytes([byte]))
            if not status:
                time.sleep(1)  # it drips

    def _log(self) -> None:
        """Send a job's log through a web socket."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())  # noqa: S324
        self.end_headers()
        lines = [
            *self.draw.sample(NAMES, 5),
            f"regfleet-results begin {'0' * 64}",
            "regfleet-results AAAA",
            "regfleet-results end",
        ]
        text = "\n".join(lines[: self.draw.choice((5, 8))]).encode("utf-8", "replace")
        if self.draw.random() < self.odd:
            text = mutated(self.draw, text)
        kind = self.draw.choice((0x81, 0x81, 0x81, 0x82))
        self.wfile.write(bytes([kind, 126]) + struct.pack(">H", min(len(text), 65535)) + text[:65535] + b"\x88\x00")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    """A server that keeps the mistakes of its clients to itself."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


def play(case: Case) -> None:
    """Ask the server for its jobs, for one, to stop one, or to run one."""
    draw = case.draw
    kind = type(
        "Playing", (Server,), {"draw": draw, "odd": draw.choice((0.0, 0.2, 1.0)), "protocol_version": "HTTP/1.1"}
    )
    with Quiet(("127.0.0.1", 0), kind) as server:
        at = ("--address", f"http://127.0.0.1:{server.server_port}")
        command = draw.choice(
            (("jobs",), ("jobs",), ("jobs", "job-1"), ("jobs", "job-1"), ("stop", "job-1"), ("submit",))
        )
        line = (*command, *at, *(("--", "compare", "--seeds", "2") if command == ("submit",) else ()))
        serve = threading.Thread(target=server.serve_forever, daemon=True)
        ended = case.command(*line, before=serve.start, seconds=SECONDS)
    # Following a job ends with the job's own exit code, whatever that is.
    if ended.code not in {0, 1, 2, 3} and command[0] == "jobs" and len(command) == 2:
        case.findings = [one for one in case.findings if not one[0].startswith("exit code")]
