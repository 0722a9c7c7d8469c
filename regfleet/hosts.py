"""HOST:PORT as people write it, checked before anything is sent there."""

import re

from regfleet.errors import InputError
from regfleet.text import printable

_PORT = re.compile(r"[0-9]{1,5}")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?")
_V6 = re.compile(r"\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]")


def host_and_port(text: str) -> tuple[str, int]:
    """The host, of IPv6 without its brackets, and the port of ``HOST:PORT``; raises InputError for any other text."""
    host, _, port = text.rpartition(":")
    inside = _V6.fullmatch(host)
    if not (inside or _NAME.fullmatch(host)) or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise InputError(f"--address: expected HOST:PORT; got {printable(repr(text))}")
    if inside and not _is_v6(inside[1].partition("%")[0]):
        raise InputError(f"--address: expected HOST:PORT with an address of IPv6 in brackets; got {text!r}")
    return (inside[1] if inside else host), int(port)


def _is_v6(text: str) -> bool:
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
