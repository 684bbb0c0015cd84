"""The seam where one row is read: whole by a network, and by its pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.components import STEEPEST, Blob, Components, joined, on_paper, typical_height
from tenfold.ocr.line_model import LineModel, LineReading
from tenfold.ocr.quantile import median
from tenfold.ocr.segmentation import Found, Judge, Lattice, is_sign
from tenfold.weights import read_weights

UNDECIDED = 0.5  # such texts are right about as often as not
SURER = 4.0  # the pieces are believed against the network where their odds are so many times as high
MARGIN = 4  # pixels of paper around a row
PAPER = 0.2  # of a row's height: the paper around it where its gray levels are read
STEEP = 0.03  # a row that rises or falls by more is made level
IS_DIGIT = 0.5  # what is less probably a digit is left out


@dataclass(frozen=True)
class Row:
    """The digits of a row, from the left, and the probability that all of them are right."""

    digits: list[Found]
    confidence: float


@cache
def bundled_reader() -> LineModel:
    return LineModel(read_weights("line"))


def read_pieces(ink: Components, row: Sequence[Blob], judge: Judge) -> Row:
    """Read one row of characters by its pieces alone, what is no digit left out."""
    digits = [one for one in Lattice(ink, row, judge).best() if one.digitness >= IS_DIGIT]
    return Row(digits, float(np.prod([one.sure for one in digits])) if digits else 0.0)


def read_row(
    ink: Components,
    row: Sequence[Blob],
    judge: Judge,
    reader: LineModel,
    trust: float,
    gray: NDArray[np.uint8] | None = None,
) -> Row:
    """Read one row of characters: the text is the network's, unless the pieces are far surer of another.

    gray: the picture that `ink` was found in, where there is no other row: thin strokes that are no ink are in it.

    The digits are the pieces that read so; where no pieces do, the network's own spans. A row whose pieces are no
    digits is none, unless the network is sure of it.
    """
    whole = joined(row)
    alone = ink.crop(whole)  # before the lattice cuts it up
    uncut = [ink.crop(blob) for blob in row if not is_sign(blob, typical_height(row))]
    lattice = Lattice(ink, row, judge)
    pieces = lattice.best()
    seen, lead = np.pad(alone, MARGIN), MARGIN
    if gray is not None:
        seen, lead = on_paper(whole, gray, max(MARGIN, round(PAPER * whole.height)))
    read = reader.read(_level(seen, row, whole.left - lead))
    if not read.values:
        return Row([], 0.0)
    alike = read.values == tuple(one.value for one in pieces)
    by_pieces = float(np.prod([one.sure for one in pieces])) if pieces else 0.0
    if not alike and _odds(by_pieces) > SURER * _odds(read.text_confidence):
        digits = [one for one in pieces if one.digitness >= IS_DIGIT]
        return Row(digits, UNDECIDED)
    sure = read.text_confidence
    if sure < UNDECIDED and uncut and median(judge(uncut)[1]) < IS_DIGIT:
        return Row([], 0.0)  # letters, of which pieces look like digits
    digits = lattice.reads_as(read.values) or _spanned(alone, whole, read, lead)
    if len(digits) == 1:  # neighbors are what tells a row from some other thing
        sure = min(sure, digits[0].sure)
    probable = trust * median(np.array([one.digitness for one in digits]))
    if probable < IS_DIGIT and (len(digits) == 1 or trust * sure < IS_DIGIT):
        return Row([], 0.0)
    return Row([_told(one, read, place) for place, one in enumerate(digits)], sure)


def _level(seen: NDArray[np.uint8], row: Sequence[Blob], left: int) -> NDArray[np.uint8]:
    """A row, uint8 (h, w), which begins at column `left` of the picture, made level where it rises or falls."""
    height = typical_height(row)
    large = [blob for blob in row if blob.height >= 0.5 * height]
    if len(large) < 3:
        return seen
    middles = [(blob.left + blob.width / 2 - left, blob.top + blob.height / 2) for blob in large]
    across, down = np.transpose(middles)
    slope = float(np.polyfit(across, down, 1)[0])
    rise = abs(slope) * seen.shape[1]
    if not STEEP < abs(slope) < STEEPEST or rise < 0.25 * height:
        return seen
    shift = np.array([[1, 0, 0], [-slope, 1, max(slope, 0) * seen.shape[1]]])
    size = seen.shape[1], int(seen.shape[0] + rise)
    return cv2.warpAffine(seen, shift, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _spanned(alone: NDArray[np.uint8], whole: Blob, read: LineReading, lead: int) -> list[Found]:
    """The digits as the network places them: from the top of the row's ink to its bottom there.

    lead: columns before the row's ink in what the network read.
    """
    found = []
    for first, last in read.spans:
        begin, end = (int(np.clip(column - lead, 0, whole.width)) for column in (first, last))
        part = alone[:, begin : max(end, begin + 1)]
        rows = np.flatnonzero(part.any(axis=1))
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, whole.height)
        box = (whole.left + begin, whole.top + top, max(end - begin, 1), bottom - top)
        found.append(Found(Blob((), box, 0), part[top:bottom], np.zeros(10, np.float32), 1.0))
    return found


def _told(one: Found, read: LineReading, place: int) -> Found:
    """The digit with the network's probabilities, for they are those of the text."""
    probabilities = np.zeros(10, np.float32)
    for value, probability in read.alternatives[place]:
        probabilities[value] = probability
    return Found(one.blob, one.ink, probabilities, 1.0)


def _odds(chance: float) -> float:
    return chance / max(1 - chance, 1e-9)
