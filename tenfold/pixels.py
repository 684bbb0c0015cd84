"""Images in any of the usual layouts and scales become uint8 (N, H, W): the one place that does it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import DataError, shorten
from tenfold.images import SIDE

SIDES = (SIDE, 16, 8, 32)  # MNIST's; USPS and semeion; scikit-learn's and UCI's digits; MNIST padded for LeNet
EXPECTED = "expected images (N, 28, 28) or rows (N, 784) of 0 to 255"
CHUNK = 4096  # images converted at a time, to spare memory
MNIST_MEAN, MNIST_STD = 0.1307, 0.3081  # which PyTorch's example standardizes with
LEVELS = 16  # of gray in the files of 8x8 digits


class Scale(NamedTuple):
    """The values of black and white, and the note. begins_with_black: whether black must occur. least: of the maximum.

    Fractions a little above 1 are of 0 to 1 and overshoot, so they are not taken for 0 to 255.
    """

    black: float
    white: float
    note: str
    begins_with_black: bool = False
    least: float = -math.inf


TOLERANCE = 1e-3  # of rounding before the values were written
SCALES = (  # of floats, the narrowest first
    Scale(0, 1, "Pixels are from 0 to 1: scaled to 255."),
    Scale(-0.5, 0.5, "Pixels are from -0.5 to 0.5: scaled to 0 to 255.", begins_with_black=True),
    Scale(-1, 1, "Pixels are from -1 to 1: scaled to 0 to 255.", begins_with_black=True),
    Scale(
        -MNIST_MEAN / MNIST_STD,
        (1 - MNIST_MEAN) / MNIST_STD,
        "Pixels are standardized as MNIST's: scaled back to 0 to 255.",
        begins_with_black=True,
    ),
    Scale(0, 255, "Pixels are fractions: rounded to integers.", least=32),
)
SCALES_16_BIT = (Scale(0, 65535, "Pixels have 16 bits: scaled to 255."),)

Notes = tuple[str, ...]


def to_levels(values: NDArray[Any], file: str) -> tuple[NDArray[np.uint8], Notes]:
    """Images uint8 (N, H, W), H = W one of SIDES, and what was changed.

    values: (N, H, W), (N, H, W, 1), (N, 1, H, W), (N, H*W), one image (28, 28), or MATLAB's (H, W, N) and (H*W, N). Of
    integers 0 to 255, or any of the usual scales of floats. file: what messages call them.

    Raises DataError.
    """
    if values.dtype.kind not in "biuf":
        kind = "Python objects, which are not loaded" if values.dtype.hasobject else shorten(values.dtype, 40)
        raise DataError(f"contains {kind}; expected numbers", file=file)
    if not values.size:
        raise DataError("contains no images", file=file)
    arranged, notes = _arrange(values, file)
    levels, scale_notes = _scale(arranged, file)
    return levels, notes + scale_notes


def _arrange(values: NDArray[Any], file: str) -> tuple[NDArray[Any], Notes]:
    """(N, H, W) with H = W in SIDES."""
    shape = values.shape
    if values.ndim == 4:
        return _drop_channels(values, file)
    if values.ndim == 1 and len(values) == SIDE * SIDE:
        return values.reshape(1, SIDE, SIDE), ()
    if values.ndim == 2:
        return _arrange_rows(values, file)
    if values.ndim == 3:
        if shape[1] == shape[2] and shape[1] in SIDES:
            return values, ()
        if shape[0] == shape[1] and shape[0] in SIDES:
            return np.moveaxis(values, 2, 0), ()
    raise DataError(f"has the shape {_shape(values)}; {EXPECTED}", file=file)


def _arrange_rows(values: NDArray[Any], file: str) -> tuple[NDArray[Any], Notes]:
    if values.shape == (SIDE, SIDE):
        return values[None], ()
    areas = [side * side for side in SIDES]
    if values.shape[1] not in areas and values.shape[0] in areas:
        values = values.T
        return values.reshape(len(values), *[math.isqrt(values.shape[1])] * 2), ("One column is one image.",)
    if values.shape[1] not in areas:
        raise DataError(f"has the shape {_shape(values)}; {EXPECTED}", file=file)
    return values.reshape(len(values), *[math.isqrt(values.shape[1])] * 2), ()


def _drop_channels(values: NDArray[Any], file: str) -> tuple[NDArray[Any], Notes]:
    if values.shape[3] == 1:
        return _arrange(values[..., 0], file)
    if values.shape[1] == 1:
        return _arrange(values[:, 0], file)
    if values.shape[2] == 1:  # MATLAB's (H, W, 1, N)
        return _arrange(values[:, :, 0], file)
    if values.shape[3] == 3 and values.shape[1] in SIDES and (values == values[..., :1]).all():
        arranged, notes = _arrange(values[..., 0], file)
        return arranged, (*notes, "The three color channels are equal: one was used.")
    raise DataError(f"has the shape {_shape(values)}, color images as CIFAR's or SVHN's; {EXPECTED} in gray", file=file)


def _shape(values: NDArray[Any]) -> str:
    return f"({', '.join(map(str, values.shape[:6]))})"


def _scale(values: NDArray[Any], file: str) -> tuple[NDArray[np.uint8], Notes]:
    """Any type -> uint8 of the same shape."""
    if values.dtype == np.uint8:
        return _scale_levels(np.ascontiguousarray(values))
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255), ("Pixels are true or false: scaled to 255 and 0.",)
    low, high = float(values.min()), float(values.max())
    if not math.isfinite(low + high):
        index = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
        raise DataError("has a pixel that is no number (NaN or infinite)", file=file, row=index + 1)
    if low >= 0 and high <= 255 and _is_integral(values, high):
        return _scale_levels(values.astype(np.uint8, order="C"))
    scale = _find_scale(values, low, high, file)
    images = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), CHUNK):
        chunk = values[start : start + CHUNK].astype(np.float32)
        images[start : start + CHUNK] = np.rint((chunk - scale.black) * (255 / (scale.white - scale.black))).clip(
            0, 255
        )
    return images, (scale.note,)


def _is_integral(values: NDArray[Any], high: float) -> bool:
    """Whether these are integers of 0 to 255; floats of 0 and 1 alone are the ends of another scale."""
    if values.dtype.kind in "iu":
        return True
    chunks = (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
    return high > 1 and all((np.floor(chunk) == chunk).all() for chunk in chunks)


def _find_scale(values: NDArray[Any], low: float, high: float, file: str) -> Scale:
    """How the pixels were scaled before they were written."""
    scales = SCALES_16_BIT if values.dtype.kind in "iu" else SCALES
    for scale in scales:
        begins_there = abs(low - scale.black) < TOLERANCE or not scale.begins_with_black
        if begins_there and low >= scale.black - TOLERANCE and scale.least <= high <= scale.white + TOLERANCE:
            return scale
    raise DataError(f"has pixels from {low:g} to {high:g}; expected 0 to 255, 0 to 1 or -1 to 1", file=file)


def _scale_levels(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Notes]:
    """Files of 8x8 digits count the pixels of ink in blocks of 4x4."""
    if images.shape[1] == 8 and 1 < images.max() <= LEVELS:
        return np.rint(images * (255 / LEVELS)).astype(np.uint8), (f"Pixels are from 0 to {LEVELS}: scaled to 255.",)
    return images, ()


def to_array(values: Any) -> NDArray[Any]:
    """A NumPy array of whatever holds one: a tensor of PyTorch, a table of pandas or Polars, lists."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)


def check_layout(values: NDArray[Any], title: str) -> NDArray[Any]:
    """The array, unless its images are along the last axis, as MATLAB has them, which an array may be by mistake.

    Raises DataError.
    """
    if values.ndim == 3 and values.shape[:2] == (SIDE, SIDE) and values.shape[1:] != (SIDE, SIDE):
        shape = _shape(values)
        raise DataError(
            f"has the shape {shape}; if its last axis counts images, write np.moveaxis(x, 2, 0)", file=title
        )
    return values


def scale_binary(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Notes]:
    """Images of 0 and 1 alone as 0 and 255, with a note; others as they are."""
    if images.size and images.max() == 1:
        return images * np.uint8(255), ("Pixels are 0 and 1: scaled to 0 and 255.",)
    return images, ()
