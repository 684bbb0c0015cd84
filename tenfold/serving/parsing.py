"""What a request carries: counted as it streams in, and told apart by its media type."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tenfold.images import SIDE, Images
from tenfold.serving.errors import Busy, Refused
from tenfold.serving.settings import MIB

PIXELS = SIDE * SIDE
MAX_PNG = 1 << 16  # bytes, of a PNG of so many pixels
SLOWEST = 30.0  # seconds that a body may take to come in
INLINE_BYTES = 1 << 16  # bytes that are parsed in less than a millisecond or two
Parsed = TypeVar("Parsed")
EXPECTED = "expected `images`: lists of 28 rows of 28 whole numbers from 0 to 255"


def media_type(request: Request) -> str:
    return bare(header(request, b"content-type"))


def bare(content_type: str) -> str:
    """Without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def header(request: Request, name: bytes) -> str:
    """The value of a header by its name in small letters, or ""; Starlette's own way takes four times as long."""
    for each, value in request.scope["headers"]:
        if each == name:
            return str(value, "latin-1")
    return ""


async def whole(request: Request, most: int) -> bytes:
    """The body of at most `most` bytes, counted as it comes in. Raises Refused (408, 413, 415)."""
    if (encoding := header(request, b"content-encoding")) not in ("", "identity"):
        raise Refused(415, "wrong_encoding", f"the body is encoded ({encoding[:20]!r}); expected it as it is")
    declared = header(request, b"content-length")
    if declared.isdigit() and int(declared) > most:
        raise too_large(most)
    if _is_here(request):
        body: bytes = (await request.receive()).get("body", b"")
    else:
        try:
            async with asyncio.timeout(SLOWEST):
                body = await _streamed(request, most)
        except TimeoutError:
            raise Refused(408, "slow", f"the body did not come in within {SLOWEST:g} s", _CLOSE) from None
    if len(body) > most:
        raise too_large(most)
    return body


def _is_here(request: Request) -> bool:
    """Whether all of the body has come in, so that no clock is needed, which costs more than to receive it."""
    cycle = getattr(request.receive, "__self__", None)  # uvicorn's, where nobody has wrapped it
    return isinstance(cycle, RequestResponseCycle) and not cycle.more_body


async def _streamed(request: Request, most: int) -> bytes:
    body = bytearray()
    more = True
    while more and len(body) <= most:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "cut_short", "the connection ended before the body did")
        part = message.get("body", b"")
        HELD.take(request.scope, len(part))
        body += part
        more = message.get("more_body", False)
    return bytes(body)


class Held:
    """Bytes of long bodies that this process holds, of which there may be so many: from when they come in until their
    request is answered, for until then they wait in a queue. Short ones, which come with their heads, don't count.
    """

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0

    def take(self, scope: Scope, more: int) -> None:
        """Raises Busy where that is too much for all together."""
        if self.bytes + more > self.most:
            raise Busy
        self.bytes += more
        scope[_HELD] = scope.get(_HELD, 0) + more

    def release(self, scope: Scope) -> None:
        self.bytes -= scope.pop(_HELD, 0)


_HELD = "tenfold.held"
HELD = Held(256 * MIB)


_CLOSE = {"Connection": "close"}  # what is left of the body is not read


def too_large(most: int) -> Refused:
    return Refused(413, "too_large", f"the body has more than {most:,} bytes", _CLOSE)


async def aside(parse: Callable[[bytes], Parsed], content: bytes) -> Parsed:
    """What `parse` makes of a body; of a long one in a thread, as it takes up to 0.1 s."""
    return parse(content) if len(content) <= INLINE_BYTES else await asyncio.to_thread(parse, content)


def json(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Refused (400)."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "no_json", f"the body is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise invalid("expected a JSON object")
    return content


def invalid(message: str) -> Refused:
    return Refused(422, "invalid", message)


async def form(request: Request, body: bytes) -> dict[str, str | bytes]:
    """The fields of a multipart body. Raises Refused (400)."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    try:
        async with Request(request.scope, receive).form(max_files=1, max_fields=8) as fields:
            return {
                name: await value.read() if isinstance(value, UploadFile) else value for name, value in fields.items()
            }
    except (MultiPartException, HTTPException) as error:  # which of them depends on who called
        reason = error.message if isinstance(error, MultiPartException) else error.detail
        raise Refused(400, "no_form", f"the body is no multipart form: {reason}") from None


def raw_images(body: bytes) -> Images:
    """Pixels one after the other, uint8, 784 an image -> (N, 28, 28). Raises Refused (422)."""
    if not body or len(body) % PIXELS:
        raise invalid(f"expected {PIXELS} bytes an image, white ink (255) on black (0), got {len(body):,} bytes")
    return np.frombuffer(body, np.uint8).reshape(-1, SIDE, SIDE)


def png_image(body: bytes) -> Images:
    """A picture that is 28x28 gray levels already -> (1, 28, 28). Raises Refused (422)."""
    # Its head tells the size before anything is unpacked: 13 bytes of IHDR, after 16.
    size = (int.from_bytes(body[16:20]), int.from_bytes(body[20:24]), body[24:26])
    if body[:8] != b"\x89PNG\r\n\x1a\n" or size != (SIDE, SIDE, b"\x08\x00"):
        raise Refused(422, "unreadable", "expected a PNG of 28x28 gray levels of 8 bits; /v1/read takes any picture")
    image: Any = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None or image.shape != (SIDE, SIDE):
        raise Refused(422, "unreadable", "the PNG is damaged")
    images: Images = image[None]
    return images


def json_images(content: bytes) -> Images:
    """`images` of a JSON object, N of 28 rows of 28 or of 784 levels -> (N, 28, 28). Raises Refused (400, 422)."""
    given = json(content).get("images")
    images = None if _has_truths(content, given) else _rows(given)
    return _nested(given) if images is None else images


def _has_truths(content: bytes, given: object) -> bool:
    """Whether true or false, which Python takes for 1 and 0, is among what may be pixels.

    given: a part of `content`'s JSON.
    """
    if b"u" not in content and b"l" not in content:  # a letter is found in no time
        return False
    if b"true" not in content and b"false" not in content:
        return False
    level = [given]
    for _ in range(4):  # images, rows, pixels; what lies deeper is none
        if any(isinstance(value, bool) for value in level):
            return True
        level = [inner for value in level if isinstance(value, list) for inner in value]
    return False


def _rows(given: Any) -> Images | None:
    """Lists of 28 lists of 28 whole numbers, as most send them, in a fifth of the time; None for anything else."""
    packed = bytearray()
    try:
        for image in given:
            if len(image) != SIDE:
                return None
            for row in image:
                if len(row) != SIDE:
                    return None
                packed.extend(row)
    except (TypeError, ValueError):
        return None
    return np.frombuffer(packed, np.uint8).reshape(-1, SIDE, SIDE) if packed else None


def _nested(given: object) -> Images:
    images = gray_levels(given)
    if images is None:
        raise invalid(EXPECTED)
    if images.shape[1:] not in ((SIDE, SIDE), (PIXELS,)):
        raise invalid(f"{EXPECTED}, got numbers in the shape {images.shape}")
    return images.reshape(-1, SIDE, SIDE)


def gray_levels(given: object) -> NDArray[np.uint8] | None:
    """Lists, nested as one likes, of whole numbers from 0 to 255 as uint8; None for anything else, and for nothing.

    64.0 is a whole number to JSON.
    """
    # As objects first: of numbers and one long string NumPy would make as many strings of that length.
    values = np.array(given, object)
    if not values.size or not set(map(type, values.ravel())) <= {int, float}:
        return None
    try:
        numbers = values.astype(np.float64)
    except OverflowError:
        return None
    if not (numbers.min() >= 0 and numbers.max() <= 255):
        return None
    levels = numbers.astype(np.uint8)
    return levels if (levels == numbers).all() else None


def whole_number(value: object) -> int | None:
    """A number of JSON as an int, where it is one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
