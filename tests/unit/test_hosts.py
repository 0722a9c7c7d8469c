"""HOST:PORT as it is written by people, and by whoever wants something else."""

import pytest

from regfleet.errors import InputError
from regfleet.hosts import host_and_port


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:6379", "127.0.0.1", 6379),
        ("head.example.com:1", "head.example.com", 1),
        ("node_3:65535", "node_3", 65535),
        ("[::1]:6379", "::1", 6379),
        ("[fe80::1%eth0]:6379", "fe80::1%eth0", 6379),
    ],
)
def test_an_address_is_a_host_and_a_port(text, host, port):
    """A name, an address of IPv4, one of IPv6 in brackets."""
    assert host_and_port(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "x", "x:", ":1", "x:0", "x:65536", "x:-1", "x:1e3", "x:+1", "x: 1", "x:1 ", "x:1\n", "x:٣", "x:¹"),
        *("[x:1", "x]:1", "[]:1", "[x]:1", "[::1]", "[::1]1", "::1:1", "[1:2:3:4:5:6:7:8:9]:1", "[127.0.0.1]:1"),
        *("a b:1", "a\0b:1", "a\nb:1", "\x1b[2J:1", "ü:1", "a/b:1", "a@b:1", "a\\b:1", "-a:1", "a" * 300 + ":1"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_a_line(text):
    """A port that is none, brackets that do not close, and signs that no name of a host has."""
    with pytest.raises(InputError, match="--address: expected HOST:PORT") as told:
        host_and_port(text)
    assert str(told.value).isprintable()
