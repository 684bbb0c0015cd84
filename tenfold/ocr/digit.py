"""A picture of one digit: which of its ink is the digit, and how far that ink can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE
from tenfold.model import Model
from tenfold.ocr.components import Blob, Components, joined, on_paper, pieced
from tenfold.ocr.filled import filled_digit
from tenfold.ocr.framing import frame
from tenfold.ocr.image import Picture
from tenfold.ocr.line_model import LineModel
from tenfold.ocr.segmentation import Found, Judge

MOST = 5  # characters among which the digit is looked for
RIVAL = 0.5  # of the largest one's size, that the others must have
STROKE = 0.08  # of the largest part's ink, that a part must have to be a stroke of the digit
FAINT = 5.0  # standard deviations of the ground: ink that stands out by no more is as likely none
FRAMED = 4.0  # gray levels that an image of MNIST changes by, at most, when it is framed again
WHOLE = 0.6  # of all ink, that a digit without neighbors has
FILLING = 0.8  # of both sides of the picture, that the ink of a digit reaches over which was cut out along its edges
SURER = 1.5  # times, that a part of such ink must be surer than all of it, to be the digit
SURE = 0.9  # below it the picture is looked at in another way, too
AROUND = 0.15  # of a digit's longer side: the paper around it that the reader of rows sees
LEAST = 1e-6  # probability that is left to each digit, so that no network alone can rule one out


def one_digit(ink: Components, blobs: Sequence[Blob], contrast: float, judge: Judge) -> Found:
    """The digit of a picture that shows one: of its largest characters the one that is most surely a digit.

    Its digitness is lower where the ink hardly stands out (`contrast`, in standard deviations of the ground), and where
    much other ink lies around: such pictures show something else.
    """

    def is_cut(blob: Blob) -> bool:
        bottom, right = ink.ink.shape
        return blob.left <= 0 or blob.top <= 0 or blob.right >= right or blob.bottom >= bottom

    def size(blob: Blob) -> float:
        return (0.3 if is_cut(blob) else 1.0) * float(np.sqrt(blob.area * max(blob.width, blob.height)))

    largest = sorted(pieced(blobs), key=size, reverse=True)[:MOST]
    likely = [blob for blob in largest if size(blob) >= RIVAL * size(largest[0])]
    strokes = [blob for blob in blobs if blob.area >= STROKE * max(other.area for other in blobs)]
    if len(strokes) > 1:  # they may lie far apart
        likely.append(joined(strokes))
    crops = [ink.crop(blob) for blob in likely]
    found = [Found(blob, crop, p, float(d)) for blob, crop, p, d in zip(likely, crops, *judge(crops), strict=True)]
    best = max(found, key=lambda one: size(one.blob) * one.sure**2)
    around = sum(blob.area for blob in strokes if not is_cut(blob))
    share = min(1.0, best.blob.area / max(around, 1))
    return replace(best, digitness=best.digitness * min(1.0, share / WHOLE) * trust(contrast))


def promised_digit(gray: NDArray[np.uint8], ink: Components, contrast: float, judge: Judge, part: Found) -> Found:
    """The digit of a picture that is said to show one: `part`, all of its ink, or its gray levels as they are.

    ink: as it was found. Where it fills the picture, that was cut out along the digit's edges, and what is elsewhere a
    speck, a ruling or another character is here a piece of the digit. Where that leaves doubt, and the stretched gray
    levels show a digit that fills the picture, and more surely, the ink could not be told from its ground.
    """
    best = part
    blob = joined(ink.blobs)
    if _fills(blob, gray):
        crop = ink.crop(blob)
        probabilities, digitness = judge([crop])
        whole = Found(blob, crop, probabilities[0], float(digitness[0]) * trust(contrast))
        best = part if part.sure > SURER * whole.sure else whole
    if best.sure < SURE and (other := filled_digit(gray, judge)) and _fills(other.blob, gray):
        best = max(best, other, key=lambda one: one.sure)
    return best


def read_twice(found: Found, gray: NDArray[np.uint8], reader: LineModel) -> Found:
    """A digit that leaves doubt, as two networks read it together: the mean of the logs of their probabilities.

    `reader` learned from gray rows, not from framed ink, so it gets other digits wrong. Whether this is a digit at all
    it can't tell.
    """
    if found.sure >= SURE:
        return found
    longer = max(found.blob.width, found.blob.height)
    part, _ = on_paper(found.blob, gray, max(3, round(AROUND * longer)))
    shares = np.sqrt((found.probabilities + LEAST) * (reader.digit(part) + LEAST))
    return replace(found, probabilities=(shares / shares.sum()).astype(np.float32))


def _fills(blob: Blob, gray: NDArray[np.uint8]) -> bool:
    height, width = gray.shape
    return bool(blob.width >= FILLING * width and blob.height >= FILLING * height)


def trust(contrast: float) -> float:
    """How likely ink is ink that stands out by `contrast` standard deviations of its ground."""
    return 1 / (1 + (FAINT / max(contrast, 1e-6)) ** 4)


def is_mnist_like(picture: Picture) -> bool:
    """Whether this is a digit framed as MNIST frames them, which nothing could frame better: 28x28, white on black."""
    gray = picture.gray
    if not picture.is_unmodified or gray.shape != (SIDE, SIDE):
        return False
    if gray.max() < 128 or (gray == 0).mean() < 0.4:
        return False
    return bool(abs(frame(gray).astype(float) - gray).mean() < FRAMED)


def as_it_is(gray: NDArray[np.uint8], model: Model) -> Found:
    """A picture that needs no framing."""
    rows, columns = _inked(gray)
    box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    probabilities, digitness = model.predict_with_digitness(gray[None])
    return Found(Blob((), box, 0), gray, probabilities[0], float(digitness[0]))


def _inked(gray: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows and the columns with ink."""
    return np.flatnonzero((gray > 16).any(axis=1)), np.flatnonzero((gray > 16).any(axis=0))
