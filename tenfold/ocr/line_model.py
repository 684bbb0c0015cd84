"""A row of digits read whole, without cutting it up: a convolutional network with CTC."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tenfold.ocr import ctc
from tenfold.ocr.strip import HEIGHT, SIDE_MARGIN, Strip, strip

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


class LineReader:
    """Reads the picture of one row.

    content: the bytes of an ONNX file, uint8 (N, 32, W) -> log probabilities float (N, W / 2, 11).
    """

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1  # a strip is too little work to share
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._slope, self._offset = json.loads(metadata.get(CALIBRATION, "[1.0, 0.0]"))

    def read(self, picture: NDArray[np.uint8]) -> LineReading:
        """Read one row: gray or ink, dark on light or light on dark, uint8 (H, W), at least 1x1.

        The row should fill the picture's height but for a margin; print and rulings may stand in it. Raises ValueError
        for another type or shape.
        """
        if picture.dtype != np.uint8 or picture.ndim != 2 or not picture.size:
            raise ValueError(f"expected a gray picture, uint8 (H, W), got {picture.dtype} {picture.shape}")
        seen = strip(picture)
        if not seen.any():
            return LineReading((), (), (), 1.0, ())
        text, chance, looks = self.likeliest(seen)
        sure = confidence(chance, self._slope, self._offset)
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
        shares: NDArray[np.float64] = ctc.digit_probabilities(self.looks(strip(picture)), (0,))[0]
        return shares

    def likeliest(self, seen: Strip) -> tuple[ctc.Text, float, NDArray[np.float32]]:
        """The likeliest text of a strip, the log of its mean probability, and its looks."""
        looks = self.looks(seen)
        found = sorted({text for steps in looks for text in ctc.likeliest_texts(steps)[:3]})
        chances = np.logaddexp.reduce(ctc.log_probabilities(looks, found), axis=0) - math.log(len(looks))
        best = int(chances.argmax())
        return found[best], float(chances[best]), looks

    def looks(self, seen: Strip) -> NDArray[np.float32]:
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


def slanted(seen: Strip, slant: float) -> Strip:
    """The strip with its top moved right by `slant` for each row above the middle."""
    if not slant:
        return seen
    matrix = np.array([[1, -slant, slant * HEIGHT / 2], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(seen, matrix, seen.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def confidence(log_probability: float, slope: float, offset: float) -> float:
    """The probability that a text is right, given what the network thinks of it; slope and offset act on its odds."""
    chance = min(max(math.exp(log_probability), 1e-9), 1 - 1e-9)
    return 1 / (1 + math.exp(-slope * math.log(chance / (1 - chance)) - offset))


def _spans(seen: Strip, shown: list[tuple[int, int]], width: int) -> tuple[tuple[int, int], ...]:
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
