"""ASGI middleware: security checks, security headers, metrics, error responses, and a fast path for busy endpoints."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenfold.serving.bodies import BODY_BUDGET
from tenfold.serving.errors import INTERNAL_ERROR, RETRY_SECONDS, APIError, QueueFull, ShuttingDown, error_response
from tenfold.serving.metrics import Metrics
from tenfold.serving.routes import Endpoint
from tenfold.serving.security import Security, route_path

log = logging.getLogger("tenfold.serving")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]
# Data that no browser shows must not be taken for a page, framed, or read by other sites.
DATA_HEADERS = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
CLOSE = (b"connection", b"close")
QUICK_REJECTIONS = 200  # per second


class ServerState:
    """Whether the process drains: it answers, but is not ready for more and closes its connections."""

    draining = False

    def check_ready(self) -> None:
        """Raises ShuttingDown."""
        if self.draining:
            raise ShuttingDown


class Rejections:
    """Slows down clients that send more and more requests while the queue is full.

    Rejecting a request takes half as long as computing one. So beyond a number of rejections per second, each is sent
    only after the time in which the client should not retry anyway. Waiting takes nothing from accepted requests.
    """

    def __init__(self) -> None:
        self._count, self._end = 0, 0.0

    async def pace(self) -> None:
        """Wait before a rejection, if there were many within the current second."""
        now = time.monotonic()
        if now >= self._end:
            self._count, self._end = 0, now + 1
        self._count += 1
        if self._count > QUICK_REJECTIONS:
            await asyncio.sleep(RETRY_SECONDS)


class APIMiddleware:
    """fast_paths: POST endpoints by path, called without FastAPI's routing, which takes longer than they do."""

    def __init__(
        self,
        app: ASGIApp,
        security: Security,
        metrics: Metrics,
        state: ServerState,
        fast_paths: Mapping[str, Endpoint],
    ) -> None:
        self._app, self._security, self._metrics, self._state = app, security, metrics, state
        self._fast_paths = fast_paths
        self._rejections = Rejections()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        if scope["method"] == "HEAD":  # as GET; the server leaves the body out
            scope = {**scope, "method": "GET"}
        endpoint = self._fast_paths.get(route_path(scope)) if scope["method"] == "POST" else None
        headers = PAGE_HEADERS if endpoint is None else DATA_HEADERS
        status = 0  # until the response starts

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *headers]
                if self._state.draining:
                    message["headers"].append(CLOSE)
            await send(message)

        try:
            self._security.check(scope)
            if endpoint is None:
                await self._app(scope, receive, send_with_headers)
            else:
                response = await endpoint(Request(scope, receive))
                await response(scope, receive, send_with_headers)
        except APIError as error:
            await self._send_error(error, scope, receive, send_with_headers)
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            if not status:
                await self._send_error(INTERNAL_ERROR, scope, receive, send_with_headers)
        except asyncio.CancelledError:  # the server stops, and has waited long enough for this request
            if status:
                raise
            await self._send_error(ShuttingDown(), scope, receive, send_with_headers)
        finally:
            BODY_BUDGET.release(scope)
            self._metrics.observe_request(_route(scope, endpoint), status or 500, time.perf_counter() - start)

    async def _send_error(self, error: APIError, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(error, QueueFull) and not self._state.draining:
            await self._rejections.pace()
        self._metrics.count_error(error.code)
        await error_response(route_path(scope), error)(scope, receive, send)


def _route(scope: Scope, endpoint: Endpoint | None) -> str:
    """The declared path: paths that clients make up must not become labels of metrics."""
    if endpoint is not None:
        return route_path(scope)
    return getattr(scope.get("route"), "path", "other")
