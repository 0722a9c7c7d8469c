"""Questions to a Jobs API: none follows a redirect, each ends when it was said to, and an answer has a size.

Ray's own client waits for ever, and a token that follows a redirect is somebody else's.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.borrowed import ray as borrowed
from regfleet.errors import FleetError
from regfleet.files import size
from regfleet.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOST_BYTES = 50_000_000
"""Of an answer: the list of a cluster's jobs is the largest."""
MESSAGE_BYTES = 4_000_000
"""Of a piece of a log; Ray sends some lines at once."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The status of an answer and its bytes."""

    status: int
    content: bytes


def request(url: str, token: str | None, method: str = "GET", *, seconds: float, **body: Any) -> Reply:
    """Ask, within so many seconds, whatever comes how slowly; ``body`` is ``json`` or ``data``.

    Raises FleetError when nothing, too much, or a redirect comes.
    """
    asked = _request(url, token, method, seconds, body)
    # In a thread of its own: a notebook has a loop that runs in this one.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, asked).result()


async def _request(url: str, token: str | None, method: str, seconds: float, body: dict[str, Any]) -> Reply:
    import aiohttp

    headers = {**borrowed.bearer(token), "Accept-Encoding": "identity"}
    within = aiohttp.ClientTimeout(total=seconds, sock_connect=patience.SECONDS.connect)
    try:
        async with (
            aiohttp.ClientSession(timeout=within, auto_decompress=False) as session,
            session.request(method, url, headers=headers, allow_redirects=False, **body) as reply,
        ):
            if 300 <= reply.status < 400:
                raise _redirected(url, reply.headers.get("Location", "elsewhere"))
            content = bytearray()
            async for block in reply.content.iter_chunked(1 << 16):
                content += block
                if len(content) > MOST_BYTES:
                    raise FleetError(
                        f"--address: expected an answer of at most {size(MOST_BYTES)}; got more from {url}"
                    )
            return Reply(reply.status, bytes(content))
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as problem:
        raise FleetError(
            f"--address: expected a Ray head that answers within {seconds:g} s; got {url} ({_why(problem)})"
        ) from None


def _why(problem: Exception) -> str:
    import aiohttp

    if isinstance(problem, TimeoutError):
        return "too late"
    words = f"no HTTP: {problem.message}" if isinstance(problem, aiohttp.ClientResponseError) else str(problem)
    return printable(one_line(words, 120), "") or type(problem).__name__


async def tail(url: str, token: str | None) -> AsyncIterator[str]:
    """The pieces of a job's log as they come, to its end; raises ConnectionError when it breaks off."""
    import aiohttp

    async def refuse(_session: object, _context: object, moved: Any) -> None:
        raise _redirected(url, moved.response.headers.get("Location", "elsewhere"))

    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(refuse)
    within = aiohttp.ClientTimeout(total=None, sock_connect=patience.SECONDS.connect)
    async with aiohttp.ClientSession(timeout=within, trace_configs=[watch]) as session:
        # A job may say nothing for hours: the beginning alone has an end.
        connecting = session.ws_connect(url, headers=borrowed.bearer(token), max_msg_size=MESSAGE_BYTES)
        async with await asyncio.wait_for(connecting, patience.SECONDS.jobs) as socket:
            async for message in socket:
                if message.type != aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"expected text; got {message.type.name}")
                yield message.data
            if socket.exception() or socket.close_code != aiohttp.WSCloseCode.OK:
                raise ConnectionError(str(socket.exception() or f"it was closed with code {socket.close_code}"))


def _redirected(url: str, where: str) -> FleetError:
    return FleetError(
        f"--address: expected an answer; got a redirect from {url} to {printable(one_line(where), '')}, which is not "
        "followed, as the token would go along: give the address itself"
    )
