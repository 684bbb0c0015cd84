"""One line of text, read in two ways: whole by the line model, and by segmentation into digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.classify import Classify
from tenfold.ocr.components import Component, LabeledInk, crop_gray, merge, typical_height
from tenfold.ocr.layout import MAX_SLOPE
from tenfold.ocr.line_model import LineModel, LineReading
from tenfold.ocr.quantile import median
from tenfold.ocr.segmentation import DigitCandidate, Lattice, remove_punctuation
from tenfold.weights import read_weights

UNDECIDED = 0.5  # confidence of texts that are right about as often as not
MIN_ODDS_RATIO = 4.0  # by which segmentation must be more confident than the line model to be believed
INK_MARGIN = 4  # pixels around the ink of a line
GRAY_MARGIN = 0.2  # of a line's height: the paper around it in gray levels
MIN_SLOPE = 0.03  # of a line that is leveled
MIN_DIGITNESS = 0.5  # what is less probably a digit is left out


@dataclass(frozen=True)
class LineCandidate:
    """The digits of a line, from the left, and the probability that all of them are right."""

    digits: list[DigitCandidate]
    confidence: float


NO_LINE = LineCandidate([], 0.0)


@cache
def bundled_line_model() -> LineModel:
    return LineModel(read_weights("line"))


def read_segments(ink: LabeledInk, line: Sequence[Component], classify: Classify) -> LineCandidate:
    """Read a line of characters by segmentation alone, leaving out what is no digit."""
    digits = _probable_digits(Lattice(ink, line, classify).best())
    return LineCandidate(digits, _joint_confidence(digits))


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
    reading = line_model.read(_level(image, line, bounds.left - lead))
    if not reading.values:
        return NO_LINE
    if _prefers_segments(segments, reading):
        return LineCandidate(_probable_digits(segments), UNDECIDED)
    if reading.text_confidence < UNDECIDED and characters and median(classify(characters)[1]) < MIN_DIGITNESS:
        return NO_LINE  # letters, of which parts look like digits
    digits = lattice.align(reading.values) or _digits_in_spans(line_ink, bounds, reading, lead)
    return _join(digits, reading, contrast_weight)


def _probable_digits(digits: Sequence[DigitCandidate]) -> list[DigitCandidate]:
    return [digit for digit in digits if digit.digitness >= MIN_DIGITNESS]


def _joint_confidence(digits: Sequence[DigitCandidate]) -> float:
    return float(np.prod([digit.confidence for digit in digits])) if digits else 0.0


def _prefers_segments(segments: Sequence[DigitCandidate], reading: LineReading) -> bool:
    if reading.values == tuple(digit.value for digit in segments):
        return False
    return _odds(_joint_confidence(segments)) > MIN_ODDS_RATIO * _odds(reading.text_confidence)


def _odds(probability: float) -> float:
    return probability / max(1 - probability, 1e-9)


def _join(digits: Sequence[DigitCandidate], reading: LineReading, contrast_weight: float) -> LineCandidate:
    """The line of what the line model read, at these digits; none if they are hardly digits."""
    is_single, confidence = len(digits) == 1, reading.text_confidence
    if is_single:  # only neighbors tell a line from something else
        confidence = min(confidence, digits[0].confidence)
    digitness = contrast_weight * median(np.array([digit.digitness for digit in digits]))
    if digitness < MIN_DIGITNESS and (is_single or contrast_weight * confidence < MIN_DIGITNESS):
        return NO_LINE
    rescored = [_rescore(digit, ten) for digit, ten in zip(digits, reading.alternatives, strict=True)]
    return LineCandidate(rescored, confidence)


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
    """The digits where the line model places them: from the top of the line's ink to its bottom there.

    lead: columns before the line's ink in what the line model read.
    """
    digits = []
    for first, last in reading.spans:
        begin, end = (int(np.clip(column - lead, 0, bounds.width)) for column in (first, last))
        part = line_ink[:, begin : max(end, begin + 1)]
        rows = np.flatnonzero(part.any(axis=1))
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, bounds.height)
        box = (bounds.left + begin, bounds.top + top, max(end - begin, 1), bottom - top)
        digits.append(DigitCandidate(Component((), box, 0), part[top:bottom], np.zeros(10, np.float32), 1.0))
    return digits
