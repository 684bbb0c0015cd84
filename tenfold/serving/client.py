"""Let a server read: what `tenfold read --server` speaks. Standard library alone."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import numpy as np

from tenfold.data.dataset import SIDE
from tenfold.errors import DataError, TenfoldError, Unavailable
from tenfold.vision.reading import Digit, Expect, Reading

SECONDS = 60.0


class Client:
    """A running `tenfold serve` at `url`. Raises TenfoldError for what is no http address."""

    def __init__(self, url: str, token: str | None = None) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise TenfoldError(f"{url}: this is no address of a server; expected one such as http://127.0.0.1:8000")
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/octet-stream"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def read(self, picture: bytes, expect: Expect = "auto") -> Reading:
        """Raises DataError for a picture that the server can't read, Unavailable where it does not answer."""
        request = urllib.request.Request(f"{self._url}/v1/read?details=true&expect={expect}", picture, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return _reading(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(self._url, error.code, error.read()) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "reason", error)
            raise Unavailable(f"{self._url}: this server can't be asked ({reason})") from None


def _refused(url: str, status: int, content: bytes) -> TenfoldError:
    try:
        said = json.loads(content)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        said = f"it answered {status}"
    return DataError(said) if status in (413, 415, 422) else Unavailable(f"{url}: {said}")


def _reading(answer: dict[str, Any]) -> Reading:
    return Reading(answer["text"], answer["confidence"], tuple(_digit(digit) for digit in answer["digits"]))


def _digit(said: dict[str, Any]) -> Digit:
    x, y, width, height = said["box"]
    frame = np.frombuffer(base64.b64decode(said["frame"]), np.uint8).reshape(SIDE, SIDE)
    alternatives = tuple((value, share) for value, share in said["alternatives"])
    return Digit(said["value"], said["confidence"], (x, y, width, height), alternatives, frame)
