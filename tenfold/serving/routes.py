"""The endpoints of the API under /v1, and those of its state."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from tenfold.images import Images
from tenfold.serving.bodies import decode_base64, decode_json, media_type, parse, read_body, unsupported_type
from tenfold.serving.engine import Engine
from tenfold.serving.errors import APIError, InvalidBody, JSONResponse, QueueFull, RequestTimeout
from tenfold.serving.feedback import Correction, Feedback
from tenfold.serving.metrics import Metrics
from tenfold.serving.parsing import MAX_JSON_BYTES, check_count, read_images, read_picture, to_array, to_images
from tenfold.serving.schemas import CorrectionRequest, InstancesRequest
from tenfold.serving.settings import Limits

Endpoint = Callable[[Request], Awaitable[Response]]
INSTANCES_DECODER = msgspec.json.Decoder(InstancesRequest)
CORRECTION_DECODER = msgspec.json.Decoder(CorrectionRequest)
BASE64_OVERHEAD = 4 / 3


class API:
    """The endpoints of one server process."""

    def __init__(self, engine: Engine, feedback: Feedback | None, limits: Limits, metrics: Metrics) -> None:
        self._engine, self._feedback, self._limits, self._metrics = engine, feedback, limits, metrics

    async def predict(self, request: Request) -> Response:
        """Classify 28x28 images of digits: white ink (255) on black (0), centered and scaled as in MNIST."""
        if self._engine.images.is_full:  # before anything is spent on the request
            raise QueueFull
        images, warnings = await read_images(request, self._limits)
        probabilities = await self._engine.predict(images)
        rows = probabilities.tolist()  # for a few images, lists are faster than NumPy
        confidences = [max(row) for row in rows]
        digits = [row.index(confidence) for row, confidence in zip(rows, confidences, strict=True)]
        self._metrics.observe_digits(zip(digits, confidences, strict=True))
        return _respond({"digits": digits, "probabilities": probabilities}, warnings)

    async def predict_instances(self, request: Request) -> Response:
        """Classify 28x28 images of digits, as in TensorFlow Serving's REST API."""
        if self._engine.images.is_full:
            raise QueueFull
        body = await read_body(request, self._limits.images * MAX_JSON_BYTES)
        images, warnings = await parse(
            lambda body: to_images(to_array(decode_json(body, INSTANCES_DECODER).instances)), body
        )
        check_count(images, self._limits)
        return _respond({"predictions": await self._engine.predict(images)}, warnings)

    async def read(self, request: Request) -> Response:
        """Read the digits in a picture: a photo, a scan or a drawing."""
        if self._engine.pictures.is_full:
            raise QueueFull
        picture, expect, details = await read_picture(request, self._limits)
        start = time.perf_counter()
        reading = await self._engine.read(picture, expect)
        self._metrics.observe_digits((digit.value, digit.confidence) for digit in reading.digits)
        content = reading.to_dict()
        if details and reading.digits:
            images = np.stack([digit.image for digit in reading.digits])
            left = self._limits.seconds - (time.perf_counter() - start)
            probabilities = await self._predict_within(images, left)
            for digit, image, row in zip(content["digits"], images, probabilities, strict=True):
                digit |= {"image": base64.b64encode(image.tobytes()).decode(), "probabilities": row}
        content["milliseconds"] = round(1000 * (time.perf_counter() - start), 2)
        return JSONResponse(content)

    async def _predict_within(self, images: Images, seconds: float) -> NDArray[np.float32]:
        try:
            async with asyncio.timeout(seconds):
                return await self._engine.predict(images)
        except TimeoutError:
            raise RequestTimeout(self._limits.seconds) from None

    async def explain(self, request: Request) -> Response:
        """Show which pixels of one 28x28 image support its prediction."""
        if self._engine.images.is_full:
            raise QueueFull
        images, warnings = await read_images(request, self._limits)
        if len(images) != 1:
            raise InvalidBody(f"expected one image, got {len(images)}")
        explanation = await self._engine.explain(images[0])
        return _respond({"digit": explanation.digit, "heatmap": explanation.heatmap}, warnings)

    async def add_correction(self, request: Request) -> Response:
        """Correct one digit of a picture's reading; the picture and the correction are stored."""
        feedback = self._stored()
        if self._engine.pictures.is_full:
            raise QueueFull
        if (kind := media_type(request)) not in ("application/json", ""):
            raise unsupported_type(kind, "application/json")
        body = await read_body(request, int(self._limits.picture_bytes * BASE64_OVERHEAD) + 1024)
        correction = await parse(lambda body: decode_json(body, CORRECTION_DECODER), body)
        picture = decode_base64(correction.picture, "picture")
        # Read again: what is stored is this server's reading, whatever the client claims.
        reading = await self._engine.read(picture, correction.expect)
        if correction.digit >= len(reading.digits):
            raise APIError(404, "no_such_digit", f"the reading of this picture has {len(reading.digits)} digits")
        digit = reading.digits[correction.digit]
        number = await asyncio.to_thread(
            feedback.add,
            picture,
            digit.image,
            digit.value,
            digit.confidence,
            correction.label,
            self._engine.model.digest,
        )
        return JSONResponse({"id": number, "prediction": digit.value, "label": correction.label}, 201)

    async def corrections(self, after: int, limit: int) -> Response:
        found = await asyncio.to_thread(self._stored().list, after, limit)
        return JSONResponse({"corrections": [_correction_to_dict(correction) for correction in found]})

    def _stored(self) -> Feedback:
        if self._feedback is None:
            raise APIError(404, "no_feedback", "this server stores no corrections")
        return self._feedback


def _respond(content: dict[str, Any], warnings: list[str]) -> Response:
    return JSONResponse(content | {"warnings": warnings} if warnings else content)


def _correction_to_dict(correction: Correction) -> dict[str, Any]:
    return {
        "id": correction.id,
        "time": correction.time,
        "image": base64.b64encode(correction.image.tobytes()).decode(),
        "prediction": correction.prediction,
        "confidence": correction.confidence,
        "label": correction.label,
        "model": correction.model,
    }
