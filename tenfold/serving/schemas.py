"""What the OpenAPI document says of requests and answers that are read and written without FastAPI's help."""

from __future__ import annotations

from typing import Any

from tenfold.images import CLASSES, SIDE

Schema = dict[str, Any]

PIXEL: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
DIGIT: Schema = {"type": "integer", "minimum": 0, "maximum": 9}
BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
BINARY: Schema = {"type": "string", "format": "binary"}
EXPECT: Schema = {"type": "string", "enum": ["auto", "digit", "line", "page"], "default": "auto"}


def array(of: Schema, size: int | None = None, most: int | None = None) -> Schema:
    found: Schema = {"type": "array", "items": of}
    if size is not None:
        found |= {"minItems": size, "maxItems": size}
    if most is not None:
        found |= {"minItems": 1, "maxItems": most}
    return found


def record(optional: tuple[str, ...] = (), **fields: Schema) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in optional],
    }


IMAGE = array(array(PIXEL, SIDE), SIDE)
FRAME = BASE64 | {"description": "28x28 gray levels, white ink on black: what the network saw."}
ERROR = record(error=record(code={"type": "string"}, message={"type": "string"}))
PROTOCOL_ERROR = record(error={"type": "string"}, code={"type": "string"})
READ_DIGIT = record(
    ("frame", "probabilities"),
    value=DIGIT,
    confidence=SHARE,
    box=array({"type": "integer"}, 4) | {"description": "x, y, width, height in the upright picture's pixels."},
    alternatives=array(array({"type": "number"}, 2))
    | {"description": "Other values, each with its probability, the likeliest first."},
    frame=FRAME,
    probabilities=array(SHARE, CLASSES),
)
READING = record(
    text={"type": "string", "description": "Rows parted by newlines; empty where nothing is a digit."},
    confidence=SHARE,
    digits=array(READ_DIGIT),
    milliseconds={"type": "number"},
)
CORRECTION = record(
    id={"type": "integer"},
    time={"type": "string", "format": "date-time"},
    frame=FRAME,
    read=DIGIT,
    confidence=SHARE,
    truth={"anyOf": [DIGIT, {"type": "null"}]},
    model={"type": "string", "description": "sha256 of the model that read it."},
)
MODEL = record(
    name={"type": "string"},
    digest={"type": "string", "description": "sha256 of the ONNX file."},
    tenfold={"type": "string"},
    recipe={"type": ["object", "null"]},
    figures={"type": ["object", "null"]},
    card={"type": ["string", "null"]},
    keeps_corrections={"type": "boolean"},
)
TENSOR = record(
    ("data", "parameters"),
    name={"type": "string"},
    datatype={"type": "string"},
    shape=array({"type": "integer"}),
    data=array({}),
    parameters={"type": "object"},
)
INFERRED = record(("id",), model_name={"type": "string"}, model_version={"type": "string"}, id={"type": "string"},
                  outputs=array(TENSOR))  # fmt: skip


def operation(
    *codes: int,
    answer: Schema | None = None,
    status: int = 200,
    media_type: str = "application/json",
    body: dict[str, Schema] | None = None,
    query: dict[str, Schema] | None = None,
    error: Schema = ERROR,
) -> dict[str, Any]:
    """Keyword arguments of a FastAPI route: its answer, its errors by status, its body by media type, its query."""
    said = {code: MEANINGS[code] for code in codes}
    responses: dict[int | str, dict[str, Any]] = {
        code: {"description": meaning, "content": {"application/json": {"schema": error}}}
        for code, meaning in said.items()
    }
    responses[status] = {"description": "Done", "content": {media_type: {"schema": answer or {}}}}
    extra: dict[str, Any] = {}
    if body:
        extra["requestBody"] = {"required": True, "content": {kind: {"schema": part} for kind, part in body.items()}}
    if query:
        extra["parameters"] = [{"name": name, "in": "query", "schema": part} for name, part in query.items()]
    return {"responses": responses, "openapi_extra": extra, "status_code": status}


MEANINGS = {
    400: "No JSON, no form, or cut short",
    401: "The token is missing or wrong",
    403: "Unknown host name, another site's page, or no token where one is needed",
    404: "There is no such thing",
    408: "The body came in too slowly",
    413: "The body is too large",
    415: "The body's media type is not supported",
    422: "The body is not what was expected; the message says what was",
    503: "Too many requests are waiting, the server is ending, or corrections can't be kept; "
    "Retry-After says when to come again",
    504: "There was no answer in time",
}
WORK = (400, 401, 403, 408, 413, 415, 422, 503, 504)  # what may happen where a body is read and a queue waited in


def image_bodies(most: int) -> dict[str, Schema]:
    return {
        "application/json": record(images=array(IMAGE, most=most)),
        "application/octet-stream": BINARY | {"description": f"784 bytes an image; {most:,} at most."},
        "image/png": BINARY | {"description": "28x28 gray levels of 8 bits."},
    }


PICTURE_BODIES: dict[str, Schema] = {
    "image/*": BINARY,
    "application/octet-stream": BINARY,
    "multipart/form-data": record(
        ("expect", "details"), picture=BINARY, expect=EXPECT, details={"enum": ["false", "true"]}
    ),
}
CORRECTION_BODY: dict[str, Schema] = {
    "application/json": record(
        ("expect", "digit"),
        picture=BASE64 | {"format": "picture", "description": "The picture that was read, as it was sent."},
        expect=EXPECT,
        digit={"type": "integer", "minimum": 0, "default": 0, "description": "Which digit of the reading."},
        truth={"anyOf": [DIGIT, {"type": "null"}], "description": "What it is; null for no digit."},
    )
}
INFER_BODY: dict[str, Schema] = {
    "application/json": record(
        ("id", "parameters", "outputs"),
        id={"type": "string"},
        parameters={"type": "object"},
        inputs=array(
            record(
                ("parameters",),
                name={"const": "images"},
                datatype={"const": "UINT8"},
                shape={"type": "array", "minItems": 3, "maxItems": 3,
                       "prefixItems": [{"type": "integer", "minimum": 1}, {"const": SIDE}, {"const": SIDE}]},
                data=array(PIXEL),
                parameters={"type": "object"},
            ), 1,
        ),
        outputs=array(record(("parameters",), name={"const": "probabilities"}, parameters={"type": "object"}), 1),
    )
}  # fmt: skip
