"""What the server says: JSON answers, and errors with a code that stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

Headers = Iterable[tuple[bytes, bytes]]
PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


def rendered(content: Any) -> bytes:
    """A value as JSON, NumPy arrays among it."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


class Json(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return rendered(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        if headers:
            super().init_headers(headers)
        else:  # nearly always, and in a third of the time
            self.raw_headers = [(b"content-length", b"%d" % len(self.body)), (b"content-type", b"application/json")]


class Refused(Exception):
    """A request that gets no answer, and why: `code` is for programs and stays, `message` is for people."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class Busy(Refused):
    """The queue is full: come again."""

    def __init__(self) -> None:
        super().__init__(503, "busy", "too many requests are waiting; come again in a second", {"Retry-After": "1"})


class Late(Refused):
    def __init__(self, seconds: float) -> None:
        super().__init__(504, "timeout", f"there was no answer within {seconds:g} s")


class Ending(Refused):
    def __init__(self) -> None:
        super().__init__(503, "ending", "this server is ending", {"Retry-After": "1"})


def refusal(path: str, refused: Refused) -> Response:
    """The error as the API says it; in Open Inference Protocol's form under /v2."""
    said: dict[str, Any] = {"code": refused.code, "message": refused.message}
    body = {"error": refused.message, "code": refused.code} if path.startswith("/v2") else {"error": said}
    return Json(body, refused.status, refused.headers)


def canned(path: str, refused: Refused, before: Headers = (), after: Headers = ()) -> bytes:
    """The refusal as it goes over the line, for where no application answers, with other headers around its own."""
    answer = refusal(path, refused)
    return on_the_line(refused.status, lines([*before, *answer.raw_headers, *after]), bytes(answer.body))


def on_the_line(status: int, headers: bytes, body: bytes) -> bytes:
    """A whole answer; headers: their lines."""
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, PHRASES[status], headers, body)


def lines(headers: Headers) -> bytes:
    """Headers as they go over the line."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)
