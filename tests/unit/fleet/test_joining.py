"""Addresses that cannot be those of a head."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Thread

import grpc
import pytest

from regfleet import patience
from regfleet.errors import InputError
from regfleet.fleet import check_address


@pytest.fixture
def hurried(monkeypatch):
    """A head answers soon, or never."""
    monkeypatch.setattr(patience, "SECONDS", replace(patience.SECONDS, connect=0.5))


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("ray://localhost:10001", "as Ray Client loses results"),
        ("localhost", "expected HOST:PORT; got 'localhost'"),
        ("localhost:x", "expected HOST:PORT; got 'localhost:x'"),
        ("127.0.0.1:1", "expected a Ray head that answers within 0.5 s"),
        ("[x:1", "expected HOST:PORT; got '[x:1'"),
        ("http://127.0.0.1:8265", "expected HOST:PORT; got 'http://127.0.0.1:8265'"),
        ("\x1b[2J:1", "expected HOST:PORT"),
        ("127.0.0.1:٦", "expected HOST:PORT"),
    ],
)
@pytest.mark.usefixtures("hurried")
def test_an_address_that_cannot_be_a_head_is_refused(address, complaint):
    """The wrong form and a port nobody listens on are told in a line, at once."""
    with pytest.raises(InputError) as caught:
        check_address(address)
    assert complaint in str(caught.value)


def test_another_server_is_no_head():
    """One that speaks gRPC and knows no such question, as Ray's other ports: Ray itself would try for minutes."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(
            InputError, match=r"expected the port of a Ray head.*another server answers \(unimplemented\)"
        ):
            check_address(f"127.0.0.1:{port}")
    finally:
        server.stop(None)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 100_000], ids=["nothing", "HTTP", "zeros"])
@pytest.mark.usefixtures("hurried")
def test_who_speaks_otherwise_is_no_head(said):
    """Whoever says nothing more, or something else, and never hangs up, is given up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            taken = []
            with suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])
                    taken[-1].sendall(said)

        Thread(target=serve, daemon=True).start()
        with pytest.raises(InputError, match="expected a Ray head that answers"):
            check_address(f"127.0.0.1:{listening.getsockname()[1]}")
