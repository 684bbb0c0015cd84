"""How request bodies arrive: within limits of size and time, compressed or not, as forms, JSON or data URLs."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Scope

from tenfold.serving.errors import APIError, InvalidBody, QueueFull
from tenfold.serving.settings import MIB

BODY_SECONDS = 30.0  # for the body to arrive
MAX_BUFFERED_BYTES = 256 * MIB  # of all bodies of this process together
CLOSE = {"Connection": "close"}  # the rest of the body is not read
JSON, OCTETS, FORM = "application/json", "application/octet-stream", "multipart/form-data"
URL_ENCODED = "application/x-www-form-urlencoded"  # what curl says of any body, unless it is told otherwise
UNSPECIFIC_TYPES = ("", OCTETS, URL_ENCODED, "text/plain")  # the first bytes say what the body is
OPTIONS = ("expect", "details")
INLINE_BYTES = 1 << 16  # are parsed in a millisecond or two
GZIP = 16 + zlib.MAX_WBITS

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
    """The body, of at most `limit` bytes, packed and unpacked. Raises APIError (400, 408, 413, 415), QueueFull."""
    encoding = get_header(request, b"content-encoding")
    if encoding not in ("", "identity", "gzip"):
        raise APIError(
            415, "unsupported_encoding", f"expected the content encoding gzip or none, not {encoding[:20]!r}"
        )
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
    if encoding == "gzip":
        body = await asyncio.to_thread(_unzip, body, limit)
        BODY_BUDGET.take(request.scope, len(body))
    return body


def _unzip(body: bytes, limit: int) -> bytes:
    """Never unpacks more than the limit."""
    decompressor = zlib.decompressobj(GZIP)
    try:
        content = decompressor.decompress(body, limit + 1)
    except zlib.error:
        raise APIError(400, "not_gzip", "the body is not valid gzip, as its content encoding says") from None
    if len(content) > limit:
        raise body_too_large(limit)
    if not decompressor.eof:
        raise APIError(400, "not_gzip", "the body is not complete gzip")
    return content


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
    return APIError(
        415, "unsupported_type", f"the body's content type is {kind[:100] or 'missing'}; expected {expected}"
    )


@dataclass(frozen=True)
class Upload:
    """What a body carries: itself, or the file in a form, in JSON or in a data URL.

    kind: its media type, "" if only its first bytes can tell. options: the other fields of a form or of JSON.
    """

    content: bytes
    kind: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_json(self) -> bool:
        return self.kind == JSON or (self.kind in UNSPECIFIC_TYPES and bool(JSON_START.match(self.content)))


JSON_START = re.compile(rb'\s*(\{\s*"|"data:)')
FORM_START = re.compile(rb"[\w.%+-]+=")
VALUE = re.compile(r" '.{41,}'(?= - at |$)", re.DOTALL)  # what a client sent, in messages of msgspec
TEXT_DECODER = msgspec.json.Decoder(str)
FIELDS_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def read_upload(request: Request, limit: int, arrays: bool = False) -> Upload:
    """The body, unwrapped; arrays: leave JSON with `images` as it is. Raises APIError."""
    upload = Upload(await read_body(request, limit), media_type(request))
    if upload.kind == FORM or (upload.kind == URL_ENCODED and FORM_START.match(upload.content)):
        fields = await read_form(request, upload.content)
        return await parse(lambda body: _find_file(fields), upload.content)
    if upload.content.startswith(b"data:"):
        return Upload(await parse(lambda body: decode_base64(body.decode("latin-1"), "body"), upload.content), "")
    if upload.is_json and not (arrays and b'"images"' in upload.content):
        return await parse(lambda body: _find_file(_text_fields(body)), upload.content)
    return upload


async def parse(parser: Callable[[bytes], T], body: bytes) -> T:
    """The parsed body; long ones, which take up to 0.1 s, are parsed in a thread."""
    return parser(body) if len(body) <= INLINE_BYTES else await asyncio.to_thread(parser, body)


def _text_fields(body: bytes) -> dict[str, str | bytes]:
    """The strings and options of a JSON object, or a string alone."""
    if body.lstrip().startswith(b'"'):
        return {"": decode_json(body, TEXT_DECODER)}
    fields = {name: bytes(value) for name, value in decode_json(body, FIELDS_DECODER).items()}
    return {
        name: decode_json(value, TEXT_DECODER) if value.startswith(b'"') else value.decode()
        for name, value in fields.items()
        if value.startswith(b'"') or name in OPTIONS
    }


def _find_file(fields: dict[str, str | bytes]) -> Upload:
    """The file of a form, or the picture in a text field, under any name."""
    options = {name: value for name, value in fields.items() if name in OPTIONS and isinstance(value, str)}
    others = {name: value for name, value in fields.items() if name not in options and value}
    for value in others.values():
        if isinstance(value, bytes):
            return Upload(value, "", options)
    if others:  # a picture is longer than a name
        name, value = max(others.items(), key=lambda item: len(item[1]))
        return Upload(decode_base64(str(value), name), "", options)
    raise InvalidBody("found no picture; expected it in a field of the form or JSON, as a file, a data URL or base64")


async def read_form(request: Request, body: bytes) -> dict[str, str | bytes]:
    """The fields of a form; files as bytes. Raises APIError (400)."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    try:
        async with Request(request.scope, receive).form(max_files=1, max_fields=8, max_part_size=len(body)) as fields:
            return {
                name: await value.read() if isinstance(value, UploadFile) else value for name, value in fields.items()
            }
    except (MultiPartException, HTTPException) as error:  # depends on the caller
        reason = error.message if isinstance(error, MultiPartException) else error.detail
        raise APIError(400, "not_a_form", f"the body is not a valid form: {reason}") from None


def decode_json(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A JSON document of the decoder's type. Raises APIError (400), InvalidBody."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidBody(f"the body does not fit: {VALUE.sub('', str(error))[:200]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise APIError(400, "not_json", f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise APIError(400, "not_json", "the body is nested too deeply") from None


def decode_base64(text: str, field: str) -> bytes:
    """Base64, alone or as in a data URL. Raises InvalidBody."""
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise InvalidBody("expected a data URL in base64, as data:image/png;base64,...")
    try:  # a plus sign that a form did not escape arrives as a space
        return base64.b64decode(text.strip().replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidBody(f"expected `{field[:50]}` to be base64 or a data URL") from None
