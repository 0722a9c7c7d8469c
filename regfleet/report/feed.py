"""The Atom feed of a site (RFC 4287): an entry per report, the newest first."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from regfleet.errors import InputError
from regfleet.text import bounded, given, masked, printable

FILE = "feed.xml"
MOST = 50
"""Entries: a reader that looks once a month misses none of those of a night."""
_ATOM = "http://www.w3.org/2005/Atom"
_NEVER = "1970-01-01T00:00:00Z"
"""When a feed without an entry was updated, for it must say so."""


@dataclass(frozen=True, slots=True)
class News:
    """A report: its ``folder``, when its run ``finished`` in UTC, and what it says.

    ``origin`` tells the runs apart whose reports lay in the same folder one after the other.
    """

    folder: str
    origin: str
    finished: str
    title: str
    summary: str


def address(text: str) -> str:
    """The address of a site, with a slash behind it; raises InputError for what is none."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = None, None
    plain = text == printable(text, keep="") and not set(text) & set(" <>\"\\^`{|}?#'")
    if not plain or parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        words = "expected the address of the site, such as https://reports.example/models/"
        raise InputError(f"--base-url: {words}; got {given(masked(text))}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}/"


def feed(base: str, news: Iterable[News]) -> bytes:
    """The feed of the site at ``base``; a report whose time is not known has no place in it.

    The name of an entry holds neither the address nor the time of a run: it stays when a site moves or a run goes on.
    """
    newest = sorted((one for one in news if one.finished), key=lambda one: one.folder)
    newest.sort(key=lambda one: one.finished, reverse=True)
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed")
    _add(root, "title", "Regularization reports")
    _add(root, "id", base)
    _add(root, "updated", newest[0].finished if newest else _NEVER)
    _add(root, "link", rel="self", type="application/atom+xml", href=f"{base}{FILE}")
    _add(root, "link", rel="alternate", type="text/html", href=base)
    _add(_add(root, "author"), "name", "regfleet")
    _add(root, "generator", "regfleet")
    for one in newest[:MOST]:
        entry = _add(root, "entry")
        _add(entry, "title", bounded(one.title, 500))
        _add(entry, "id", f"urn:uuid:{uuid5(NAMESPACE_URL, f'{one.folder} {one.origin}')}")
        _add(entry, "updated", one.finished)
        _add(entry, "link", rel="alternate", type="text/html", href=f"{base}{one.folder}/report.html")
        _add(entry, "summary", bounded(one.summary, 5_000))
    ET.indent(root, " ")
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    child.text = text
    return child
