"""The middleware around applications that fail."""

import asyncio
import concurrent.futures
import contextlib

import pytest

from tenfold.serving import middleware
from tenfold.serving.metrics import Metrics
from tenfold.serving.middleware import APIMiddleware, Rejections, ServerState
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


def test_rejections_are_delayed_beyond_a_rate(monkeypatch):
    waited, now = [], [0.0]

    async def sleep(seconds):
        waited.append((now[0], seconds))

    monkeypatch.setattr(middleware, "QUICK_REJECTIONS", 3)
    monkeypatch.setattr(middleware.asyncio, "sleep", sleep)
    monkeypatch.setattr(middleware.time, "monotonic", lambda: now[0])
    rejections = Rejections()
    for second in (0.0, 5.0):
        now[0] = second
        for _ in range(5):
            with pytest.raises(StopIteration):  # it never waits for anything but `sleep`
                rejections.pace().send(None)
    assert waited == [(0.0, 1), (0.0, 1), (5.0, 1), (5.0, 1)]
