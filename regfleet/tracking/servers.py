"""Whether a server is there, before a tracker's own package asks it again and again."""

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

from regfleet import patience

_PORTS = {"http": 80, "https": 443}


def refuse_silence(url: str) -> None:
    """Raise OSError where nobody takes a connection at the URL; behind a proxy nothing is tried."""
    place = urlsplit(url)
    if place.scheme in _PORTS and place.scheme not in getproxies():
        address = place.hostname or "", place.port or _PORTS[place.scheme]
        socket.create_connection(address, timeout=patience.SECONDS.connect).close()
