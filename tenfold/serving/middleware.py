"""ASGI middleware: checks who asks, answers the hot paths itself, counts, and turns every error into an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenfold.serving.api import Endpoint
from tenfold.serving.batcher import Batcher
from tenfold.serving.errors import Ending, Refused, refusal
from tenfold.serving.metrics import Metrics
from tenfold.serving.parsing import HELD
from tenfold.serving.security import Guard

if TYPE_CHECKING:
    from tenfold.serving.direct import Direct

log = logging.getLogger("tenfold.serving")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]
# What data needs that no browser shows: not to be taken for a page, framed, or read by others.
SECURITY_OF_DATA = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
INTERNAL = Refused(500, "internal", "the server failed; its log says why")


class Front:
    """An ASGI application around FastAPI's.

    hot: POST endpoints by path, answered without FastAPI's routing, which costs more than they do. direct: the way to
    an answer past this application, too.
    """

    direct: Direct

    def __init__(self, app: ASGIApp, guard: Guard, metrics: Metrics) -> None:
        self._app, self._guard, self._metrics = app, guard, metrics
        self.hot: Mapping[str, Endpoint] = {}
        self.queues: Mapping[str, Batcher[Any, Any]] = {}  # what a path's requests wait in
        self.draining = False

    def check_ready(self) -> None:
        """Raises Refused (503) once the server was told to end."""
        if self.draining:
            raise Ending

    def sheds(self, path: str) -> bool:
        """Whether requests for this path are turned away now."""
        queue = self.queues.get(path)
        return queue is not None and queue.is_full and not self.draining

    def shed(self, path: str) -> None:
        """Note that one was turned away without coming here."""
        self._metrics.shed(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        if scope["method"] == "HEAD":  # what GET says, of which uvicorn leaves out the body
            scope = {**scope, "method": "GET"}
        endpoint = self.hot.get(scope["path"]) if scope["method"] == "POST" else None
        security = SECURITY if endpoint is None else SECURITY_OF_DATA
        status = 0  # as long as nothing is said

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *security]
                if self.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            self._guard.check(scope)
            if endpoint is None:
                await self._app(scope, receive, send_safely)
            else:
                response = await endpoint(Request(scope, receive))
                await response(scope, receive, send_safely)
        except Refused as refused:
            await self._refuse(refused, scope, receive, send_safely)
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            if not status:
                await self._refuse(INTERNAL, scope, receive, send_safely)
        except asyncio.CancelledError:  # the server ends, and has waited long enough for this one
            if status:
                raise
            await self._refuse(Ending(), scope, receive, send_safely)
        finally:
            HELD.release(scope)
            self._metrics.answered(_route(scope, endpoint), status or 500, time.perf_counter() - begun)

    async def _refuse(self, refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.refused(refused.code)
        response: Response = refusal(scope["path"], refused)
        await response(scope, receive, send)


def _route(scope: Scope, endpoint: Endpoint | None) -> str:
    """The path as it was declared: names that clients make up must not become labels of metrics."""
    if endpoint is not None:
        return str(scope["path"])
    return getattr(scope.get("route"), "path", "other")
