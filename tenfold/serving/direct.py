"""The direct way to an answer, for requests of the usual kind: past uvicorn's and ASGI's objects, tasks and messages.

Those are more than half of the Python that a request of /v1/predict takes. Whatever is unusual takes the long way,
which gives the same answer, or says what is wrong.
"""

from __future__ import annotations

import re
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.serving.answers import Headers, Refused, canned, lines, rendered
from tenfold.serving.api import Api
from tenfold.serving.batcher import Batcher
from tenfold.serving.body import SHORT, bare
from tenfold.serving.front import INTERNAL, SECURITY_OF_DATA, Front, log
from tenfold.serving.guard import Guard
from tenfold.serving.metrics import Metrics
from tenfold.serving.shedding import SheddingProtocol

PATH = "/v1/predict"
REQUEST = f"POST {PATH} HTTP/1.1".encode()
OK = b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\ncontent-type: application/json\r\n%b\r\n%b"
CLOSE = (b"connection", b"close")

LONGEST = 4096  # bytes of a usual head
# Lines as every parser of HTTP reads them: none of them goes on in the next, or ends in a space.
_HEADERS = re.compile(rb"(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*(?<![\t ]))+")
_UNUSUAL = {b"content-encoding", b"expect", b"transfer-encoding", b"upgrade"}


class Usual(NamedTuple):
    headers: dict[bytes, bytes]  # by names in small letters
    body: bytes


def usual(data: bytes) -> Usual | None:
    """A request for PATH that is here as a whole, is short, and asks for nothing but its answer; None for others."""
    if not data.startswith(REQUEST):
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    if len(head) > LONGEST or len(body) > SHORT or not _HEADERS.fullmatch(head, len(REQUEST)):
        return None
    named = [line.partition(b":") for line in head[len(REQUEST) + 2 :].split(b"\r\n")]
    headers = {name.lower(): value.lstrip(b"\t ") for name, _, value in named}
    is_usual = (
        len(headers) == len(named)
        and _UNUSUAL.isdisjoint(headers)
        and headers.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and headers.get(b"content-length") == b"%d" % len(body)
    )
    return Usual(headers, body) if is_usual else None


class Direct:
    """`POST /v1/predict`, asked of the queue of images at once."""

    def __init__(
        self, front: Front, api: Api, queue: Batcher[Images, NDArray[np.float32]], guard: Guard, metrics: Metrics
    ) -> None:
        self.front, self.api, self.metrics = front, api, metrics
        self._queue, self._guard = queue, guard

    def begin(self, data: bytes, connection: DirectProtocol) -> Due | None:
        """The answer that is now due on this connection; None where the request has to take the long way."""
        request = None if self._queue.is_full or self.front.draining else usual(data)
        if request is None:
            return None
        headers, body = request
        try:
            self._guard.check({"path": PATH, "headers": headers.items()})
            images = self.api.images(bare(headers.get(b"content-type", b"").decode("latin-1")), body)
        except Refused:
            return None
        due = Due(self, connection)
        self._queue.submit(images, len(images), due)
        return due


class Due:
    """An answer that the client at the other end of a connection waits for, as a queue sees it."""

    __slots__ = ("_begun", "_connection", "_told", "_way")

    def __init__(self, way: Direct, connection: DirectProtocol) -> None:
        self._way, self._connection = way, connection
        self._begun, self._told = time.perf_counter(), False

    def done(self) -> bool:
        return self._told

    def set_result(self, probabilities: NDArray[np.float32]) -> None:
        try:
            body = rendered(self._way.api.predicted(probabilities))
        except Exception as error:
            self.set_exception(error)
        else:
            self._tell(200, OK % (lines(self._connection.default_headers), len(body), lines(self._after()), body))

    def set_exception(self, error: Exception) -> None:
        if not isinstance(error, Refused):
            log.error("POST %s", PATH, exc_info=error)
        refused = error if isinstance(error, Refused) else INTERNAL
        self._way.metrics.refused(refused.code)
        self._tell(refused.status, canned(PATH, refused, self._connection.default_headers, self._after()))

    def _after(self) -> Headers:
        return (*SECURITY_OF_DATA, CLOSE) if self._way.front.draining else SECURITY_OF_DATA

    def _tell(self, status: int, answer: bytes) -> None:
        self._told = True
        self._way.metrics.answered(PATH, status, time.perf_counter() - self._begun)
        self._connection.answer(answer, last=self._way.front.draining)


class DirectProtocol(SheddingProtocol):
    """HTTP with the direct way. What comes in while an answer is due on it waits for that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: Due | None = None
        self._later = b""

    def data_received(self, data: bytes) -> None:
        if self._due is not None:
            self._later += data
            self.flow.pause_reading()
        elif not self._begins(data):
            super().data_received(data)

    def _begins(self, data: bytes) -> bool:
        """Whether this was a request that takes the direct way, and now does."""
        if not self.is_free or self.flow.write_paused:
            return False
        self._due = self._front.direct.begin(data, self)
        if self._due is None:
            return False
        self.has_come()
        return True

    def answer(self, answer: bytes, last: bool) -> None:
        """Give the answer that is due; the connection's last one ends it."""
        self._due = None
        if self.transport.is_closing():
            return
        self._together.write_whole(answer)
        if last:
            self.transport.close()
            return
        self.has_answered()
        if self._later:
            later, self._later = self._later, b""
            self.flow.resume_reading()
            self.data_received(later)

    @property
    def default_headers(self) -> Headers:
        """What every answer begins with: the date."""
        return self.server_state.default_headers

    def shutdown(self) -> None:
        if self._due is None:  # else the answer will be the last
            super().shutdown()
