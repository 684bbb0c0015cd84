"""The middleware around applications that fail."""

import asyncio
import concurrent.futures
import contextlib

import pytest

from tenfold.serving.metrics import Metrics
from tenfold.serving.middleware import APIMiddleware, ServerState
from tenfold.serving.security import Security


def sent_by(app):
    """The messages that `app` sends through the middleware, in a thread: Playwright occupies this one's event loop."""
    sent = []

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": [(b"host", b"localhost")]}
    middleware = APIMiddleware(app, Security([], None), Metrics(), ServerState(), {})
    with concurrent.futures.ThreadPoolExecutor(1) as thread, contextlib.suppress(asyncio.CancelledError):
        thread.submit(asyncio.run, middleware(scope, None, send)).result()
    return sent


@pytest.mark.parametrize("fault", [RuntimeError, asyncio.CancelledError])
def test_middleware_sends_nothing_after_a_started_response(fault):
    async def breaks_off(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise fault

    assert sent_by(breaks_off) == ["http.response.start"]


@pytest.mark.parametrize("fault", [RuntimeError, asyncio.CancelledError])
def test_middleware_responds_to_failures(fault):
    async def fails(scope, receive, send):
        raise fault

    assert sent_by(fails) == ["http.response.start", "http.response.body"]
