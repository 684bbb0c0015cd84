"""`read`: the digits in a picture, whatever kind of picture it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE
from tenfold.model import Model, load_model
from tenfold.vision.blobs import Blob, Map, characters, find_blobs, pieced, rows, without_lines, without_specks
from tenfold.vision.frame import frame
from tenfold.vision.ink import find_ink, is_light_on_dark
from tenfold.vision.picture import Picture, Source, open_picture
from tenfold.vision.rulings import without_rulings
from tenfold.vision.segment import Found, Judge, read_row
from tenfold.vision.views import views

Expect = Literal["auto", "digit", "line", "page"]
IS_DIGIT = 0.5  # what is less probably a digit is left out
WIDEST = 1.4  # of one digit, in heights


@dataclass(frozen=True)
class Digit:
    """One digit of a reading.

    box: x, y, width, height in pixels of the given picture, turned upright. alternatives: other values with their
    probabilities, the likeliest first. frame: what the network saw, uint8 (28, 28).
    """

    value: int
    confidence: float
    box: tuple[int, int, int, int]
    alternatives: tuple[tuple[int, float], ...]
    frame: NDArray[np.uint8]


@dataclass(frozen=True)
class Reading:
    """What was read: text with rows joined by newlines, "" where nothing is a digit; the probability that it is right.

    digits: in reading order, all rows together.
    """

    text: str
    confidence: float
    digits: tuple[Digit, ...]


def read(picture: Source, expect: Expect = "auto", model: Model | None = None) -> Reading:
    """Read the digits in `picture`: a path, bytes, PIL image, or uint8 array (H, W), (H, W, 3), (H, W, 4).

    expect: "digit" (one), "line" (one row), "page" (rows), or "auto" (found out). model: the bundled one if None.
    Raises ValueError for another `expect`, DataError or Unavailable for a picture that can't be opened.
    """
    if expect not in get_args(Expect):
        raise ValueError(f"expect is one of {', '.join(get_args(Expect))}, not {expect!r}")
    return read_opened(open_picture(picture), expect, model or load_model())


def read_opened(opened: Picture, expect: Expect, model: Model) -> Reading:
    """`read` of a picture that is open already."""
    if expect in ("auto", "digit") and is_mnist_like(opened):
        return _reading([[_seen(model, opened.grey)]], opened)
    ink = find_blobs(without_rulings(find_ink(opened.grey).ink))
    blobs = without_lines(without_specks(ink.blobs), ink.ink.shape)
    if not blobs:
        return Reading("", 0.0, ())

    def judging(crops: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return judge(model, crops)

    if expect == "digit":
        return _reading([_one(blobs, ink, judging)], opened)
    if expect == "auto" and len(whole := pieced(blobs)) == 1 and whole[0].width <= WIDEST * whole[0].height:
        one = _one(blobs, ink, judging)
        if one[0].digitness >= IS_DIGIT:
            return _reading([one], opened)
    lines = rows(characters(blobs))
    if expect == "line":
        lines = [sorted((blob for line in lines for blob in line), key=lambda blob: blob.left)]
    return _reading([read_row(ink, line, judging) for line in lines], opened)


def is_mnist_like(picture: Picture) -> bool:
    """Whether this is a digit framed as MNIST frames them, which nothing could frame better: 28x28, white on black."""
    grey = picture.grey
    if not picture.plain or grey.shape != (SIDE, SIDE):
        return False
    dark = grey[[0, 1, -2, -1]].max() <= 16 and grey[:, [0, 1, -2, -1]].max() <= 16
    if not dark or grey.max() < 128 or not is_light_on_dark(grey):
        return False
    rows, columns = np.flatnonzero((grey > 16).any(axis=1)), np.flatnonzero((grey > 16).any(axis=0))
    if not 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22:
        return False
    return bool(abs(frame(grey).astype(float) - grey).mean() < 30)


def judge(model: Model, crops: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities (N, 10) and digitness (N,) of characters whose ink is uint8 (H, W) each: means over their views."""
    seen = [views(crop) for crop in crops]
    images = np.concatenate(seen)
    starts = np.cumsum([0, *(len(one) for one in seen)])[:-1]
    counts = np.array([len(one) for one in seen], np.float32)
    probabilities = np.add.reduceat(model.predict_proba(images), starts) / counts[:, None]
    digitness = np.add.reduceat(model.digitness(images), starts) / counts
    return probabilities.astype(np.float32), digitness.astype(np.float32)


def _one(blobs: list[Blob], ink: Map, judge: Judge) -> list[Found]:
    """The one digit of the picture: of its largest characters the one that is most surely a digit."""
    height, width = ink.ink.shape

    def size(blob: Blob) -> float:
        x, y, w, h = blob.box
        cut = x <= 0 or y <= 0 or x + w >= width or y + h >= height
        return (0.3 if cut else 1.0) * float(np.sqrt(blob.area * max(w, h)))

    largest = sorted(pieced(blobs), key=size, reverse=True)[:5]
    crops = [ink.crop(blob) for blob in largest]
    probabilities, digitness = judge(crops)
    found = [Found(*one) for one in zip(largest, crops, probabilities, digitness.tolist(), strict=True)]
    return [max(found, key=lambda one: size(one.blob) * one.digitness**2)]


def _seen(model: Model, grey: NDArray[np.uint8]) -> Found:
    """A picture that needs no framing."""
    (probabilities,), (digitness,) = model.predict_proba(grey[None]), model.digitness(grey[None])
    rows, columns = np.flatnonzero((grey > 16).any(axis=1)), np.flatnonzero((grey > 16).any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return Found(Blob((), box, 0), grey, probabilities, float(digitness))


def _reading(lines: list[list[Found]], picture: Picture) -> Reading:
    """Leave out what is no digit, and put the rest into words and the picture's own pixels."""
    kept = [[found for found in line if found.digitness >= IS_DIGIT] for line in lines]
    kept = [line for line in kept if line]
    digits = tuple(_digit(found, picture) for line in kept for found in line)
    if not digits:
        return Reading("", 0.0, ())
    text = "\n".join("".join(str(int(found.probabilities.argmax())) for found in line) for line in kept)
    return Reading(text, float(np.prod([digit.confidence for digit in digits])), digits)


def _digit(found: Found, picture: Picture) -> Digit:
    order = np.argsort(-found.probabilities, kind="stable")
    across, down = picture.scale
    x, y, width, height = found.blob.box
    left, top = int(x * across), int(y * down)
    right, bottom = int(np.ceil((x + width) * across)), int(np.ceil((y + height) * down))
    box = (left, top, min(right, picture.size[0]) - left, min(bottom, picture.size[1]) - top)
    sure = float(found.probabilities[order[0]]) * found.digitness
    alternatives = tuple((int(value), float(found.probabilities[value])) for value in order[1:4])
    shown = found.ink if found.ink.shape == (SIDE, SIDE) and not found.blob.labels else frame(found.ink)
    return Digit(int(order[0]), sure, box, alternatives, shown)
