"""One line of text, read in two ways: whole by the line model, and by segmentation into digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr import marks
from tenfold.ocr.classify import Classify
from tenfold.ocr.components import Component, LabeledInk, crop_gray, merge, typical_height
from tenfold.ocr.layout import MAX_SLOPE
from tenfold.ocr.line_model import LineModel, LineReading
from tenfold.ocr.quantile import median
from tenfold.ocr.reading import OTHER
from tenfold.ocr.segmentation import DigitCandidate, Lattice, is_punctuation, remove_punctuation
from tenfold.ocr.words import drop_words
from tenfold.weights import read_weights

UNDECIDED = 0.5  # confidence of texts that are right about as often as not
MIN_ODDS_RATIO = 4.0  # by which segmentation must be more confident than the line model to be believed
INK_MARGIN = 4  # pixels around the ink of a line
GRAY_MARGIN = 0.2  # of a line's height: the paper around it in gray levels
MIN_SLOPE = 0.03  # of a line that is leveled
MIN_DIGITNESS = 0.5  # what is less probably a digit is left out
TALL_MARKS = "/()%#$€£+" + marks.OTHER  # as tall as digits, so that segmentation takes them for such
MIN_TALL_MARK_CONFIDENCE = 0.5
SHAPE_CONFIDENCE = 0.5  # of a mark that is recognized by its shape alone


@dataclass(frozen=True)
class MarkCandidate:
    """A mark between digits. box: x, y, width, height in the picture. position: how many digits are before it."""

    value: str
    confidence: float
    box: tuple[int, int, int, int]
    position: int


@dataclass(frozen=True)
class LineCandidate:
    """The digits of a line, from the left, the probability that all of them are right, and the marks between them."""

    digits: list[DigitCandidate]
    confidence: float
    marks: tuple[MarkCandidate, ...] = ()


NO_LINE = LineCandidate([], 0.0)


@cache
def bundled_line_model() -> LineModel:
    return LineModel(read_weights("line"))


def read_segments(ink: LabeledInk, line: Sequence[Component], classify: Classify) -> LineCandidate:
    """Read a line of characters by segmentation alone, leaving out what is no digit."""
    digits = _probable_digits(Lattice(ink, line, classify).best())
    return LineCandidate(digits, _joint_confidence(digits), marks_by_shape(line, digits))


def read_line(
    ink: LabeledInk,
    line: Sequence[Component],
    classify: Classify,
    line_model: LineModel,
    contrast_weight: float,
    gray: NDArray[np.uint8] | None = None,
) -> LineCandidate:
    """Read a line of characters: the text is the line model's, unless segmentation is far more confident of another.

    gray: the picture that `ink` was found in, if it has no other line: it also shows strokes too thin to be ink.

    The digits are the segments that read so; if there are none, what lies in the line model's spans. A line without a
    segment that is a digit is empty, unless the line model is confident of it.
    """
    bounds = merge(line)
    line_ink = ink.crop(bounds)  # before the lattice cuts it up
    characters = [ink.crop(component) for component in remove_punctuation(line)]
    lattice = Lattice(ink, line, classify)
    segments = lattice.best()
    image, lead = np.pad(line_ink, INK_MARGIN), INK_MARGIN
    if gray is not None:
        image, lead = crop_gray(bounds, gray, max(INK_MARGIN, round(GRAY_MARGIN * bounds.height)))
    reading = drop_words(line_model.read(_level(image, line, bounds.left - lead)), bounds.height)
    if not reading.values:
        return NO_LINE
    if _prefers_segments(segments, reading):
        digits = _probable_digits(segments)
        return LineCandidate(digits, UNDECIDED, marks_by_shape(line, digits))
    if _may_be_letters(reading) and characters and median(classify(characters)[1]) < MIN_DIGITNESS:
        return NO_LINE  # letters, of which parts look like digits
    digits = lattice.align(reading.values) or _digits_in_spans(line_ink, bounds, reading, lead)
    return _join(digits, reading, contrast_weight, _marks_in_spans(line_ink, bounds, reading, lead))


def _probable_digits(digits: Sequence[DigitCandidate]) -> list[DigitCandidate]:
    return [digit for digit in digits if digit.digitness >= MIN_DIGITNESS]


def _joint_confidence(digits: Sequence[DigitCandidate]) -> float:
    return float(np.prod([digit.confidence for digit in digits])) if digits else 0.0


def _prefers_segments(segments: Sequence[DigitCandidate], reading: LineReading) -> bool:
    if reading.values == tuple(digit.value for digit in segments):
        return False
    if any(mark.symbol in TALL_MARKS and mark.confidence > MIN_TALL_MARK_CONFIDENCE for mark in reading.marks):
        return False  # segmentation knows digits alone, and is as confident of a slash as of a 1
    return _odds(_joint_confidence(segments)) > MIN_ODDS_RATIO * _odds(reading.text_confidence)


def _may_be_letters(reading: LineReading) -> bool:
    """Whether the line model is in doubt, and has not told letters from the digits itself."""
    return reading.text_confidence < UNDECIDED and not any(mark.symbol == marks.OTHER for mark in reading.marks)


def _odds(probability: float) -> float:
    return probability / max(1 - probability, 1e-9)


def _join(
    digits: Sequence[DigitCandidate], reading: LineReading, contrast_weight: float, found: tuple[MarkCandidate, ...]
) -> LineCandidate:
    """The line of what the line model read, at these digits; none if they are hardly digits."""
    is_single, confidence = len(digits) == 1, reading.text_confidence
    if is_single:  # only neighbors tell a line from something else
        confidence = min(confidence, digits[0].confidence)
    digitness = contrast_weight * median(np.array([digit.digitness for digit in digits]))
    if digitness < MIN_DIGITNESS and (is_single or contrast_weight * confidence < MIN_DIGITNESS):
        return NO_LINE
    rescored = [_rescore(digit, ten) for digit, ten in zip(digits, reading.alternatives, strict=True)]
    return LineCandidate(rescored, confidence, found)


def _rescore(digit: DigitCandidate, alternatives: Sequence[tuple[int, float]]) -> DigitCandidate:
    """The digit with the line model's probabilities, since the text is the line model's."""
    probabilities = np.zeros(10, np.float32)
    for value, probability in alternatives:
        probabilities[value] = probability
    return replace(digit, probabilities=probabilities, digitness=1.0)


def _level(image: NDArray[np.uint8], line: Sequence[Component], left: int) -> NDArray[np.uint8]:
    """A line, uint8 (h, w), which begins at column `left` of the picture, leveled if it rises or falls."""
    height = typical_height(line)
    large = [component for component in line if component.height >= 0.5 * height]
    if len(large) < 3:
        return image
    centers = [(one.left + one.width / 2 - left, one.top + one.height / 2) for one in large]
    across, down = np.transpose(centers)
    slope = float(np.polyfit(across, down, 1)[0])
    rise = abs(slope) * image.shape[1]
    if not MIN_SLOPE < abs(slope) < MAX_SLOPE or rise < 0.25 * height:
        return image
    shift = np.array([[1, 0, 0], [-slope, 1, max(slope, 0) * image.shape[1]]])
    size = image.shape[1], int(image.shape[0] + rise)
    return cv2.warpAffine(image, shift, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _digits_in_spans(
    line_ink: NDArray[np.uint8], bounds: Component, reading: LineReading, lead: int
) -> list[DigitCandidate]:
    """The digits where the line model places them.

    lead: columns before the line's ink in what the line model read.
    """
    digits = []
    for span in reading.spans:
        box, part = _ink_in_span(line_ink, bounds, span, lead)
        digits.append(DigitCandidate(Component((), box, 0), part, np.zeros(10, np.float32), 1.0))
    return digits


def _marks_in_spans(
    line_ink: NDArray[np.uint8], bounds: Component, reading: LineReading, lead: int
) -> tuple[MarkCandidate, ...]:
    """The marks where the line model places them, as digits are."""
    found = []
    for mark in reading.marks:
        box, part = _ink_in_span(line_ink, bounds, mark.span, lead)
        found.append(MarkCandidate(_sign_of(mark.symbol, part), mark.confidence, box, mark.position))
    return tuple(found)


def _sign_of(symbol: str, part: NDArray[np.uint8]) -> str:
    """The sign for a symbol of the line model; an equals sign whose ink is one stroke is a thick dash."""
    if symbol == marks.OTHER:
        return OTHER
    middle = part[:, part.shape[1] // 3 : -(-2 * part.shape[1] // 3)].any(axis=1)
    is_one_stroke = middle.any() and np.count_nonzero(np.diff(middle.astype(np.int8))) == 0
    return "-" if symbol == "=" and is_one_stroke else symbol


def _ink_in_span(
    line_ink: NDArray[np.uint8], bounds: Component, span: tuple[int, int], lead: int
) -> tuple[tuple[int, int, int, int], NDArray[np.uint8]]:
    """The box and the ink between two columns: from the top of the line's ink to its bottom there."""
    begin, end = (int(np.clip(column - lead, 0, bounds.width)) for column in span)
    part = line_ink[:, begin : max(end, begin + 1)]
    rows = np.flatnonzero(part.any(axis=1))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, bounds.height)
    return (bounds.left + begin, bounds.top + top, max(end - begin, 1), bottom - top), part[top:bottom]


def marks_by_shape(line: Sequence[Component], digits: Sequence[DigitCandidate]) -> tuple[MarkCandidate, ...]:
    """The punctuation of a line that is read by segmentation: dashes, points and commas, by their shape and place."""
    if not digits:
        return ()
    bounds = merge([digit.component for digit in digits])
    centers = [digit.component.left + digit.component.width / 2 for digit in digits]
    height, found = typical_height(line), []
    for component in line:
        if is_punctuation(component, height):
            center = component.left + component.width / 2
            position = sum(other < center for other in centers)
            found.append(MarkCandidate(_sign_by_shape(component, bounds), SHAPE_CONFIDENCE, component.box, position))
    return tuple(found)


def _sign_by_shape(component: Component, bounds: Component) -> str:
    """bounds: of the digits beside it."""
    if component.width > 1.8 * component.height:
        return "-"
    middle = (component.top + component.height / 2 - bounds.top) / bounds.height
    if middle < 0.3:
        return "'"
    if middle < 0.6:
        return OTHER
    is_tail = component.height > 1.3 * component.width or component.top + component.height > 1.05 * bounds.bottom
    return "," if is_tail else "."
