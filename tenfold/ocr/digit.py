"""A picture of one digit: which of its ink is the digit, and how much that ink can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE
from tenfold.model import Model
from tenfold.ocr.binarize import MIN_CONTRAST
from tenfold.ocr.classify import Classify
from tenfold.ocr.components import Component, LabeledInk, crop_gray, merge
from tenfold.ocr.framing import frame, upscale
from tenfold.ocr.image import Picture
from tenfold.ocr.layout import merge_parts
from tenfold.ocr.line_model import LineModel
from tenfold.ocr.quantile import quantile
from tenfold.ocr.segmentation import DigitCandidate

MAX_CHARACTERS = 5  # among which the digit is looked for
MIN_RELATIVE_SIZE = 0.5  # of the largest character's, for the others
MIN_STROKE_AREA = 0.08  # of the largest component's, for a stroke of the digit
FAINT_CONTRAST = 5.0  # standard deviations of the background: such ink is as likely noise
MAX_FRAMING_ERROR = 4.0  # gray levels by which framing changes an image of MNIST, on average
ISOLATED = 0.6  # fraction of all ink that a digit without neighbors has
FILLED = 0.8  # of both sides of the picture, covered by the ink of a digit that was cropped tightly
MIN_PART_RATIO = 1.5  # by which a part of such ink must be more confident than all of it, to be the digit
MIN_CONFIDENCE = 0.9  # below which the picture is read in another way, too
LINE_MARGIN = 0.15  # of a digit's longer side: the paper around it that the line model sees
MIN_PROBABILITY = 1e-6  # of each digit, so that no model alone can rule one out
MAX_TINY_SIDE = 24  # pixels of the longer side
BACKGROUND_QUANTILE, INK_QUANTILE = 0.1, 0.98  # of the gray levels of a tight crop


def find_digit(ink: LabeledInk, components: Sequence[Component], contrast: float, classify: Classify) -> DigitCandidate:
    """The digit of a picture that shows one: of its largest characters the one that is most confidently a digit.

    Its digitness is lower where the ink has little `contrast` (standard deviations of the background), and where there
    is much other ink: such pictures show something else.
    """

    def touches_border(component: Component) -> bool:
        bottom, right = ink.ink.shape
        return component.left <= 0 or component.top <= 0 or component.right >= right or component.bottom >= bottom

    def size(component: Component) -> float:
        longer = max(component.width, component.height)
        return (0.3 if touches_border(component) else 1.0) * float(np.sqrt(component.area * longer))

    largest = sorted(merge_parts(components), key=size, reverse=True)[:MAX_CHARACTERS]
    likely = [one for one in largest if size(one) >= MIN_RELATIVE_SIZE * size(largest[0])]
    strokes = [one for one in components if one.area >= MIN_STROKE_AREA * max(other.area for other in components)]
    if len(strokes) > 1:  # they may be far apart
        likely.append(merge(strokes))
    crops = [ink.crop(one) for one in likely]
    candidates = [
        DigitCandidate(component, crop, probabilities, float(digitness))
        for component, crop, probabilities, digitness in zip(likely, crops, *classify(crops), strict=True)
    ]
    best = max(candidates, key=lambda one: size(one.component) * one.confidence**2)
    area = sum(one.area for one in strokes if not touches_border(one))
    fraction = min(1.0, best.component.area / max(area, 1))
    return replace(best, digitness=best.digitness * min(1.0, fraction / ISOLATED) * contrast_weight(contrast))


def find_expected_digit(
    gray: NDArray[np.uint8], ink: LabeledInk, contrast: float, classify: Classify, part: DigitCandidate
) -> DigitCandidate:
    """The digit of a picture that is known to show one: `part`, all of its ink, or its stretched gray levels.

    ink: as it was binarized. If it fills the picture, that was cropped along the digit's edges, and what would
    elsewhere be a speck, a line or another character is a part of the digit. If that leaves doubt, and the gray levels
    show a digit that fills the picture more confidently, the ink was not separated from its background.
    """
    best = part
    component = merge(ink.components)
    if _fills(component, gray):
        crop = ink.crop(component)
        probabilities, digitness = classify([crop])
        complete = DigitCandidate(component, crop, probabilities[0], float(digitness[0]) * contrast_weight(contrast))
        best = part if part.confidence > MIN_PART_RATIO * complete.confidence else complete
    if best.confidence < MIN_CONFIDENCE:
        tight = read_tight_crop(gray, classify)
        if tight is not None and _fills(tight.component, gray) and tight.confidence > best.confidence:
            return tight
    return best


def combine_with_line_model(digit: DigitCandidate, gray: NDArray[np.uint8], line_model: LineModel) -> DigitCandidate:
    """A digit as two models read it together: the geometric mean of their probabilities.

    The line model has learned from gray lines, not from framed ink, so it gets other digits wrong. Whether this is a
    digit at all it can't tell.
    """
    longer = max(digit.component.width, digit.component.height)
    crop, _ = crop_gray(digit.component, gray, max(3, round(LINE_MARGIN * longer)))
    product = (digit.probabilities + MIN_PROBABILITY) * (line_model.classify_digit(crop) + MIN_PROBABILITY)
    means = np.sqrt(product)
    return replace(digit, probabilities=(means / means.sum()).astype(np.float32))


def _fills(component: Component, gray: NDArray[np.uint8]) -> bool:
    height, width = gray.shape
    return bool(component.width >= FILLED * width and component.height >= FILLED * height)


def contrast_weight(contrast: float) -> float:
    """How likely ink is ink if it stands out by `contrast` standard deviations of its background."""
    return 1 / (1 + (FAINT_CONTRAST / max(contrast, 1e-6)) ** 4)


def is_mnist_like(picture: Picture) -> bool:
    """Whether this is a digit framed as in MNIST, which nothing could frame better: 28x28, white on black."""
    gray = picture.gray
    if not picture.is_unmodified or gray.shape != (SIDE, SIDE):
        return False
    if gray.max() < 128 or (gray == 0).mean() < 0.4:
        return False
    return bool(abs(frame(gray).astype(float) - gray).mean() < MAX_FRAMING_ERROR)


def read_framed(gray: NDArray[np.uint8], model: Model) -> DigitCandidate:
    """The digit of a picture that needs no framing, uint8 (28, 28)."""
    is_ink = gray > 16
    rows, columns = np.flatnonzero(is_ink.any(axis=1)), np.flatnonzero(is_ink.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    probabilities, digitness = model.predict_with_digitness(gray[None])
    return DigitCandidate(Component((), box, 0), gray, probabilities[0], float(digitness[0]))


def is_tiny(gray: NDArray[np.uint8]) -> bool:
    return bool(max(gray.shape) <= MAX_TINY_SIDE)


def read_tight_crop(gray: NDArray[np.uint8], classify: Classify) -> DigitCandidate | None:
    """The digit that fills a picture, uint8 (H, W): cropped along its edges, or tiny; None if that is even.

    Such a picture has hardly any background to learn from: ink may lie along all edges and cover half of it. So its
    gray levels are only stretched, in either polarity, and the model decides which of the two is a digit.
    """
    if int(gray.max()) - int(gray.min()) < MIN_CONTRAST:
        return None
    inks = [upscale(stretch(bright)) for bright in (gray, 255 - gray)]
    candidates = [
        DigitCandidate(Component((), _source_box(ink, gray.shape), 0), ink, probabilities, float(digitness))
        for ink, probabilities, digitness in zip(inks, *classify(inks), strict=True)
    ]
    return max(candidates, key=lambda one: one.confidence)


def stretch(bright: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`bright`, whose ink is the lighter part, with its background at 0 and its ink at 255."""
    background, ink = quantile(bright, BACKGROUND_QUANTILE), quantile(bright, INK_QUANTILE)
    if ink - background < MIN_CONTRAST:  # hardly any ink
        ink = bright.max()
    fraction = (bright - background) / max(ink - background, 1.0)
    stretched: NDArray[np.uint8] = (255 * fraction).clip(0, 255).round().astype(np.uint8)
    return stretched


def _source_box(ink: NDArray[np.uint8], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """x, y, width and height of upscaled ink in the picture of `shape` that it came from."""
    rows, columns = np.nonzero(ink)
    top, bottom = _source_range(rows, ink.shape[0], shape[0])
    left, right = _source_range(columns, ink.shape[1], shape[1])
    return left, top, right - left, bottom - top


def _source_range(indices: NDArray[np.intp], upscaled_side: int, side: int) -> tuple[int, int]:
    if not len(indices):
        return 0, side
    return int(indices.min() * side / upscaled_side), int(indices.max() * side / upscaled_side) + 1
