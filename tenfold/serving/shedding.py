"""Turning requests away at the door, before they are looked into, while the queue that they want is full.

An answer of the application costs about 80 µs of processor time, even one that says no; this costs a quarter of that.
And who was told to come again later and does not wait is not listened to for a while: that costs nothing. So what can't
be served takes little from what can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tenfold.serving.errors import Busy, canned
from tenfold.serving.plain import plain
from tenfold.serving.prompt import PromptProtocol
from tenfold.serving.together import Together

if TYPE_CHECKING:
    from tenfold.serving.middleware import Front

DEAF = 1.0  # seconds, as long as Retry-After says


class SheddingProtocol(PromptProtocol):
    """HTTP with a short way for requests that come in one piece and ask for something that is full.

    All others take the long way and get the same answer there.
    """

    def __init__(self, made: Callable[[], None], *args: Any, **kwargs: Any) -> None:
        """made: called when a connection was made."""
        super().__init__(*args, **kwargs)
        self._made = made
        self._front = cast("Front", self.config.loaded_app)
        self._between = True  # requests: what comes next begins one

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._together = Together(transport)
        super().connection_made(cast(asyncio.Transport, self._together))
        self._made()

    def data_received(self, data: bytes) -> None:
        if self.is_free and data.startswith(b"POST /v"):
            path = data[5 : data.find(b" ", 5)].partition(b"?")[0].decode("latin-1")
            if self._front.sheds(path) and _may_be_shed(data):
                self._front.shed(path)
                self.request_received()
                self._together.write_whole(_BUSY[path.startswith("/v2")])
                self.response_sent()
                self.flow.pause_reading()
                self.loop.call_later(DEAF, self.listen)
                return
        self._between = False
        super().data_received(data)

    @property
    def is_free(self) -> bool:
        """Whether what comes in begins a request, and no other is being answered."""
        return self._between and (self.cycle is None or self.cycle.response_complete)

    def listen(self) -> None:
        """Hear again what was not listened to for a while."""
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def on_message_begin(self) -> None:
        self._between = False  # also where it follows another in one piece
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._together.flush()  # the answer to a HEAD is a head alone
        super().on_response_complete()


def _may_be_shed(data: bytes) -> bool:
    """Whether this is a plain request without a Connection header; who sends one, as browsers and libraries do, is told
    the long way, and heard again at once.
    """
    request = plain(data)
    return request is not None and b"connection" not in request.headers


_BUSY = (canned("/v1", Busy()), canned("/v2", Busy()))
