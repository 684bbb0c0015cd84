"""Read pictures on a running server, as `tenfold read --server` does. Uses the standard library only."""

from __future__ import annotations

import base64
import json
import socket
import textwrap
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from itertools import islice
from typing import Any

import numpy as np

from tenfold.errors import DataError, TenfoldError, UnavailableError
from tenfold.images import SIDE
from tenfold.ocr.reading import Box, Digit, Expect, Line, Mark, Reading

TIMEOUT_SECONDS = 60.0
UNREACHABLE = (ConnectionRefusedError, socket.gaierror, TimeoutError)  # the next picture would fail in the same way
# Raised by code that parses JSON of another form.
UNEXPECTED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


class Client:
    """A running `tenfold serve` at `url`. Raises TenfoldError if that is not an http address."""

    def __init__(self, url: str, token: str | None = None) -> None:
        if _scheme(url) not in ("http", "https"):
            raise TenfoldError(f"{url}: not the address of a server; expected for example http://127.0.0.1:8000")
        self._url = url.rstrip("/")
        self._token = token
        self._unreachable: UnavailableError | None = None  # not tried again for each of many pictures

    def read(self, picture: bytes, expect: Expect = "auto") -> Reading:
        """Raises DataError for a picture that the server can't read, UnavailableError if it does not respond."""
        content = self._post(f"/v1/read?details=true&expect={expect}", picture)
        try:
            return _reading(json.loads(content))
        except UNEXPECTED:
            raise UnavailableError(f"{self._url}: the response is not from tenfold") from None

    def _post(self, path: str, content: bytes) -> bytes:
        if self._unreachable is not None:
            raise self._unreachable
        try:
            with urllib.request.urlopen(self._request(path, content), timeout=TIMEOUT_SECONDS) as response:
                received: bytes = response.read()
                return received
        except urllib.error.HTTPError as error:
            with error:
                raise _error(self._url, error) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            unavailable = UnavailableError(f"{self._url}: the request failed ({textwrap.shorten(str(reason), 200)})")
            if isinstance(reason, UNREACHABLE):
                self._unreachable = unavailable
            raise unavailable from None

    def _request(self, path: str, content: bytes) -> urllib.request.Request:
        request = urllib.request.Request(self._url + path, content, {"Content-Type": "application/octet-stream"})
        if self._token:  # not for servers that this one may redirect to
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        return request


def _scheme(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).scheme
    except ValueError:  # brackets around something that is not an address
        return ""


def _error(url: str, error: urllib.error.HTTPError) -> TenfoldError:
    try:
        message = str(json.load(error)["error"]["message"]).removeprefix("the picture: ")
    except (OSError, HTTPException, *UNEXPECTED):
        message = f"the server responded with status {error.code}"
    if error.code == 401:
        message = "the server needs a token; set it with --token or TENFOLD_TOKEN"
    return DataError(message) if error.code in (413, 415, 422) else UnavailableError(f"{url}: {message}")


def _reading(content: dict[str, Any]) -> Reading:
    digits = tuple(_digit(digit) for digit in content["digits"])
    rest = iter(digits)
    lines = tuple(_line(line, tuple(islice(rest, len(line["text"])))) for line in content["lines"])
    return Reading(str(content["text"]), float(content["confidence"]), digits, lines)


def _line(content: dict[str, Any], digits: tuple[Digit, ...]) -> Line:
    marks = tuple(
        Mark(str(mark["value"]), float(mark["confidence"]), _box(mark), int(mark["position"]))
        for mark in content["marks"]
    )
    return Line(str(content["text"]), float(content["confidence"]), digits, marks)


def _box(content: dict[str, Any]) -> Box:
    x, y, width, height = map(int, content["box"])
    return x, y, width, height


def _digit(content: dict[str, Any]) -> Digit:
    image = np.frombuffer(base64.b64decode(content["image"]), np.uint8).reshape(SIDE, SIDE)
    alternatives = tuple((int(value), float(probability)) for value, probability in content["alternatives"])
    return Digit(int(content["value"]), float(content["confidence"]), _box(content), alternatives, image=image)
