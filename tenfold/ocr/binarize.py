"""Separate ink from its background: a gray picture becomes white ink on black, for any light, paper and pen.

The background (paper, board, screen) is estimated by an opening somewhat wider than the strokes, lifted to the mean of
what is not ink. What stands out from it by far more than its own noise, and by a good part of the strongest ink, is
ink.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.quantile import median, quantile

BACKGROUND_SIDE = 240  # pixels of the picture that the background is estimated on; shows the edges of shadows
STROKE_WIDTHS = (3, 5, 7, 9, 13, 17, 25, 33, 49, 65)  # in its pixels
OPENING_RATIO = 2.5  # of the opening to the strokes' width
MIN_REMOVED = 0.8  # of what openings up to OPENING_RATIO times as wide remove, removed by that of the strokes' width
MIN_CONTRAST = 10.0  # gray levels by which ink stands out
MIN_NOISE_RATIO = 4.0  # standard deviations of the background by which ink stands out
SAMPLE_SIZE = 20_000  # pixels that represent a picture,
MIN_SAMPLED_INK = 100  # unless fewer of them are ink: small writing on a large page may lie between them

Gray = NDArray[np.uint8]  # (H, W)
Residual = NDArray[Any]  # uint8 or float32 (H, W), gray levels above the background


@dataclass(frozen=True, eq=False)
class Ink:
    """The ink of a picture.

    ink: uint8 (H, W), white on pure black. is_light: whether it is lighter than its background in the picture.
    contrast: how many standard deviations of the background it stands out by; 0 where there is none.
    """

    ink: NDArray[np.uint8]
    is_light: bool
    contrast: float


def binarize(gray: Gray, light: bool | None = None) -> Ink:
    """The ink of `gray`, uint8 (H, W). light: whether it is lighter than its background; None to detect.

    A picture without ink, uniform or only noise, gives an empty one.
    """
    nothing = Ink(np.zeros_like(gray), bool(light), 0.0)
    if int(gray.max()) - int(gray.min()) < MIN_CONTRAST:
        return nothing
    histogram = _histogram(np.ascontiguousarray(_sample(gray)))
    background = _even_background(gray, histogram)
    if background is not None and histogram.sum() - histogram[background] < MIN_SAMPLED_INK:
        histogram = _histogram(gray)
    if background is not None:
        if light is None:
            deviation = np.arange(256.0) - background
            light = bool((histogram * deviation * deviation * deviation).sum() > 0)
        # Stays uint8, on which all below takes a fraction of the time.
        even = np.full_like(gray, background)
        residual = cv2.subtract(gray, even) if light else cv2.subtract(even, gray)
    else:
        light = is_light_on_dark(gray) if light is None else light
        residual = _above_background(gray if light else 255 - gray, light)
    noise, level, between = _levels(residual)
    lowest = max(MIN_CONTRAST, MIN_NOISE_RATIO * noise)
    if level < lowest:
        return nothing
    high = max(0.5 * level, 0.9 * between, lowest)
    low = max(0.3 * level, 0.7 * lowest, min(_pattern(residual, high), 0.8 * high))
    connected = _connected_to(_above(residual, low), _above(residual, high))
    # Between the thresholds the edge of a stroke is gray, as far as it covers its pixels.
    foot = 0.5 * low
    scale = 255 / (0.9 * level - foot)
    soft = cv2.addWeighted(
        residual, scale, residual, 0, -foot * scale - 0.5, dtype=cv2.CV_8U
    )  # clipped and rounded, down
    ink = cv2.bitwise_and(soft, cv2.dilate(connected, np.ones((3, 3), np.uint8))).astype(np.uint8, copy=False)
    return Ink(ink, light, level / max(noise, 1.0))


def _even_background(gray: Gray, histogram: NDArray[np.float64]) -> int | None:
    """The one level of a canvas or a clean scan; None for paper in some light.

    histogram: of its levels, or of a sample's.
    """
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    level = int(np.bincount(border).argmax())
    is_even = (border == level).mean() > 0.7 and histogram[level] > 0.5 * histogram.sum()
    return level if is_even else None


def _histogram(values: Gray) -> NDArray[np.float64]:
    """How many pixels have each of the 256 levels."""
    return cv2.calcHist([values], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def _above(residual: Residual, threshold: float) -> NDArray[np.uint8]:
    """255 where `residual` is above, else 0."""
    return cv2.threshold(residual, threshold, 255, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)


def is_light_on_dark(gray: Gray) -> bool:
    """Whether the ink is the lighter part: that which stands out, is finer, and is not at the border."""
    small = np.ascontiguousarray(_shrink(gray, BACKGROUND_SIDE))
    # Light on a part of the picture is part of the near background; thick strokes are not part of the far one.
    near, far = min(small.shape) // 2, max(small.shape)
    return _stands_out(small, near) + _stands_out(small, far) + 2.4 * _fine_strokes(small) > 0


def _stands_out(small: Gray, side: int) -> float:
    """From 1.7 to -1.7: whether what differs from `side` pixels around it, and is off the border, is light or dark."""
    deviation = small.astype(np.float32) - cv2.medianBlur(small, max(3, min(side, 254) | 1))
    cubes = deviation**3
    skew = float(cubes.sum() / max(float(np.abs(cubes).sum()), 1e-6))
    levels = (deviation / 2 + 128).astype(np.uint8)
    border = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    return skew + 0.7 * (1 - 2 * float((border > threshold).mean()))


def _fine_strokes(small: Gray) -> float:
    """From 1 to -1: whether what is narrow in a picture is light or dark."""
    smooth = cv2.medianBlur(small, 3) if min(small.shape) > 60 else small
    kernel = _disc(max(5, int(0.12 * min(small.shape))) | 1)
    light = _cubes(cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, kernel, borderType=cv2.BORDER_REPLICATE))
    dark = _cubes(cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, kernel, borderType=cv2.BORDER_REPLICATE))
    return (light - dark) / max(light + dark, 1e-6)


def _cubes(values: NDArray[Any]) -> float:
    """The sum of the third powers of uint8 values: few that are large outweigh many that are small."""
    return float(_histogram(values) @ np.arange(256.0) ** 3)


def _disc(width: int) -> NDArray[Any]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))


def _shrink(gray: Gray, side: int) -> Gray:
    factor = side / max(gray.shape)
    if factor >= 1:
        return gray
    height, width = (max(1, round(length * factor)) for length in gray.shape)
    return cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _above_background(bright: Gray, light: bool) -> NDArray[np.float32]:
    """How far each pixel of `bright`, whose ink is the lighter part, stands above its background: float32 (H, W)."""
    small = _shrink(bright, BACKGROUND_SIDE)
    smooth = cv2.medianBlur(small, 3).astype(np.uint8, copy=False) if min(small.shape) > 60 else small
    trend = _trend(small.astype(np.float32))
    widest = max(7, int(0.4 * min(small.shape))) | 1
    width = min(widest, _opening_width(smooth))
    # An opening keeps every edge of light that is wider than it reaches; one of them also follows light that bulges.
    background = np.maximum(_open(smooth, width), _open(smooth - trend, width) + trend)
    # The opening is the lower envelope; the mean of what is not ink is the background.
    excess = small - background
    threshold, _ = cv2.threshold(excess.clip(0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    is_background = (excess <= max(threshold, 2)).astype(np.float32)
    is_background = cv2.erode(is_background, np.ones((3, 3), np.uint8)).astype(np.float32, copy=False)
    weight = cv2.GaussianBlur(is_background, (0, 0), widest / 4, borderType=cv2.BORDER_REPLICATE)
    lift = cv2.GaussianBlur(is_background * excess, (0, 0), widest / 4, borderType=cv2.BORDER_REPLICATE)
    background += np.where(weight > 0.02, lift / np.maximum(weight, 0.02), 0)
    background = cv2.resize(background, bright.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(
        np.float32, copy=False
    )
    residual: NDArray[np.float32] = bright.astype(np.float32) - background
    if not light:  # paper in shadow: its ink is darker in proportion to the light
        residual *= np.minimum(255 / np.maximum(255 - background, 1), 4)
    return residual


def _opening_width(smooth: Gray) -> int:
    """A width well above that of the strokes, and as small as possible, so that the background follows the light.

    An opening by the width of the strokes removes nearly all that those up to OPENING_RATIO times as wide do
    (granulometry, Matheron 1975); only far wider ones remove the light's own structure.
    """
    sizes = [size for size in STROKE_WIDTHS if size < 0.4 * min(smooth.shape)]
    removed = [_cubes(cv2.subtract(smooth, _open(smooth, size))) for size in sizes]
    for index, size in enumerate(sizes):
        wider = [more for later, more in zip(sizes, removed, strict=True) if size < later <= OPENING_RATIO * size]
        if removed[index] >= MIN_REMOVED * max(wider, default=0):
            return int(OPENING_RATIO * size) | 1
    return int(max(smooth.shape)) | 1


def _trend(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """The light on the picture: a surface of second order through what is not ink, float32 (H, W)."""
    height, width = small.shape
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    ones = np.ones_like(small, np.float64)
    terms = np.stack([ones, rows * ones, columns * ones, rows**2 * ones, rows * columns, columns**2 * ones])
    step = max(1, max(small.shape) // 48)
    sample, values = terms[:, ::step, ::step].reshape(6, -1).T, small[::step, ::step].ravel().astype(np.float64)
    weights = np.ones_like(values)
    for _ in range(6):  # outliers count less and less (Cauchy weights)
        surface, *_ = np.linalg.lstsq(sample * weights[:, None], values * weights, rcond=None)
        error = values - sample @ surface
        spread = 1.4826 * median(np.abs(error)) + 1
        weights = np.sqrt(1 / (1 + (error / (2 * spread)) ** 2))
    trend: NDArray[np.float32] = np.tensordot(surface, terms, 1).astype(np.float32)
    return trend


def _open(picture: NDArray[Any], width: int) -> NDArray[Any]:
    """The opening by a square, which takes equally long for any width."""
    square = np.ones((width, width), np.uint8)
    return cv2.morphologyEx(picture, cv2.MORPH_OPEN, square, borderType=cv2.BORDER_REPLICATE)


def _sample(residual: Residual) -> Residual:
    """Some of its pixels (N,), from every row and column: ruled lines are a pixel thin."""
    step = max(1, residual.size // SAMPLE_SIZE)
    while math.gcd(step, residual.shape[1]) > 1:
        step += 1
    return residual.ravel()[::step]


def _levels(residual: Residual) -> tuple[float, float, float]:
    """Standard deviation of the background, how far ink stands above it (0 where nothing does), and a level between."""
    sample = _sample(residual)
    noise = 0.0
    if sample.dtype != np.uint8 and len(below := sample[sample <= 0]):  # an even background has no noise
        noise = float(np.sqrt(np.mean(below**2)))
        noise = min(noise, 1.4826 * median(np.abs(sample - median(sample))) + 1)
    lowest = max(MIN_CONTRAST, MIN_NOISE_RATIO * noise)
    out = sample[sample > lowest]
    if len(out) < MIN_SAMPLED_INK:
        out = residual[residual > lowest]
    if not len(out):
        return noise, 0.0, 0.0
    # The edges of strokes are as many as their cores: the mean of the upper half is the core's level.
    # Between print and ink, where there are both; else between a stroke's edge and its core.
    between, _ = cv2.threshold(out.clip(0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    return noise, float(np.sort(out)[len(out) // 2 :].mean()), float(between)


def _pattern(residual: Residual, high: float) -> float:
    """The 99th percentile of the background away from certain ink: ruled lines, security patterns."""
    sample, is_far = _sample(residual), _sample(cv2.dilate(_above(residual, high), _disc(7))) == 0
    background = sample[is_far]
    return quantile(background, 0.99) if background.size > 0.05 * sample.size else 0.0


def _connected_to(mask: NDArray[np.uint8], core: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The parts of `mask` that hold some pixel of `core`; all uint8 (H, W) of 0 and 255."""
    x, y, width, height = cv2.boundingRect(mask)
    part = slice(y, y + height), slice(x, x + width)
    result = np.zeros_like(mask)
    if width and cv2.countNonZero(core):
        count, labels = cv2.connectedComponents(mask[part], connectivity=8)
        if count == 2:  # paper and the one part there is
            return mask
        is_kept = np.zeros(count, np.uint8)
        is_kept[labels[core[part] > 0]] = 255
        is_kept[0] = 0
        result[part] = is_kept[labels]
    return result
