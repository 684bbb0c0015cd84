"""A row of digits read whole, without cutting it up: a convolutional network with CTC."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.model import create_session
from tenfold.ocr import ctc

LineImage = NDArray[np.uint8]  # (32, W), white ink on black

LINE_HEIGHT = 32  # rows of what the network sees
SIDE_MARGIN = 6  # black columns at either end, so that no digit touches the border
MIN_CONTRAST = 24.0  # of 255: share of the paper's light that ink takes away at least
MAX_WIDTH = 2048  # columns; a line that is even longer for its height is squeezed
COARSE_HEIGHT = 24  # rows are enough to tell ink from paper
MAX_WORKING_HEIGHT = 96  # rows; a smaller picture says the same
STEP = 2  # columns of the strip that one answer of the network stands for
CALIBRATION = "calibration"  # the ONNX file's metadata that says how sure its texts really are
SLANTS = (0.0, 0.2, -0.2)  # of the looks at a row
INK = 80  # of a strip's column, below which a digit has ended


@dataclass(frozen=True)
class LineReading:
    """What stands in a row; the tuples have one entry a digit, from left to right.

    values: the digits. confidences: probability of each, given the others. spans: its first and its last column + 1 in
    the picture that was given. text_confidence: calibrated probability that all of it is right, also where there is no
    digit. alternatives: for each digit all ten with their probabilities, the likeliest first.
    """

    values: tuple[int, ...]
    confidences: tuple[float, ...]
    spans: tuple[tuple[int, int], ...]
    text_confidence: float
    alternatives: tuple[tuple[tuple[int, float], ...], ...]

    @property
    def text(self) -> str:
        return "".join(map(str, self.values))


class LineModel:
    """Reads the picture of one row.

    content: the bytes of an ONNX file, uint8 (N, 32, W) -> log probabilities float (N, W / 2, 11). Raises RunError for
    anything else, also for weights in other files.
    """

    def __init__(self, content: bytes) -> None:
        self._session = create_session(content, "the line model", 1)  # a strip is too little work for several threads
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._slope, self._offset = json.loads(metadata.get(CALIBRATION, "[1.0, 0.0]"))

    def read(self, picture: NDArray[np.uint8]) -> LineReading:
        """Read one row: gray or ink, dark on light or light on dark, uint8 (H, W), at least 1x1.

        The row should fill the picture's height but for a margin; print and rulings may stand in it. Raises ValueError
        for another type or shape.
        """
        if picture.dtype != np.uint8 or picture.ndim != 2 or not picture.size:
            raise ValueError(f"expected a gray picture, uint8 (H, W), got {picture.dtype} {picture.shape}")
        seen = normalize_line(picture)
        if not seen.any():
            return LineReading((), (), (), 1.0, ())
        text, chance, looks = self.decode(seen)
        sure = calibrate(chance, self._slope, self._offset)
        if not text:
            return LineReading((), (), (), sure, ())
        chances = ctc.digit_probabilities(looks, text)  # (L, 10)
        order = np.argsort(-chances, axis=1)
        return LineReading(
            values=text,
            confidences=tuple(float(row[digit]) for row, digit in zip(chances, text, strict=True)),
            spans=_spans(seen, ctc.aligned(looks[0], text), picture.shape[1]),
            text_confidence=sure,
            alternatives=tuple(
                tuple((int(digit), float(row[digit])) for digit in ranks)
                for row, ranks in zip(chances, order, strict=True)
            ),
        )

    def digit(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """How likely each digit is if the picture, as for `read`, shows just one: (10,)."""
        shares: NDArray[np.float64] = ctc.digit_probabilities(self.looks(normalize_line(picture)), (0,))[0]
        return shares

    def decode(self, seen: LineImage) -> tuple[ctc.Text, float, NDArray[np.float32]]:
        """The likeliest text of a strip, the log of its mean probability, and its looks."""
        looks = self.looks(seen)
        found = sorted({text for steps in looks for text in ctc.likeliest_texts(steps)[:3]})
        chances = np.logaddexp.reduce(ctc.log_probabilities(looks, found), axis=0) - math.log(len(looks))
        best = int(chances.argmax())
        return found[best], float(chances[best]), looks

    def looks(self, seen: LineImage) -> NDArray[np.float32]:
        """What the network says of a strip as it is and slanted either way, float (3, T, 11).

        Hands slant more than it learned, and a text that is likely however one looks is more often right.
        """
        return self.steps(np.stack([slanted(seen, slant) for slant in SLANTS]))

    def steps(self, strips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network says of strips (N, 32, W): log probabilities, float (N, T, 11), two columns a step."""
        count, height, width = strips.shape
        padded = np.zeros((count, height, max(-(-width // 4) * 4, 8)), np.uint8)
        padded[:, :, :width] = strips
        (answer,) = self._session.run(None, {"strips": padded})
        return np.asarray(answer, np.float32)


def slanted(seen: LineImage, slant: float) -> LineImage:
    """The strip with its top moved right by `slant` for each row above the middle."""
    if not slant:
        return seen
    matrix = np.array([[1, -slant, slant * LINE_HEIGHT / 2], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(seen, matrix, seen.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def calibrate(log_probability: float, slope: float, offset: float) -> float:
    """The probability that a text is right, given what the network thinks of it; slope and offset act on its odds."""
    chance = min(max(math.exp(log_probability), 1e-9), 1 - 1e-9)
    return 1 / (1 + math.exp(-slope * math.log(chance / (1 - chance)) - offset))


def _spans(seen: LineImage, shown: list[tuple[int, int]], width: int) -> tuple[tuple[int, int], ...]:
    """From the steps that show each digit to columns of the picture.

    CTC shows a digit for a step or two somewhere inside it. Two digits are parted where there is the least ink between
    those steps; from there a digit keeps the run of inked columns that it is seen in.
    """
    columns = seen.astype(np.int64).sum(axis=0)
    inked = np.asarray(seen.max(axis=0) > INK)
    inked[1:-1] |= inked[:-2] & inked[2:]  # a gap of one column is none
    middles = [min((first + last + 1) * STEP // 2, len(columns) - 1) for first, last in shown]
    parts = [0]
    for left, right in itertools.pairwise(middles):
        parts.append(left + 1 + int(columns[left + 1 : max(right, left + 2)].argmin()))
    parts.append(len(columns))
    scale = width / (len(columns) - 2 * SIDE_MARGIN)
    spans = []
    for middle, left, right in zip(middles, parts[:-1], parts[1:], strict=True):
        near = np.flatnonzero(inked[left:right]) + left
        if len(near):
            middle = int(near[np.abs(near - middle).argmin()])
            empty = np.flatnonzero(~inked[left:right]) + left
            left = int(max(empty[empty < middle] + 1, default=left))
            right = int(min(empty[empty > middle], default=right))
        x0 = min(max(round((left - SIDE_MARGIN) * scale), 0), width - 1)
        spans.append((x0, min(max(round((right - SIDE_MARGIN) * scale), x0 + 1), width)))
    return tuple(spans)


def normalize_line(picture: NDArray[np.uint8]) -> LineImage:
    """What the network sees of the picture of one row, uint8 (H, W), of either polarity: uint8 (32, W').

    Training and reading both come through here. The paper becomes black even where the light is uneven, the darkest
    ink white; what is faintly printed on the paper stays, and the network has learned to leave it out.
    """
    height, width = picture.shape
    if height > MAX_WORKING_HEIGHT:
        smaller = max(round(width * MAX_WORKING_HEIGHT / height), 1), MAX_WORKING_HEIGHT
        picture = _gray(cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA))
    ink = flattened(picture)
    rows = cv2.blur(ink, (3, 3)).max(axis=1) > 110
    if rows.any():
        top, bottom = int(rows.argmax()), len(rows) - int(rows[::-1].argmax())
        margin = round(0.08 * (bottom - top))
        ink = ink[max(top - margin, 0) : bottom + margin]
    height, width = ink.shape
    method = cv2.INTER_AREA if height > LINE_HEIGHT else cv2.INTER_LINEAR
    across = min(max(round(width * LINE_HEIGHT / height), 4), MAX_WIDTH)
    ink = _gray(cv2.resize(ink, (across, LINE_HEIGHT), interpolation=method))
    return np.pad(ink, ((0, 0), (SIDE_MARGIN, SIDE_MARGIN)))


def flattened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink of a picture, uint8 (H, W), white on black: paper and uneven light taken away, contrast made full."""
    dark_ink = 255 - picture if has_light_ink(picture) else picture
    side = max(picture.shape[0] // 3, 3) | 1
    paper = cv2.morphologyEx(dark_ink, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    smooth = (side // 4) | 1  # a wider blur would lay the light beyond a shadow's edge upon the shadow
    paper = np.maximum(_gray(cv2.blur(paper, (smooth, smooth))), 1)
    ink = 255 - _gray(cv2.divide(dark_ink, paper, scale=255))
    pattern = np.uint8(_quantiles(ink, 0.5)[0])
    ink = np.maximum(ink, pattern) - pattern
    full = max(float(cv2.blur(ink, (3, 3)).max()), MIN_CONTRAST)
    return _gray(cv2.convertScaleAbs(ink, alpha=255 / full))


def has_light_ink(picture: NDArray[np.uint8]) -> bool:
    """Whether the ink is lighter than the paper: what differs most, from its surroundings and from the whole."""
    height, width = picture.shape
    size = max(round(width * COARSE_HEIGHT / height), 1), COARSE_HEIGHT
    small = _gray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    cubes = (small.astype(np.float32) - cv2.medianBlur(small, COARSE_HEIGHT + 1)) ** 3
    near = float(cubes.sum() / max(float(np.abs(cubes).sum()), 1.0))
    darkest, middle, lightest = _quantiles(picture, 0.005, 0.5, 0.995)
    far = (lightest + darkest - 2 * middle) / max(lightest - darkest, 1.0)
    return near + far > 0


def _gray(picture: Any) -> NDArray[np.uint8]:
    """What OpenCV gives back, typed."""
    return np.asarray(picture, np.uint8)


def _quantiles(picture: NDArray[np.uint8], *shares: float) -> list[float]:
    """The gray levels below which these shares of the pixels lie; from a histogram, which is quicker than sorting."""
    levels = np.bincount(picture.ravel(), minlength=256).cumsum()
    return [float(np.searchsorted(levels, share * levels[-1])) for share in shares]
