"""From request bodies to images, pictures and documents; everything is limited in size and time."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import cv2
import msgspec
import numpy as np
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Scope

from tenfold.images import SIDE, Images
from tenfold.ocr.reading import Expect
from tenfold.serving.errors import APIError, InvalidBody, QueueFull
from tenfold.serving.schemas import GrayLevel, PredictRequest
from tenfold.serving.settings import MIB, Limits

PIXELS = SIDE * SIDE
MAX_PNG_BYTES = 1 << 16  # of a PNG of so many pixels
MAX_JSON_BYTES_PER_PIXEL = 8
BODY_SECONDS = 30.0  # for the body to arrive
INLINE_BYTES = 1 << 16  # are parsed in a millisecond or two
MAX_BUFFERED_BYTES = 256 * MIB  # of all bodies of this process together
EXPECT_VALUES: tuple[Expect, ...] = get_args(Expect)
CLOSE = {"Connection": "close"}  # the rest of the body is not read

T = TypeVar("T")


def get_header(request: Request, name: bytes) -> str:
    """A header by its lower-case name, or ""; Starlette's own lookup takes four times as long."""
    for key, value in request.scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def media_type(request: Request) -> str:
    """The content type without parameters."""
    return get_header(request, b"content-type").partition(";")[0].strip().lower()


class BodyBudget:
    """Bytes of request bodies that this process buffers, from their arrival until their response.

    Only bodies that arrive in several parts count: the others are small.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0

    def take(self, scope: Scope, count: int) -> None:
        """Raises QueueFull if all bodies together would exceed the limit."""
        if self.used + count > self.limit:
            raise QueueFull
        self.used += count
        scope[BUDGET_KEY] = scope.get(BUDGET_KEY, 0) + count

    def release(self, scope: Scope) -> None:
        self.used -= scope.pop(BUDGET_KEY, 0)


BUDGET_KEY = "tenfold.buffered_bytes"
BODY_BUDGET = BodyBudget(MAX_BUFFERED_BYTES)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, of at most `limit` bytes. Raises APIError (400, 408, 413, 415), QueueFull."""
    if (encoding := get_header(request, b"content-encoding")) not in ("", "identity"):
        raise APIError(415, "unsupported_encoding", f"expected a body without content encoding, not {encoding[:20]!r}")
    declared = get_header(request, b"content-length")
    if declared.isdigit() and int(declared) > limit:
        raise body_too_large(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _receive_body(request, limit)
    except TimeoutError:
        raise APIError(408, "body_timeout", f"the body did not arrive within {BODY_SECONDS:g} s", CLOSE) from None
    if len(body) > limit:
        raise body_too_large(limit)
    return body


async def _receive_body(request: Request, limit: int) -> bytes:
    """The body, or its beginning if it is longer than `limit`."""
    body, more = await _receive(request)
    if not more:
        return body
    parts = [body]
    size = len(body)
    BODY_BUDGET.take(request.scope, size)
    while more and size <= limit:
        part, more = await _receive(request)
        BODY_BUDGET.take(request.scope, len(part))
        parts.append(part)
        size += len(part)
    return b"".join(parts)


async def _receive(request: Request) -> tuple[bytes, bool]:
    """The next part of the body, and whether more follow."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise APIError(400, "incomplete_body", "the connection was closed before the body was complete")
    return message.get("body", b""), message.get("more_body", False)


def body_too_large(limit: int) -> APIError:
    return APIError(413, "too_large", f"the body has more than {limit:,} bytes", CLOSE)


def unsupported_type(kind: str, expected: str) -> APIError:
    return APIError(415, "unsupported_type", f"the body's content type is {kind or 'missing'}; expected {expected}")


async def parse(parser: Callable[[bytes], T], body: bytes) -> T:
    """The parsed body; long ones, which take up to 0.1 s, are parsed in a thread."""
    return parser(body) if len(body) <= INLINE_BYTES else await asyncio.to_thread(parser, body)


def decode_json(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A JSON document of the decoder's type. Raises APIError (400), InvalidBody."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidBody(f"the body does not fit: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise APIError(400, "not_json", f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise APIError(400, "not_json", "the body is nested too deeply") from None


class _Images(msgspec.Struct):
    """As PredictRequest, but images may be flat lists of 784, and gray levels written as 64.0."""

    images: list[list[GrayLevel | list[GrayLevel]]]


IMAGES_DECODER = msgspec.json.Decoder(_Images)


PREDICT_DECODER = msgspec.json.Decoder(PredictRequest)


def parse_json_images(body: bytes) -> Images:
    """Images in JSON -> uint8 (N, 28, 28). Raises APIError (400), InvalidBody."""
    try:  # the documented form, in a third of the time
        images = PREDICT_DECODER.decode(body).images
        levels = b"".join([bytes(row) for image in images for row in image])
        return np.frombuffer(levels, np.uint8).reshape(-1, SIDE, SIDE)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_other_json_images(body)


def _parse_other_json_images(body: bytes) -> Images:
    """Also flat lists, and whole numbers written as 64.0."""
    try:
        levels = np.array(decode_json(body, IMAGES_DECODER).images, np.float64)
    except ValueError:  # ragged
        levels = np.empty(0)
    if levels.shape[1:] not in ((SIDE, SIDE), (PIXELS,)) or not len(levels):
        raise InvalidBody("expected `images`: lists of 28 rows of 28 gray levels, whole numbers from 0 to 255")
    return levels.astype(np.uint8).reshape(-1, SIDE, SIDE)


def parse_raw_images(body: bytes) -> Images:
    """Pixels one after the other, 784 bytes an image -> (N, 28, 28). Raises InvalidBody."""
    if not body or len(body) % PIXELS:
        raise InvalidBody(f"expected {PIXELS} bytes for each image, white ink on black, got {len(body):,} bytes")
    return np.frombuffer(body, np.uint8).reshape(-1, SIDE, SIDE)


def parse_png_image(body: bytes) -> Images:
    """A PNG of 28x28 gray levels -> (1, 28, 28). Raises APIError (422)."""
    # The header, IHDR's 13 bytes from offset 16 on, has the size and the depth, before anything is decoded.
    header = (int.from_bytes(body[16:20]), int.from_bytes(body[20:24]), body[24:26])
    if body[:8] != b"\x89PNG\r\n\x1a\n" or header != (SIDE, SIDE, b"\x08\x00"):
        raise APIError(422, "unreadable", "expected an 8-bit grayscale PNG of 28x28 pixels; /v1/read takes any picture")
    image: Any = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None or image.shape != (SIDE, SIDE):
        raise APIError(422, "unreadable", "the PNG is damaged")
    images: Images = image[None]
    return images


IMAGE_PARSERS: dict[str, Callable[[bytes], Images]] = {
    "application/json": parse_json_images,
    "application/octet-stream": parse_raw_images,
    "image/png": parse_png_image,
}


async def read_images(request: Request, limits: Limits) -> Images:
    """The 28x28 images in a body of any of the three types, uint8 (N, 28, 28). Raises APIError."""
    kind = media_type(request)
    parser = IMAGE_PARSERS.get(kind)
    if parser is None:
        raise unsupported_type(kind, "application/json, application/octet-stream or image/png")
    size = {"image/png": MAX_PNG_BYTES, "application/octet-stream": limits.images * PIXELS}.get(
        kind, limits.images * PIXELS * MAX_JSON_BYTES_PER_PIXEL
    )
    images = await parse(parser, await read_body(request, size))
    if len(images) > limits.images:
        raise InvalidBody(f"expected at most {limits.images:,} images in a request, got {len(images):,}")
    return images


async def read_picture(request: Request, limits: Limits) -> tuple[bytes, Expect, bool]:
    """The picture's bytes, what to expect in it, and whether details are wanted. Raises APIError."""
    kind = media_type(request)
    options: dict[str, object] = {"expect": "auto", "details": "false", **request.query_params}
    if kind == "multipart/form-data":
        form = await read_form(request, await read_body(request, limits.picture_bytes))
        options |= form
        picture = form.get("picture")
        if not isinstance(picture, bytes):
            raise InvalidBody("expected a file in the field `picture`")
    elif kind.startswith("image/") or kind in ("application/octet-stream", ""):
        picture = await read_body(request, limits.picture_bytes)
    else:
        raise unsupported_type(kind, "image/*, application/octet-stream or multipart/form-data")
    if picture.startswith(b"data:"):
        raise InvalidBody("expected the bytes of a picture, got a data: URL; decode the base64 text in it first")
    if options["details"] not in ("true", "false"):
        raise InvalidBody("expected `details` to be true or false")
    expect = next((value for value in EXPECT_VALUES if value == options["expect"]), None)
    if expect is None:
        raise InvalidBody(f"expected `expect` to be one of {', '.join(EXPECT_VALUES)}")
    return picture, expect, options["details"] == "true"


async def read_form(request: Request, body: bytes) -> dict[str, str | bytes]:
    """The fields of a multipart body; files as bytes. Raises APIError (400)."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    try:
        async with Request(request.scope, receive).form(max_files=1, max_fields=8) as fields:
            return {
                name: await value.read() if isinstance(value, UploadFile) else value for name, value in fields.items()
            }
    except (MultiPartException, HTTPException) as error:  # depends on the caller
        reason = error.message if isinstance(error, MultiPartException) else error.detail
        raise APIError(400, "not_a_form", f"the body is not a valid multipart form: {reason}") from None


def decode_base64(text: str, field: str) -> bytes:
    """Raises InvalidBody."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        hint = ", without the beginning of a data: URL" if text.startswith("data:") else ""
        raise InvalidBody(f"expected `{field}` to be base64{hint}") from None
