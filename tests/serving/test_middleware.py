"""The front alone, around applications that fail."""

import asyncio
import concurrent.futures
import contextlib

import pytest

from tenfold.serving.metrics import Metrics
from tenfold.serving.middleware import Front
from tenfold.serving.security import Guard


def said(app):
    """What `app` sends behind a front, in a thread of its own: Playwright occupies this one's event loop."""
    sent = []

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": [(b"host", b"localhost")]}
    front = Front(app, Guard([], None), Metrics())
    with concurrent.futures.ThreadPoolExecutor(1) as thread, contextlib.suppress(asyncio.CancelledError):
        thread.submit(asyncio.run, front(scope, None, send)).result()
    return sent


@pytest.mark.parametrize("fault", [RuntimeError, asyncio.CancelledError])
def test_nothing_is_said_after_an_answer_has_begun(fault):
    async def breaks_off(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise fault

    assert said(breaks_off) == ["http.response.start"]


@pytest.mark.parametrize("fault", [RuntimeError, asyncio.CancelledError])
def test_what_fails_before_that_is_answered(fault):
    async def fails(scope, receive, send):
        raise fault

    assert said(fails) == ["http.response.start", "http.response.body"]
