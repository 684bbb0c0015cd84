"""Let a server read: what `tenfold read --server` speaks. Standard library alone."""

from __future__ import annotations

import base64
import json
import socket
import textwrap
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any

import numpy as np

from tenfold.errors import DataError, TenfoldError, UnavailableError
from tenfold.images import SIDE
from tenfold.ocr.reader import Digit, Expect, Reading

SECONDS = 60.0
AWAY = (ConnectionRefusedError, socket.gaierror, TimeoutError)  # what the next picture would meet too
# What JSON that isn't as expected makes of the code that reads it.
WRONG = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


class Client:
    """A running `tenfold serve` at `url`. Raises TenfoldError for what is no http address."""

    def __init__(self, url: str, token: str | None = None) -> None:
        if _scheme(url) not in ("http", "https"):
            raise TenfoldError(f"{url}: this is no address of a server; expected one such as http://127.0.0.1:8000")
        self._url = url.rstrip("/")
        self._token = token
        self._gone: UnavailableError | None = None  # asked once, and not again for each of many pictures

    def read(self, picture: bytes, expect: Expect = "auto") -> Reading:
        """Raises DataError for a picture that the server can't read, UnavailableError where it does not answer."""
        answer = self._ask(f"/v1/read?details=true&expect={expect}", picture)
        try:
            return _reading(json.loads(answer))
        except WRONG:
            raise UnavailableError(f"{self._url}: this server's answer is no reading of tenfold's") from None

    def _ask(self, path: str, content: bytes) -> bytes:
        if self._gone is not None:
            raise self._gone
        try:
            with urllib.request.urlopen(self._request(path, content), timeout=SECONDS) as answer:
                received: bytes = answer.read()
                return received
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(self._url, error) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = textwrap.shorten(str(getattr(error, "reason", error)), 200)
            unavailable = UnavailableError(f"{self._url}: this server can't be asked ({reason})")
            if isinstance(getattr(error, "reason", error), AWAY):
                self._gone = unavailable
            raise unavailable from None

    def _request(self, path: str, content: bytes) -> urllib.request.Request:
        request = urllib.request.Request(self._url + path, content, {"Content-Type": "application/octet-stream"})
        if self._token:  # for this server, and not for where it may redirect to
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        return request


def _scheme(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).scheme
    except ValueError:  # brackets that hold no address
        return ""


def _refused(url: str, error: urllib.error.HTTPError) -> TenfoldError:
    try:
        said = str(json.load(error)["error"]["message"]).removeprefix("the picture: ")
    except (OSError, HTTPException, *WRONG):
        said = f"it answered {error.code}"
    if error.code == 401:
        said = "this server wants a token; give it with --token or TENFOLD_TOKEN"
    return DataError(said) if error.code in (413, 415, 422) else UnavailableError(f"{url}: {said}")


def _reading(answer: dict[str, Any]) -> Reading:
    return Reading(str(answer["text"]), float(answer["confidence"]), tuple(_digit(digit) for digit in answer["digits"]))


def _digit(said: dict[str, Any]) -> Digit:
    x, y, width, height = map(int, said["box"])
    frame = np.frombuffer(base64.b64decode(said["frame"]), np.uint8).reshape(SIDE, SIDE)
    alternatives = tuple((int(value), float(share)) for value, share in said["alternatives"])
    box, confidence = (x, y, width, height), float(said["confidence"])
    return Digit(int(said["value"]), confidence, box, alternatives, ink=frame, is_framed=True)
