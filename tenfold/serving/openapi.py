"""The API's description: FastAPI's document with the bodies and responses that its own routing doesn't see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from tenfold.serving.schemas import (
    CorrectionRequest,
    ErrorResponse,
    InferRequest,
    InstancesRequest,
    PredictRequest,
    ReadRequest,
    components,
)

Schema = dict[str, Any]

BINARY: Schema = {"type": "string", "format": "binary"}
EXPECT: Schema = {"type": "string", "enum": ["auto", "digit", "line", "page"], "default": "auto"}
ERRORS = {
    400: "The body is not JSON or not a form, or incomplete",
    401: "The token is missing or wrong",
    403: "Unknown host name, a page of another site, or the server has no token",
    404: "Not found",
    408: "The body arrived too slowly",
    413: "The body is too large",
    415: "Unsupported content type",
    422: "The body is not what was expected; the message says what was",
    503: "Too many requests are waiting, the server is shutting down, or corrections can't be stored; "
    "Retry-After says when to try again",
    504: "The request took too long",
}
TAGS = {"v1": "Digits", "v2": "Open Inference Protocol"}  # by the path's first part
WORK_ERRORS = (400, 401, 403, 408, 413, 415, 422, 503, 504)  # of endpoints that read a body and wait in a queue


def reference(document: type[Struct]) -> Schema:
    return {"$ref": f"#/components/schemas/{document.__name__}"}


def operation(
    *errors: int,
    response: type[Struct] | None = None,
    status: int = 200,
    media_type: str = "application/json",
    body: dict[str, Schema] | None = None,
    query: dict[str, Schema] | None = None,
    error: type[Struct] = ErrorResponse,
) -> dict[str, Any]:
    """Keyword arguments of a FastAPI route: its responses, its body by media type, its query parameters."""
    schema = reference(response) if response else {"type": "string"}
    responses: dict[int | str, dict[str, Any]] = {
        code: {"description": ERRORS[code], "content": {"application/json": {"schema": reference(error)}}}
        for code in errors
    }
    responses[status] = {"description": "Success", "content": {media_type: {"schema": schema}}}
    extra: dict[str, Any] = {}
    if body:
        extra["requestBody"] = {"required": True, "content": {kind: {"schema": part} for kind, part in body.items()}}
    if query:
        extra["parameters"] = [{"name": name, "in": "query", "schema": part} for name, part in query.items()]
    return {"responses": responses, "openapi_extra": extra, "status_code": status}


def image_bodies(limit: int) -> dict[str, Schema]:
    return {
        "application/json": reference(PredictRequest),
        "application/octet-stream": BINARY | {"description": f"784 bytes for each of at most {limit:,} images."},
        "image/png": BINARY | {"description": "28x28 gray levels of 8 bits."},
    }


PICTURE_BODIES: dict[str, Schema] = {
    "application/json": reference(ReadRequest),
    "image/*": BINARY,
    "application/octet-stream": BINARY,
    "multipart/form-data": {
        "type": "object",
        "properties": {"picture": BINARY, "expect": EXPECT, "details": {"enum": ["false", "true"]}},
        "required": ["picture"],
    },
}
CORRECTION_BODY: dict[str, Schema] = {"application/json": reference(CorrectionRequest)}
INSTANCES_BODY: dict[str, Schema] = {"application/json": reference(InstancesRequest)}
INFER_BODY: dict[str, Schema] = {"application/json": reference(InferRequest)}


def describe(app: FastAPI) -> Schema:
    """The OpenAPI document, cached on the application as FastAPI does."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
        )
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {}).update(components())
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}, {}]  # the second for servers without a token
        for path, operations in document["paths"].items():
            for description in operations.values():
                description["tags"] = [TAGS.get(path.split("/")[1], "Server")]
        app.openapi_schema = document
    return app.openapi_schema
