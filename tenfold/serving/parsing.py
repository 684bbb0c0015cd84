"""From request bodies to images, pictures and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, cast, get_args

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from tenfold.images import SIDE, Images
from tenfold.ocr.reading import Expect
from tenfold.serving.bodies import (
    JSON,
    OCTETS,
    UNSPECIFIC_TYPES,
    Upload,
    decode_json,
    media_type,
    parse,
    read_upload,
    unsupported_type,
)
from tenfold.serving.errors import APIError, InvalidBody
from tenfold.serving.schemas import PixelRows, PredictRequest
from tenfold.serving.settings import Limits

PIXELS = SIDE * SIDE
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PNG_BYTES = 1 << 16  # of a PNG of so many pixels
MAX_JSON_BYTES = 24 * PIXELS  # of an image: floats in full precision, each with a comma and spaces
EXPECT_VALUES: tuple[Expect, ...] = get_args(Expect)
RESCALED = "all values are between 0 and 1: multiplied by 255"
ROUNDED = "the values are not whole numbers: rounded"

Array = NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float64]


class _PixelImages(msgspec.Struct):
    """The most frequent case of PredictRequest."""

    images: Annotated[list[PixelRows], msgspec.Meta(min_length=1)]


PIXELS_DECODER = msgspec.json.Decoder(_PixelImages)
PREDICT_DECODER = msgspec.json.Decoder(PredictRequest)


def parse_json_images(body: bytes) -> Array:
    """Images in JSON. Raises APIError (400), InvalidBody."""
    try:  # in a third of the time
        images = PIXELS_DECODER.decode(body).images
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return to_array(decode_json(body, PREDICT_DECODER).images)
    levels = b"".join([bytes(row) for image in images for row in image])
    return np.frombuffer(levels, np.uint8).reshape(-1, SIDE, SIDE)


def to_array(values: list[Any]) -> NDArray[np.float64]:
    """Nested lists of numbers. Raises InvalidBody."""
    try:
        return np.array(values, np.float64)
    except ValueError:
        raise InvalidBody("the lists of an image have different lengths") from None


def parse_raw_images(body: bytes) -> Array:
    """Pixels one after the other, 784 bytes an image. Raises InvalidBody."""
    if not body or len(body) % PIXELS:
        raise InvalidBody(f"expected {PIXELS} bytes for each image, white ink on black, got {len(body):,} bytes")
    return np.frombuffer(body, np.uint8).reshape(-1, SIDE, SIDE)


def parse_png_image(body: bytes) -> Array:
    """A PNG of 28x28 gray levels -> (28, 28). Raises APIError (422)."""
    # The header, IHDR's 13 bytes from offset 16 on, has the size and the depth, before anything is decoded.
    header = (int.from_bytes(body[16:20]), int.from_bytes(body[20:24]), body[24:26])
    if body[:8] != PNG_SIGNATURE or header != (SIDE, SIDE, b"\x08\x00"):
        raise APIError(422, "unreadable", "expected an 8-bit grayscale PNG of 28x28 pixels; /v1/read takes any picture")
    image: Any = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None or image.shape != (SIDE, SIDE):
        raise APIError(422, "unreadable", "the PNG is damaged")
    return image  # type: ignore[no-any-return]


def to_images(array: Array) -> tuple[Images, list[str]]:
    """Gray levels -> uint8 (N, 28, 28), and what was done to them. Raises InvalidBody.

    array: (N, 28, 28) or (N, 784), with or without a channel, (N, 28, 28, 1) or (N, 1, 28, 28), or one image without
    N. Values from 0 to 255, or all from 0 to 1.
    """
    images = array.reshape(-1, SIDE, SIDE) if _is_shape_of_images(array.shape) else None
    if images is None or not len(images):
        raise InvalidBody(f"expected images of the shape (N, {SIDE}, {SIDE}), got {array.shape}")
    highest = images.max()
    if images.dtype == np.uint8 and highest > 1:
        return images.astype(np.uint8, copy=False), []
    if not (images.min() >= 0 and highest <= 255):  # nor NaN
        raise InvalidBody("expected gray levels from 0 to 255, white ink (255) on black (0), or all from 0 to 1")
    if 0 < highest <= 1:
        return np.rint(images * np.float32(255)).astype(np.uint8), [RESCALED]
    rounded = np.rint(images).astype(np.uint8)
    return rounded, [] if np.array_equal(rounded, images) else [ROUNDED]


def _is_shape_of_images(shape: tuple[int, ...]) -> bool:
    if shape[-1:] == (1,):
        shape = shape[:-1]
    before = shape[:-2] if shape[-2:] == (SIDE, SIDE) else shape[:-1] if shape[-1:] == (PIXELS,) else None
    return before is not None and (len(before) < 2 or (len(before) == 2 and before[1] == 1))


async def read_images(request: Request, limits: Limits) -> tuple[Images, list[str]]:
    """The 28x28 images in a body of any form, uint8 (N, 28, 28), and what was done to them. Raises APIError."""
    size = {"image/png": MAX_PNG_BYTES, OCTETS: limits.images * PIXELS}.get(
        media_type(request), limits.images * MAX_JSON_BYTES
    )
    upload = await read_upload(request, size, arrays=True)
    images, warnings = to_images(await parse(_image_parser(upload), upload.content))
    check_count(images, limits)
    return images, warnings


def check_count(images: Images, limits: Limits) -> None:
    """Raises InvalidBody."""
    if len(images) > limits.images:
        raise InvalidBody(f"expected at most {limits.images:,} images in a request, got {len(images):,}")


def _image_parser(upload: Upload) -> Callable[[bytes], Array]:
    """By the first bytes, and by the content type where they don't tell. Raises APIError (415)."""
    if upload.content.startswith(PNG_SIGNATURE) or upload.kind == "image/png":
        return parse_png_image
    if upload.is_json:
        return parse_json_images
    if upload.kind == OCTETS or (
        upload.kind in UNSPECIFIC_TYPES and upload.content and not len(upload.content) % PIXELS
    ):
        return parse_raw_images
    raise unsupported_type(upload.kind, f"{JSON}, {OCTETS} or image/png")


async def read_picture(request: Request, limits: Limits) -> tuple[bytes, Expect, bool]:
    """The picture's bytes, what to expect in it, and whether details are wanted. Raises APIError."""
    upload = await read_upload(request, limits.picture_bytes)
    if not upload.kind.startswith("image/") and upload.kind not in UNSPECIFIC_TYPES:
        raise unsupported_type(upload.kind, "image/*, multipart/form-data or application/octet-stream")
    for options in (request.query_params, upload.options):
        if options.get("details", "false") not in ("true", "false"):
            raise InvalidBody("expected `details` to be true or false")
        if options.get("expect", "auto") not in EXPECT_VALUES:
            raise InvalidBody(f"expected `expect` to be one of {', '.join(EXPECT_VALUES)}")
    chosen = {"expect": "auto", "details": "false", **request.query_params, **upload.options}
    return upload.content, cast(Expect, chosen["expect"]), chosen["details"] == "true"
