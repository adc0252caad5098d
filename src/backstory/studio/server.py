"""The page's server: state goes down as events, messages come up as posts, to this machine only, with a token only."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from backstory.studio.assets import ASSETS, content
from backstory.studio.session import Session, State

MOST_BYTES = 16 << 20
"""Of a message: a table dropped on the page is the longest."""
MOST_A_SECOND = 100.0
"""Messages; a person who drags a weight sends fewer."""
MOST_AT_ONCE = 200.0
ALIVE = 15.0
"""Seconds after which a quiet stream says that it is still there."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Stream:
    """What one tab has not been told yet; a key that changes twice is told once."""

    def __init__(self) -> None:
        self.pending: State = {}
        self.changed = asyncio.Event()

    def add(self, changed: State) -> None:
        self.pending.update(changed)
        self.changed.set()

    async def events(self) -> AsyncIterator[str]:
        """Go through the events; the first holds the whole state."""
        while True:
            try:
                await asyncio.wait_for(self.changed.wait(), ALIVE)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            told, self.pending = self.pending, {}
            self.changed.clear()
            yield f"data: {json.dumps(told)}\n\n"


class Allowance:
    """How many messages may still come: so many at once, and so many a second after that."""

    def __init__(self) -> None:
        self._left, self._seen = MOST_AT_ONCE, time.monotonic()

    def take(self) -> bool:
        """Whether one more may."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._seen) * MOST_A_SECOND, MOST_AT_ONCE)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Server:
    """The application and who listens to it.

    Parameters
    ----------
    port : int
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._streams: set[Stream] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard = threading.Lock()
        self._allowance = Allowance()
        self.session = Session(self._tell)
        routes = [
            Route("/", self._guarded(self._index)),
            Route("/state", self._guarded(self._state)),
            Route("/events", self._guarded(self._events)),
            Route("/do", self._guarded(self._do), methods=["POST"]),
            Route("/assets/{name}", self._asset),
        ]
        self.app = Starlette(routes=routes)

    def _tell(self, changed: State) -> None:
        """Give changes to every tab; called from any thread."""
        with self._guard:
            streams, loop = list(self._streams), self._loop
        for stream in streams:
            if loop is not None:
                loop.call_soon_threadsafe(stream.add, changed)

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Let only requests through that come from this page."""

        async def guarded(request: Request) -> Response:
            origin = request.headers.get("origin")
            given = request.headers.get("x-token") or request.query_params.get("token") or ""
            if request.headers.get("host") not in self.hosts:
                return _refused("The Host header names another machine.", 403)
            if origin is not None and origin.removeprefix("http://") not in self.hosts:
                return _refused("The request comes from another page.", 403)
            if not secrets.compare_digest(given.encode(), self.token.encode()):
                return _refused("The token is missing or wrong; open the address that 'backstory studio' printed.", 403)
            return await answer(request)

        return guarded

    async def _index(self, request: Request) -> Response:
        return _asset("index.html")

    async def _asset(self, request: Request) -> Response:
        if request.headers.get("host") not in self.hosts or request.path_params["name"] not in ASSETS:
            return _refused("There is no such file.", 404)
        return _asset(request.path_params["name"])

    async def _state(self, request: Request) -> Response:
        return Response(json.dumps(self.session.state()), media_type="application/json", headers=HEADERS)

    async def _events(self, request: Request) -> Response:
        stream = Stream()
        with self._guard:
            self._loop = asyncio.get_running_loop()
            self._streams.add(stream)
        stream.add(self.session.state())

        async def events() -> AsyncIterator[str]:
            try:
                async for event in stream.events():
                    yield event
            finally:
                with self._guard:
                    self._streams.discard(stream)

        return StreamingResponse(events(), media_type="text/event-stream", headers=HEADERS)

    async def _do(self, request: Request) -> Response:
        if not self._allowance.take():
            return _refused(f"At most {MOST_A_SECOND:g} messages a second are taken.", 429)
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return _refused("A message must be JSON.", 415)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                return _refused(f"A message must be at most {MOST_BYTES >> 20} MB.", 413)
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return _refused("A message must be JSON.", 400)
        await run_in_threadpool(self.session.handle, message)
        return Response(status_code=204, headers=HEADERS)


def _asset(name: str) -> Response:
    return Response(content(name), media_type=ASSETS[name], headers=HEADERS)


def _refused(sentence: str, status: int) -> Response:
    return PlainTextResponse(sentence + "\n", status, headers=HEADERS)


def serve(port: int = 0, ready: Callable[[str], Any] = print) -> None:
    """Serve the page until interrupted.

    Parameters
    ----------
    port : int
        0 takes a free one.
    ready : callable taking the page's address
    """
    import socket

    import uvicorn

    listener = socket.create_server(("127.0.0.1", port))
    port = listener.getsockname()[1]
    server = Server(port)
    running = uvicorn.Server(uvicorn.Config(server.app, log_level="warning", timeout_graceful_shutdown=1))
    ready(f"http://127.0.0.1:{port}/?token={server.token}")
    try:
        running.run(sockets=[listener])
    finally:
        server.session.close()
