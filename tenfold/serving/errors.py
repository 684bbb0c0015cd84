"""Errors of the API, each with a code that stays, and responses in JSON."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from starlette.responses import Response

DECIMALS = 7  # of float32 probabilities
RETRY_SECONDS = 1  # after which clients should retry


def to_builtin(value: Any) -> Any:
    """NumPy arrays and numbers as lists and numbers."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64).round(DECIMALS).tolist() if value.dtype == np.float32 else value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


encode_json = msgspec.json.Encoder(enc_hook=to_builtin).encode


class JSONResponse(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return encode_json(content)


class APIError(Exception):
    """An error response. `code` is for programs and never changes, `message` is for people."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class QueueFull(APIError):
    def __init__(self) -> None:
        super().__init__(
            503,
            "queue_full",
            "too many requests are waiting; try again in a second",
            {"Retry-After": str(RETRY_SECONDS)},
        )


class RequestTimeout(APIError):
    def __init__(self, seconds: float) -> None:
        super().__init__(504, "timeout", f"the request took longer than {seconds:g} s")


class ShuttingDown(APIError):
    def __init__(self) -> None:
        super().__init__(503, "shutting_down", "the server is shutting down", {"Retry-After": str(RETRY_SECONDS)})


class InvalidBody(APIError):
    def __init__(self, message: str) -> None:
        super().__init__(422, "invalid", message)


INTERNAL_ERROR = APIError(500, "internal", "internal server error; the server's log has the details")


def error_response(path: str, error: APIError) -> Response:
    """The error as JSON, in the form of the Open Inference Protocol and of TensorFlow Serving under their paths."""
    if path.startswith(("/v2", "/v1/models/")):
        content: dict[str, Any] = {"error": error.message, "code": error.code}
    else:
        content = {"error": {"code": error.code, "message": error.message}}
    return JSONResponse(content, error.status, error.headers)
