"""`LineModel`: reads a line of digits without segmenting it, by a convolutional network with CTC."""

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
from tenfold.ocr.marks import DIGITS, likeliest_marks

LineImage = NDArray[np.uint8]  # (32, W), white ink on black

LINE_HEIGHT = 32  # rows of the model's input
SIDE_MARGIN = 6  # black columns at either end, so that no digit touches the border
MIN_CONTRAST = 24.0  # of 255: fraction of the paper's brightness that ink takes away
MAX_WIDTH = 2048  # columns; a line that is even longer for its height is squeezed
COARSE_HEIGHT = 24  # rows are enough to tell ink from paper
MAX_WORKING_HEIGHT = 96  # rows; a smaller picture says the same
STEP = 2  # columns of a line per step of the model's output
CALIBRATION = "calibration"  # key in the ONNX file's metadata: slope and offset of the texts' log odds
SYMBOLS_KEY = "symbols"  # key in the ONNX file's metadata: the classes before CTC's blank
SLANTS = (0.0, 0.2, -0.2)  # of the test-time augmentations of a line
MIN_INK = 80  # of a column's brightest pixel, below which a digit has ended


@dataclass(frozen=True)
class LineMark:
    """A mark in a line. position: how many digits are before it. span: its columns, as those of digits."""

    symbol: str
    confidence: float
    position: int
    span: tuple[int, int]


@dataclass(frozen=True)
class LineReading:
    """The text of a line; the tuples have one entry per digit, from left to right.

    values: the digits. confidences: probability of each, given the others. spans: its first and its last column + 1 in
    the picture that was given. text_confidence: calibrated probability that all of it is right, also if there is no
    digit. alternatives: for each digit all ten with their probabilities, the most probable first. marks: what is read
    between the digits; none by a model that knows digits alone.
    """

    values: tuple[int, ...]
    confidences: tuple[float, ...]
    spans: tuple[tuple[int, int], ...]
    text_confidence: float
    alternatives: tuple[tuple[tuple[int, float], ...], ...]
    marks: tuple[LineMark, ...] = ()

    @property
    def text(self) -> str:
        return "".join(map(str, self.values))


class LineModel:
    """Reads the picture of one line.

    content: the bytes of an ONNX file, uint8 (N, 32, W) -> log probabilities float (N, W / 2, symbols and blank). The
    symbols are those in its metadata, else the ten digits. Raises RunError for anything else, also for weights in other
    files.
    """

    def __init__(self, content: bytes) -> None:
        self._session = create_session(content, "the line model", 1)  # a line is too little work for several threads
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._slope, self._offset = json.loads(metadata.get(CALIBRATION, "[1.0, 0.0]"))
        self.symbols = metadata.get(SYMBOLS_KEY, DIGITS)

    def read(self, picture: NDArray[np.uint8]) -> LineReading:
        """Read one line: gray or ink, dark on light or light on dark, uint8 (H, W), at least 1x1.

        The line should fill the picture's height but for a margin; print and ruled lines may be in it. Raises
        ValueError for another type or shape.
        """
        if picture.dtype != np.uint8 or picture.ndim != 2 or not picture.size:
            raise ValueError(f"expected a gray picture, uint8 (H, W), got {picture.dtype} {picture.shape}")
        line = normalize_line(picture)
        if not line.any():
            return LineReading((), (), (), 1.0, ())
        text, log_probability, log_probs = self.decode(line)
        confidence = calibrate(log_probability, self._slope, self._offset)
        if not text:
            return LineReading((), (), (), confidence, ())
        by_digits = ctc.without_marks(log_probs)
        probabilities = ctc.digit_probabilities(by_digits, text)  # (L, 10)
        order = np.argsort(-probabilities, axis=1)
        return LineReading(
            values=text,
            confidences=tuple(float(row[digit]) for row, digit in zip(probabilities, text, strict=True)),
            spans=_spans(line, ctc.align(by_digits[0], text), picture.shape[1]),
            text_confidence=confidence,
            alternatives=tuple(
                tuple((int(digit), float(row[digit])) for digit in ranks)
                for row, ranks in zip(probabilities, order, strict=True)
            ),
            marks=self._read_marks(line, log_probs[0], text, picture.shape[1]),
        )

    def _read_marks(
        self, line: LineImage, steps: ctc.LogProbabilities, text: ctc.Text, width: int
    ) -> tuple[LineMark, ...]:
        """The marks between the digits of `text`: the most probable ones, at the steps that show them."""
        symbols = likeliest_marks(steps, text)
        if len(symbols) == len(text):
            return ()
        shown = ctc.align(steps, symbols)
        spans = _spans(line, shown, width)
        marks, position = [], 0
        for symbol, (first, last), span in zip(symbols, shown, spans, strict=True):
            if symbol < len(DIGITS):
                position += 1
            else:
                confidence = float(np.exp(steps[first : last + 1, symbol].max()))
                marks.append(LineMark(self.symbols[symbol], confidence, position, span))
        return tuple(marks)

    def classify_digit(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The probability of each digit if the picture, as for `read`, shows just one: (10,)."""
        log_probs = ctc.without_marks(self.predict_augmented(normalize_line(picture)))
        probabilities: NDArray[np.float64] = ctc.digit_probabilities(log_probs, (0,))[0]
        return probabilities

    def decode(self, line: LineImage) -> tuple[ctc.Text, float, NDArray[np.float32]]:
        """The most probable digits of a line, the log of their mean probability, and `predict_augmented` of it."""
        log_probs = self.predict_augmented(line)
        by_digits = ctc.without_marks(log_probs)
        texts = sorted({text for steps in by_digits for text in ctc.beam_search(steps)[:3]})
        totals = np.logaddexp.reduce(ctc.text_log_probabilities(by_digits, texts), axis=0) - math.log(len(by_digits))
        best = int(totals.argmax())
        return texts[best], float(totals[best]), log_probs

    def predict_augmented(self, line: LineImage) -> NDArray[np.float32]:
        """Log probabilities of a line as it is and slanted either way, float (3, T, symbols and blank).

        Writers slant more than the training data, and a text that all augmentations agree on is more often right.
        """
        return self.predict(np.stack([slant_line(line, slant) for slant in SLANTS]))

    def predict(self, lines: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Log probabilities of lines, uint8 (N, 32, W) -> float (N, T, symbols and blank), two columns a step."""
        count, height, width = lines.shape
        padded = np.zeros((count, height, max(-(-width // 4) * 4, 8)), np.uint8)
        padded[:, :, :width] = lines
        (output,) = self._session.run(None, {"strips": padded})
        return np.asarray(output, np.float32)


def slant_line(line: LineImage, slant: float) -> LineImage:
    """The line with its top moved right by `slant` for each row above the middle."""
    if not slant:
        return line
    matrix = np.array([[1, -slant, slant * LINE_HEIGHT / 2], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(line, matrix, line.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def calibrate(log_probability: float, slope: float, offset: float) -> float:
    """The probability that a text is right, from the model's own: a linear function of the log odds (Platt scaling)."""
    probability = min(max(math.exp(log_probability), 1e-9), 1 - 1e-9)
    return 1 / (1 + math.exp(-slope * math.log(probability / (1 - probability)) - offset))


def _spans(line: LineImage, steps: list[tuple[int, int]], width: int) -> tuple[tuple[int, int], ...]:
    """The first column and last column + 1 of each digit in a picture of a width, from the steps that show it.

    CTC shows a digit for a step or two somewhere inside it. Two digits are divided where there is the least ink between
    those steps; each keeps the run of inked columns around its step.
    """
    columns = line.astype(np.int64).sum(axis=0)
    inked = np.asarray(line.max(axis=0) > MIN_INK)
    inked[1:-1] |= inked[:-2] & inked[2:]  # a gap of one column is none
    middles = [min((first + last + 1) * STEP // 2, len(columns) - 1) for first, last in steps]
    borders = [0]
    for left, right in itertools.pairwise(middles):
        borders.append(left + 1 + int(columns[left + 1 : max(right, left + 2)].argmin()))
    borders.append(len(columns))
    scale = width / (len(columns) - 2 * SIDE_MARGIN)
    spans = []
    for middle, left, right in zip(middles, borders[:-1], borders[1:], strict=True):
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
    """The model's input for the picture of one line, uint8 (H, W), of either polarity: uint8 (32, W').

    Training and reading both use this. The paper becomes black also in uneven light, the darkest ink white; faint
    print stays, and the model has learned to ignore it.
    """
    height, width = picture.shape
    if height > MAX_WORKING_HEIGHT:
        smaller = max(round(width * MAX_WORKING_HEIGHT / height), 1), MAX_WORKING_HEIGHT
        picture = _gray(cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA))
    ink = flatten_background(picture)
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


def flatten_background(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink of a picture, uint8 (H, W), white on black: paper and uneven light removed, contrast stretched."""
    dark_ink = 255 - picture if has_light_ink(picture) else picture
    side = max(picture.shape[0] // 3, 3) | 1
    paper = cv2.morphologyEx(dark_ink, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    smooth = (side // 4) | 1  # a wider blur would spread light across a shadow's edge
    paper = np.maximum(_gray(cv2.blur(paper, (smooth, smooth))), 1)
    ink = 255 - _gray(cv2.divide(dark_ink, paper, scale=255))
    pattern = np.uint8(_quantiles(ink, 0.5)[0])
    ink = np.maximum(ink, pattern) - pattern
    strongest = max(float(cv2.blur(ink, (3, 3)).max()), MIN_CONTRAST)
    return _gray(cv2.convertScaleAbs(ink, alpha=255 / strongest))


def has_light_ink(picture: NDArray[np.uint8]) -> bool:
    """Whether the ink is lighter than the paper: what differs most from its surroundings and from the picture."""
    height, width = picture.shape
    size = max(round(width * COARSE_HEIGHT / height), 1), COARSE_HEIGHT
    small = _gray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    cubes = (small.astype(np.float32) - cv2.medianBlur(small, COARSE_HEIGHT + 1)) ** 3
    near = float(cubes.sum() / max(float(np.abs(cubes).sum()), 1.0))
    darkest, middle, lightest = _quantiles(picture, 0.005, 0.5, 0.995)
    far = (lightest + darkest - 2 * middle) / max(lightest - darkest, 1.0)
    return near + far > 0


def _gray(picture: Any) -> NDArray[np.uint8]:
    """OpenCV's result, typed."""
    return np.asarray(picture, np.uint8)


def _quantiles(picture: NDArray[np.uint8], *fractions: float) -> list[float]:
    """The gray levels below which these fractions of the pixels are; a histogram is quicker than sorting."""
    levels = np.bincount(picture.ravel(), minlength=256).cumsum()
    return [float(np.searchsorted(levels, fraction * levels[-1])) for fraction in fractions]
