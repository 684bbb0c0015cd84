"""Heads of requests within bounds: whoever connects says within a time, and in so many words, what it wants."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tenfold.serving.errors import Refused, canned

SLOWEST = 30.0  # seconds that a head may take to come in, from the connection or from its first byte
MOST = 1 << 16  # bytes of a head, checked as they come in
SLOW = Refused(408, "slow", f"the head of the request did not come in within {SLOWEST:g} s", {"Connection": "close"})
LONG = Refused(431, "long_head", f"the head of the request has more than {MOST:,} bytes", {"Connection": "close"})
GARBLED = Refused(400, "no_http", "this is no request of HTTP/1.1", {"Connection": "close"})


class PromptProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which itself limits the time between requests alone, and no head."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = self._has_asked = False
        self._is_deaf = False  # to what comes in until the last answer is given
        self._head = 0  # bytes that came in since one began, without those that it began in: a body may be among them
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_waited()
        self._unset_keepalive_if_required()  # uvicorn leaves it running where the connection was reset
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > MOST:
            self._refuse(LONG)
        if self._waiting is None and (self._in_head or self._is_idle):
            self._wait()

    def on_message_begin(self) -> None:
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._has_asked = False, True
        self._has_waited()
        super().on_headers_complete()

    @property
    def may_begin(self) -> bool:
        """Whether a request is on its way: the rest of a head, or the first one of this connection."""
        return not self.transport.is_closing() and (self._in_head or not self._has_asked)

    def request_received(self) -> None:
        """A request has come in, whole, that uvicorn never sees."""
        self._has_asked = True
        self._has_waited()
        self._unset_keepalive_if_required()

    def response_sent(self) -> None:
        """It was answered: as after any other, there is time until the next."""
        if self.transport.is_closing():
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered, and uvicorn's own timer for that was ended by what came in."""
        return (self.cycle is None or self.cycle.response_complete) and self.timeout_keep_alive_task is None

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(SLOWEST, self._give_up)

    def _has_waited(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.cycle is not None and not self.cycle.response_complete:  # an earlier request's answer comes first
            self._wait()
            return
        if self._in_head:
            self._refuse(SLOW)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says of what it can't parse, in the form of all errors."""
        self._refuse(GARBLED)

    def _refuse(self, refused: Refused) -> None:
        """Say it and let go; where an earlier request is still being answered, that answer comes, and is the last."""
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self.cycle.keep_alive = False
            self._is_deaf = True
            return
        self.transport.write(canned("/v1", refused))
        self.transport.close()
