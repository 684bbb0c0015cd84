"""The API: what each path does with a request."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from tenfold.images import Images
from tenfold.ocr.batch import reading_to_dict
from tenfold.ocr.reader import Expect
from tenfold.serving import parsing as body
from tenfold.serving.engine import Engine
from tenfold.serving.errors import Busy, Json, Late, Refused
from tenfold.serving.feedback import Feedback
from tenfold.serving.metrics import Metrics
from tenfold.serving.settings import Limits

Endpoint = Callable[[Request], Awaitable[Response]]
EXPECT = get_args(Expect)


class Api:
    """The endpoints of one server process."""

    def __init__(self, engine: Engine, feedback: Feedback | None, limits: Limits, metrics: Metrics) -> None:
        self._engine, self._feedback, self._limits, self._metrics = engine, feedback, limits, metrics
        pixels = limits.images * body.PIXELS
        self._parsers: dict[str, tuple[Callable[[bytes], Images], int]] = {  # with the most bytes of such a body
            "application/json": (body.json_images, 8 * pixels),
            "application/octet-stream": (body.raw_images, pixels),
            "image/png": (body.png_image, body.MAX_PNG),
        }

    async def predict(self, request: Request) -> Response:
        """Which digit each 28x28 image is: white ink (255) on black (0), framed as MNIST's digits are."""
        if self._engine.images.is_full:  # before anything is spent on it
            raise Busy
        images = await self._images(request)
        return Json(self.predicted(await self._engine.predict(images)))

    def predicted(self, probabilities: NDArray[np.float32]) -> dict[str, Any]:
        """What `predict` says, and counts, of images whose probabilities are (N, 10)."""
        # For one image, lists take a third of NumPy's time; for a thousand it is all one beside writing the answer.
        digits = [(shares.index(most), most) for shares in probabilities.tolist() for most in [max(shares)]]
        self._metrics.read(digits)
        return {"digits": [digit for digit, _ in digits], "probabilities": probabilities}

    async def _images(self, request: Request) -> Images:
        kind = body.media_type(request)
        parse, most = self._parser(kind)
        return self._not_too_many(await body.aside(parse, await body.whole(request, most)))

    def images(self, kind: str, content: bytes) -> Images:
        """Those in a short body of this media type. Raises Refused."""
        parse, most = self._parser(kind)
        if len(content) > most:
            raise body.too_large(most)
        return self._not_too_many(parse(content))

    def _parser(self, kind: str) -> tuple[Callable[[bytes], Images], int]:
        if kind not in self._parsers:
            raise wrong_type(kind, "application/json, application/octet-stream or image/png")
        return self._parsers[kind]

    def _not_too_many(self, images: Images) -> Images:
        if len(images) > self._limits.images:
            raise body.invalid(f"expected at most {self._limits.images:,} images in a request, got {len(images):,}")
        return images

    async def read(self, request: Request) -> Response:
        """The digits in a picture, whatever kind of picture it is."""
        if self._engine.pictures.is_full:
            raise Busy
        picture, expect, details = await self._picture(request)
        begun = time.perf_counter()
        reading = await self._engine.read(picture, expect)
        self._metrics.read((digit.value, digit.confidence) for digit in reading.digits)
        answer = reading_to_dict(reading)
        if details and reading.digits:
            left = self._limits.seconds - (time.perf_counter() - begun)
            probabilities = await self._predicted(np.stack([digit.frame for digit in reading.digits]), left)
            for said, digit, shares in zip(answer["digits"], reading.digits, probabilities, strict=True):
                said |= {"frame": base64.b64encode(digit.frame.tobytes()).decode(), "probabilities": shares}
        answer["milliseconds"] = round(1000 * (time.perf_counter() - begun), 2)
        return Json(answer)

    async def _predicted(self, images: Images, seconds: float) -> NDArray[np.float32]:
        """For a request that has only so many seconds left of those it was promised."""
        try:
            async with asyncio.timeout(seconds):
                return await self._engine.predict(images)
        except TimeoutError:
            raise Late(self._limits.seconds) from None

    async def _picture(self, request: Request) -> tuple[bytes, Expect, bool]:
        """The picture's bytes, what to expect in it, and whether details are wanted."""
        kind, most = body.media_type(request), self._limits.picture_bytes
        expect: object = request.query_params.get("expect", "auto")
        details: object = request.query_params.get("details", "false")
        if kind == "multipart/form-data":
            fields = await body.form(request, await body.whole(request, most))
            picture, expect = fields.get("picture"), fields.get("expect", expect)
            details = fields.get("details", details)
            if not isinstance(picture, bytes):
                raise body.invalid("expected a file in the field `picture`")
        elif kind.startswith("image/") or kind in ("application/octet-stream", ""):
            picture = await body.whole(request, most)
        else:
            raise wrong_type(kind, "image/*, application/octet-stream or multipart/form-data")
        if details not in ("true", "false"):
            raise body.invalid("`details` is true or false")
        return picture, _expected(expect), details == "true"

    async def looked(self, request: Request) -> Response:
        """Where the network looked in one 28x28 image: what its answer loses where the image is covered."""
        if self._engine.images.is_full:
            raise Busy
        images = await self._images(request)
        if len(images) != 1:
            raise body.invalid(f"expected one image, got {len(images)}")
        digit, losses = await self._engine.looked(images[0])
        return Json({"digit": digit, "losses": losses})

    async def correct(self, request: Request) -> Response:
        """Say what a digit of a picture is. Picture, image, reading and truth are kept."""
        feedback = self._kept()
        if self._engine.pictures.is_full:
            raise Busy
        if (kind := body.media_type(request)) not in ("application/json", ""):
            raise wrong_type(kind, "application/json")
        content = await body.whole(request, self._limits.picture_bytes * 4 // 3 + 1024)
        picture, expect, number, truth = await body.aside(_correction, content)
        # Read again: what is kept is what this server read, whatever the client says.
        reading = await self._engine.read(picture, expect)
        if number >= len(reading.digits):
            raise Refused(404, "no_such_digit", f"{len(reading.digits)} digits were read in this picture")
        digit = reading.digits[number]
        kept = await asyncio.to_thread(
            feedback.keep, picture, digit.frame, digit.value, digit.confidence, truth, self._engine.model.digest
        )
        return Json({"id": kept, "read": digit.value, "truth": truth}, 201)

    def _kept(self) -> Feedback:
        if self._feedback is None:
            raise Refused(404, "no_feedback", "this server keeps no corrections")
        return self._feedback

    async def corrections(self, after: int, most: int) -> Response:
        """Corrections numbered above `after`, oldest first."""
        found = await asyncio.to_thread(self._kept().all, after, most)
        return Json(
            {
                "corrections": [
                    {
                        "id": one.id,
                        "time": one.time,
                        "frame": base64.b64encode(one.frame.tobytes()).decode(),
                        "read": one.read,
                        "confidence": one.confidence,
                        "truth": one.truth,
                        "model": one.model,
                    }
                    for one in found
                ]
            }
        )


def _correction(content: bytes) -> tuple[bytes, Expect, int, int | None]:
    """The picture, what was expected in it, which of its digits is meant, and what that is. Raises Refused."""
    given = body.json(content)
    number = body.whole_number(given.get("digit", 0))
    truth = body.whole_number(given.get("truth"))
    try:
        picture = base64.b64decode(given.get("picture", ""), validate=True)
    except (TypeError, ValueError):
        raise body.invalid("expected `picture`: the picture's bytes in base64") from None
    if number is None or number < 0:
        raise body.invalid("expected `digit`: which digit of the reading it is, counted from 0")
    if "truth" not in given or (given["truth"] is not None and truth not in range(10)):
        raise body.invalid("expected `truth`: what it is, 0 to 9, or null for no digit")
    return picture, _expected(given.get("expect", "auto")), number, truth


def _expected(value: object) -> Expect:
    if value not in EXPECT:
        raise body.invalid(f"`expect` is one of {', '.join(EXPECT)}")
    return cast(Expect, value)


def wrong_type(kind: str, expected: str) -> Refused:
    return Refused(415, "wrong_type", f"the body is {kind or 'of no said type'}; expected {expected}")
