"""The direct way to an answer, for plain requests: past uvicorn's and ASGI's objects, tasks and messages.

Those are more than half of the Python that a request of /v1/predict takes. All other requests take the long way, and
so do those with anything wrong, which is said there.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.images import Images
from tenfold.serving.api import Api
from tenfold.serving.batcher import Batcher
from tenfold.serving.errors import Headers, Refused, canned, lines, on_the_line, rendered
from tenfold.serving.metrics import Metrics
from tenfold.serving.middleware import INTERNAL, SECURITY_OF_DATA, Front, log
from tenfold.serving.parsing import bare
from tenfold.serving.plain import plain
from tenfold.serving.security import Guard
from tenfold.serving.shedding import SheddingProtocol

PATH = "/v1/predict"
REQUEST = f"POST {PATH} HTTP/1.1".encode()
MAX_BODY = 1 << 13  # bytes: of a few images, for others wait while it is parsed
CONTENT = b"content-length: %d\r\ncontent-type: application/json\r\n"
CLOSING = [*SECURITY_OF_DATA, (b"connection", b"close")]
HEADERS_OF = {is_last: lines(headers) for is_last, headers in ((False, SECURITY_OF_DATA), (True, CLOSING))}


class Direct:
    """`POST /v1/predict`, asked of the queue of images at once."""

    def __init__(
        self, front: Front, api: Api, queue: Batcher[Images, NDArray[np.float32]], guard: Guard, metrics: Metrics
    ) -> None:
        self.front, self.api, self.metrics = front, api, metrics
        self._queue, self._guard = queue, guard

    def begin(self, data: bytes, connection: DirectProtocol) -> PendingAnswer | None:
        """The answer that is now due on this connection; None where the request has to take the long way."""
        if not data.startswith(REQUEST) or self._queue.is_full or self.front.draining:
            return None
        pending, request = PendingAnswer(self, connection), plain(data)
        if request is None or len(request.body) > MAX_BODY:
            return None
        try:
            self._guard.check({"path": PATH, "headers": request.headers.items()})
            kind = bare(request.headers.get(b"content-type", b"").decode("latin-1"))
            images = self.api.images(kind, request.body)
        except Exception:  # whatever it is happens again on the long way, and is said there
            return None
        self._queue.submit(images, len(images), pending)
        return pending


class PendingAnswer:
    """An answer that the client at the other end of a connection waits for, as a queue sees it."""

    __slots__ = ("_begun", "_connection", "_direct", "_is_sent")

    def __init__(self, direct: Direct, connection: DirectProtocol) -> None:
        self._direct, self._connection = direct, connection
        self._begun, self._is_sent = time.perf_counter(), False

    def done(self) -> bool:
        return self._is_sent

    def set_result(self, probabilities: NDArray[np.float32]) -> None:
        try:
            body = rendered(self._direct.api.predicted(probabilities))
        except Exception as error:
            self.set_exception(error)
            return
        is_last = self._direct.front.draining
        headers = lines(self._connection.default_headers) + CONTENT % len(body) + HEADERS_OF[is_last]
        self._send(200, on_the_line(200, headers, body), is_last)

    def set_exception(self, error: Exception) -> None:
        if not isinstance(error, Refused):
            log.error("POST %s", PATH, exc_info=error)
        refused = error if isinstance(error, Refused) else INTERNAL
        is_last = self._direct.front.draining
        after = CLOSING if is_last else SECURITY_OF_DATA
        self._send(refused.status, canned(PATH, refused, self._connection.default_headers, after), is_last)
        self._direct.metrics.refused(refused.code)

    def _send(self, status: int, answer: bytes, is_last: bool) -> None:
        self._is_sent = True
        self._connection.send(answer, is_last)
        self._direct.metrics.answered(PATH, status, time.perf_counter() - self._begun)


class DirectProtocol(SheddingProtocol):
    """HTTP with the direct way. What comes in while an answer is due on it waits for that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pending: PendingAnswer | None = None
        self._later = b""

    def data_received(self, data: bytes) -> None:
        if self._pending is not None or self._later:
            self._later += data
            self.flow.pause_reading()
        elif not self._is_taken(data):
            super().data_received(data)

    def _is_taken(self, data: bytes) -> bool:
        """Whether this was a request that takes the direct way, and now does."""
        if not self.is_free or self.flow.write_paused:
            return False
        self._pending = self._front.direct.begin(data, self)
        if self._pending is None:
            return False
        self.request_received()
        return True

    def send(self, answer: bytes, is_last: bool) -> None:
        """Send the answer that is due; the connection's last one ends it."""
        self._pending = None
        if self.transport.is_closing():
            return
        self._together.write_whole(answer)
        if is_last:
            self.transport.close()
            return
        self.response_sent()
        if self._later:  # in a turn of its own: others wait for their answers in this one
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        data, self._later = self._later, b""
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(data)

    @property
    def default_headers(self) -> Headers:
        """What every answer begins with: the date."""
        return self.server_state.default_headers

    def shutdown(self) -> None:
        if self._pending is None:  # else the answer will be the last
            super().shutdown()
