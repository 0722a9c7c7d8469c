"""A Jobs API that is not what it should be: each is told in a line, in time, and gets no token that is not its own.

Whoever drips or floods does so until he is left: that a call comes back at all shows that it has an end of its own.
"""

import itertools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Event, Thread

import pytest

from regfleet import patience
from regfleet.errors import FleetError, InputError, RegfleetError
from regfleet.jobs import Answer, Jobs, ask, client, details, every, follow, http, start, stop

TOKEN = "d4" * 32
JOB = {"type": "SUBMISSION", "submission_id": "a", "status": "RUNNING", "entrypoint": "x"}


def answer(body, status="200 OK", *headers):
    """The bytes of an HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Server:
    """Listens on a port, keeps what it is asked, and answers each time as ``script`` says: bytes, at once or slowly."""

    def __init__(self, script):
        self._script, self._over = script, Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.asked = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with suppress(OSError):
            while True:
                taken, _ = self._listening.accept()
                Thread(target=self._answer, args=(taken,), daemon=True).start()

    def _answer(self, taken):
        with taken, suppress(OSError):
            question = taken.recv(65536).decode(errors="replace")
            self.asked.append(question)
            said = self._script(question)
            for piece in [said] if isinstance(said, bytes) else said:
                if self._over.is_set():
                    return
                taken.sendall(piece)

    def close(self):
        """Take no more, and end what is being said."""
        self._over.set()
        self._listening.close()


@pytest.fixture
def serving(monkeypatch):
    """A function from a script to a server, and the token in the environment."""
    servers = []
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)

    def start_one(script):
        servers.append(Server(script))
        return servers[-1]

    yield start_one
    for server in servers:
        server.close()


@pytest.fixture
def hurried(monkeypatch):
    """The times to wait are short, and long enough for what is answered at once."""
    monkeypatch.setattr(patience, "SECONDS", replace(patience.SECONDS, connect=1.0, jobs=1.0, megabyte=0.0))


def drip(first):
    """Something that goes on, a byte at a time, for longer than anybody should wait."""
    yield first
    for byte in itertools.repeat(b"x"):
        time.sleep(0.05)
        yield byte


def flood(first):
    """More than anybody should read, as fast as it goes."""
    yield first
    yield from itertools.repeat(bytes(1 << 20))


HOSTILE = {
    "silent": lambda _: drip(b""),
    "dripping status": lambda _: drip(b"HTTP/1.1 2"),
    "dripping head": lambda _: drip(b"HTTP/1.1 200 OK\r\nX: "),
    "dripping body": lambda _: drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"),
    "endless": lambda _: flood(b"HTTP/1.1 200 OK\r\n\r\n"),
    "endless head": lambda _: flood(b"HTTP/1.1 200 OK\r\nX: "),
    "no HTTP": lambda _: b"\x16\x03\x01\0\0\x1b[2J",
    "empty": lambda _: answer(b""),
    "no JSON": lambda _: answer(b"\x1b]0;owned\x07"),
    "deep JSON": lambda _: answer(b"[" * 100_000),
    "long number": lambda _: answer(b"9" * 10_000),
    "another thing": lambda _: answer({"ray": 1}),
    "a list": lambda _: answer([]),
    "an error": lambda _: answer({"x": "\x1b[2J"}, "500 \x1b[2J"),
    "packed": lambda _: answer(b"\x1f\x8b\x08" + bytes(50), "200 OK", "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.usefixtures("hurried")
def test_whoever_answers_otherwise_is_told_in_a_line(serving, monkeypatch, how):
    """Its silence, its dripping, its flood, its garbage: one line without what a terminal obeys."""
    monkeypatch.setattr(http, "MOST_BYTES", 20_000_000)
    with pytest.raises(RegfleetError) as told:
        ask(serving(HOSTILE[how]).url)
    assert str(told.value).isprintable()
    assert str(told.value).startswith("--address: expected")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed(serving, status):
    """Not with a token, nor without: the server that is pointed at hears nothing, and the line names it."""
    other = serving(lambda _: answer({"ray_version": "2.0"}))

    def script(question):
        if TOKEN in question:
            return answer(b"", status, f"Location: {other.url}/api/version")
        return answer(b"", "401 Unauthorized")

    with pytest.raises(FleetError, match=f"redirect from .* to {other.url}"):
        ask(serving(script).url)
    assert other.asked == []


def jobs_api(replies):
    """A script that is a Jobs API, but for some of its answers: what a path holds → bytes."""

    def script(question):
        line = question.partition("\r\n")[0]
        said = next((said for part, said in replies.items() if part in line), None)
        return said or answer({"ray_version": "2.60.0", "version": "4"})

    return script


USES = {
    "list": every,
    "follow": lambda jobs: follow(jobs, "a", print),
    "stop": lambda jobs: stop(jobs, "a"),
    "details": lambda jobs: details(jobs, "a"),
}
WRONG = {
    "no JSON": b"<html>\x1b[2J",
    "a number": b"7",
    "a list of numbers": b"[7]",
    "deep": b"[" * 100_000,
    "another status": json.dumps([JOB | {"status": "\x1b[2J"}]).encode(),
    "an early end": b'{"type": ',
}
STATUSES = ("204 No Content", "400 \x1b[2J", "401 Unauthorized", "403 Forbidden", "500 Error", "999 What")


@pytest.mark.parametrize("use", ["list", "follow", "stop", "details"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_answer_ends_in_a_line(serving, use, wrong):
    """After a right beginning, too: whatever is asked of jobs is told in a line when the answer is none."""
    jobs = Jobs(Answer(serving(jobs_api({"/api/jobs": answer(WRONG[wrong])})).url, TOKEN, "2.60.0"))
    with pytest.raises((FleetError, InputError)) as told:
        USES[use](jobs)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("use", ["list", "follow", "stop", "details"])
@pytest.mark.parametrize("status", STATUSES)
def test_an_error_ends_in_a_line(serving, use, status):
    """Whatever status a head answers with, and whatever it says besides."""
    said = answer(b"\x1b[2J\n404 it says\n" * 100, status)
    jobs = Jobs(Answer(serving(jobs_api({"/api/jobs": said})).url, TOKEN, "2.60.0"))
    with pytest.raises((FleetError, InputError)) as told:
        USES[use](jobs)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("status", STATUSES)
def test_a_head_that_changes_its_mind_is_told_in_a_line(serving, status):
    """Between the first question and the client of Ray's, which asks the same."""
    with pytest.raises(FleetError) as told:
        Jobs(Answer(serving(lambda _: answer(b"x", status)).url, TOKEN, "2.60.0"))
    assert str(told.value).isprintable()


@pytest.mark.parametrize("use", ["list", "follow", "stop", "details"])
@pytest.mark.parametrize("how", ["dripping head", "dripping body", "redirect"])
@pytest.mark.usefixtures("hurried")
def test_later_questions_have_an_end_too(serving, use, how):
    """A head that drips, or leads elsewhere, once it knows the token: Ray's own client would wait, and go there."""
    other = serving(lambda _: answer([]))
    said = answer(b"", "307 Moved", f"Location: {other.url}/api/jobs/") if how == "redirect" else HOSTILE[how]("")
    jobs = Jobs(Answer(serving(jobs_api({"/api/jobs": said})).url, TOKEN, "2.60.0"))
    with pytest.raises(FleetError):
        USES[use](jobs)
    assert other.asked == []


@pytest.mark.parametrize("how", ["dripping head", "redirect", "no socket"])
@pytest.mark.usefixtures("hurried")
def test_a_log_begins_or_has_an_end(serving, how):
    """The log comes by another protocol, which has a beginning with an end, and follows no redirect either."""
    other = serving(lambda _: answer(b""))
    said = {
        "dripping head": drip(b"HTTP/1.1 101 Switching\r\nX: "),
        "redirect": answer(b"", "302 Found", f"Location: {other.url}/"),
        "no socket": answer({}),
    }[how]
    api = jobs_api({"/logs/tail": said, "/api/jobs/a ": answer(JOB)})
    jobs = Jobs(Answer(serving(api).url, TOKEN, "2.60.0"))
    # In a thread of its own: a browser of other tests may have left this one with a loop that runs.
    with ThreadPoolExecutor(1) as apart, pytest.raises(FleetError, match=r"was lost|redirect"):
        apart.submit(follow, jobs, "a", print).result()
    assert other.asked == []


def test_the_jobs_of_others_are_shown_and_not_obeyed(serving):
    """Ids and commands of whoever else uses the cluster are made visible; times that no clock shows do no harm."""
    others = [
        JOB | {"submission_id": "\x1b[2Jmine\u202e", "entrypoint": "\x1b]0;owned\x07", "start_time": 10**4000},
        JOB | {"metadata": {"regfleet": "regfleet compare \x9b2J\udcff"}, "start_time": -5, "end_time": 10**300},
    ]
    body = json.dumps(others).encode()
    jobs = every(Jobs(Answer(serving(jobs_api({"/api/jobs": answer(body)})).url, TOKEN, "2.60.0")))
    assert [job["id"] for job in jobs] == ["\\x1b[2Jmine\\u202e", "a"]
    assert [job["command"] for job in jobs] == ["\\x1b]0;owned\\x07", "regfleet compare \\x9b2J\\udcff"]
    assert all(0 <= job["started"] < 1e13 for job in jobs)


@pytest.mark.usefixtures("hurried")
def test_an_upload_has_an_end(serving, tmp_path):
    """A head that takes the files of a job and drips its thanks is given up, by the size of what was sent."""
    (tmp_path / "a.csv").write_text("x")
    replies = {"GET /api/packages": answer(b"", "404 Not Found"), "PUT /api/packages": HOSTILE["dripping body"]("")}
    jobs = Jobs(Answer(serving(jobs_api(replies)).url, TOKEN, "2.60.0"))
    with pytest.raises(FleetError, match="answers within"):
        start(jobs, "a", "x", tmp_path, {}, {})


def test_a_name_that_is_always_taken_has_an_end(serving, monkeypatch, tmp_path):
    """A head that says of every job that there is one, and that it has ended, is not asked for ever."""
    monkeypatch.setattr(client, "MOST_BEFORE", 3)
    taken, ended = answer(b"x already exists", "500 Error"), answer(JOB | {"status": "FAILED"})
    api = jobs_api({"POST /api/jobs": taken, "/api/jobs/": ended})
    server = serving(api)
    with pytest.raises(FleetError, match="of which 3 have ended"):
        start(Jobs(Answer(server.url, TOKEN, "2.60.0")), "a", "x", tmp_path, {}, {})


@pytest.mark.parametrize(
    "address",
    [
        "[x:1", "http://[x:1", "[::1", "http://[::1]:x", "[::g]:1", "::1:8265", "127.0.0.1:0", "127.0.0.1:65536",
        "127.0.0.1:٦٣٧٩", "127.0.0.1:-1", "127.0.0.1:1e3", ":8265", "http://", "http://:8265", "http:///x", "//x:1",
        "ftp://x:1", "file:///etc/passwd", "x", "", " ", "a b:1", "a\nb:1", "a\0b:1", "\x1b[2J:1", "ü:1",
        "http://user:hunter2@x:1", "http://x:1?token=hunter2", "http://x:1#f", "http://x:1:2", "http://x:99999",
        "http://[fe80::1%25e]:x", "x:1/\u202e", "-x:1", "%00:1", "http://x\\y:1", "http://x:1 http://y:1",
        "x" * 3000, "a..b:1\r\nX: y",
    ],
)  # fmt: skip
def test_a_malformed_address_is_told_in_a_line(address):
    """At once, without asking anybody, whatever is in it, and without the password that it may hold."""
    with pytest.raises(InputError) as told:
        ask(address)
    assert str(told.value).isprintable()
    assert str(told.value).startswith("--address: expected http://HOST:PORT")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    "address", ["http://[::1]:1", "[::1]:1", "127.0.0.1:1", "http://localhost:1/", "https://127.0.0.1:1/ray"]
)
def test_a_right_address_is_asked(address):
    """IPv6 in brackets, a name, a path before the API: nobody is there, which is another line."""
    with pytest.raises(FleetError, match="answers within"):
        ask(address)
