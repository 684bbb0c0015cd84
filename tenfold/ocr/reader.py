"""`Reader` and `read`: the digits in a picture, whatever kind of picture it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE
from tenfold.model import Model, load_model
from tenfold.ocr.binarize import binarize
from tenfold.ocr.classify import classify
from tenfold.ocr.components import (
    Component,
    LabeledInk,
    find_components,
    remove_lines,
    remove_shadow_edges,
    remove_specks,
)
from tenfold.ocr.digit import (
    MIN_CONFIDENCE,
    combine_with_line_model,
    contrast_weight,
    find_digit,
    find_expected_digit,
    is_mnist_like,
    is_tiny,
    read_framed,
    read_tight_crop,
)
from tenfold.ocr.form_boxes import remove_boxes, remove_frame
from tenfold.ocr.framing import frame
from tenfold.ocr.image import Picture, Source, load_image
from tenfold.ocr.layout import group_lines, group_strokes, merge_parts
from tenfold.ocr.line import (
    MIN_DIGITNESS,
    NO_LINE,
    LineCandidate,
    bundled_line_model,
    read_line,
    read_segments,
)
from tenfold.ocr.line_model import LineModel
from tenfold.ocr.panel import find_panel
from tenfold.ocr.paper import find_paper
from tenfold.ocr.reading import NO_DIGITS, Digit, Expect, Line, Mark, Reading, Rotate, enclose
from tenfold.ocr.ruled_lines import remove_ruled_lines
from tenfold.ocr.segmentation import DigitCandidate
from tenfold.weights import read_weights

ModelSource = Model | str | os.PathLike[str]

MAX_COMPONENTS = 1000  # of a page; more are a pattern, which would take minutes to read
MIN_EXPECTED_DIGITNESS = 0.1  # of a digit that `expect` says is there
MAX_HEIGHT_RATIO, MIN_MISSED_CONFIDENCE = 1.6, 0.6  # of digits beside a page to its own
MAX_DIGIT_WIDTH, MAX_SINGLE_WIDTH = 1.4, 0.8  # heights: of one digit; two that touch are wider than the second


@dataclass(frozen=True, eq=False)
class Writing:
    """What is written in a picture.

    gray: the picture, uint8 (H, W). binarized: all of its ink, whose contrast is in standard deviations of the
    background. ink: without printed boxes and lines. components: those of `ink` that are writing.
    """

    gray: NDArray[np.uint8]
    contrast: float
    binarized: LabeledInk
    ink: LabeledInk
    components: list[Component]


class Reader:
    """Reads the digits in pictures with a model of digits, and one of lines if there is one.

    digit_model: a `Model`, or what `load_model` takes; the bundled one if None. line_model: reads lines of digits, and
    single digits where the other is in doubt. If None, the bundled digit model has the bundled line model, and any
    other has none, so that a reading shows what that model alone can do. Raises RunError for what is not a model.
    """

    def __init__(self, digit_model: ModelSource | None = None, line_model: LineModel | None = None) -> None:
        if digit_model is None or isinstance(digit_model, str | os.PathLike):
            # A second thread would wait for work, and spin: a picture has few characters at a time.
            digit_model = load_model(digit_model, threads=1)
        self.digit_model = digit_model
        self._line_model = line_model

    @cached_property
    def line_model(self) -> LineModel | None:
        """The model of lines; the bundled one is loaded when it is first needed."""
        if self._line_model is None and self.digit_model.digest == _bundled_digest():
            return bundled_line_model()
        return self._line_model

    def read(self, picture: Source | Picture, expect: Expect = "auto", rotate: Rotate = 0) -> Reading:
        """Read the digits in `picture`; the arguments and errors of `tenfold.read`."""
        if expect not in get_args(Expect):
            raise ValueError(f"expect is one of {', '.join(get_args(Expect))}, not {expect!r}")
        if rotate not in get_args(Rotate):
            raise ValueError(f"rotate is one of {', '.join(map(str, get_args(Rotate)))}, not {rotate!r}")
        image = picture if isinstance(picture, Picture) else load_image(picture)
        turns = range(4) if rotate == "auto" else [rotate // 90]
        readings = [self._read_upright(image.turned(quarters), expect) for quarters in turns]
        best = max(readings, key=lambda reading: reading.confidence)  # the first of equals
        return replace(best, picture=image.thumbnail())

    def _read_upright(self, image: Picture, expect: Expect) -> Reading:
        if panel := find_panel(image.gray):  # the axes and labels around it are no part of the picture
            image = image.part(panel.gray, panel.left, panel.top)
        reading = self._read_page(image, expect)
        if reading.confidence >= MIN_CONFIDENCE:
            return reading
        # Nothing, or the edge of a sheet of paper that lies on a table.
        for paper in find_paper(image.gray):
            part = self._read_page(image.part(paper.gray, paper.left, paper.top), expect)
            if part.confidence > reading.confidence and not _misses_digits(part, reading):
                return part
        return reading

    def _read_page(self, image: Picture, expect: Expect) -> Reading:
        if expect in ("auto", "digit") and is_mnist_like(image):
            return build_reading([_accept(read_framed(image.gray, self.digit_model), expect)], image)
        if expect in ("auto", "digit") and is_tiny(image.gray):
            return build_reading([_accept(read_tight_crop(image.gray, self._classify), expect)], image)
        writing = find_writing(image.gray)
        if not 0 < len(writing.components) <= MAX_COMPONENTS:
            return NO_DIGITS
        if expect == "digit":
            return build_reading([_accept(self._read_digit(writing, is_expected=True), expect)], image)
        character = _only_character(writing.components) if expect == "auto" else None
        if character is None:
            return build_reading(self._read_lines(writing, expect), image)
        return build_reading(self._read_character(writing, character), image)

    def _read_digit(self, writing: Writing, is_expected: bool = False) -> DigitCandidate:
        """One digit, in doubt read by both models."""
        digit = find_digit(writing.ink, writing.components, writing.contrast, self._classify)
        if is_expected:
            digit = find_expected_digit(writing.gray, writing.binarized, writing.contrast, self._classify, digit)
        if digit.confidence >= MIN_CONFIDENCE or self.line_model is None:
            return digit
        return combine_with_line_model(digit, writing.gray, self.line_model)

    def _read_character(self, writing: Writing, character: Component) -> list[LineCandidate]:
        """Ink that is one character: a digit, or several that touch."""
        line = _accept(self._read_digit(writing), "auto")
        if line.digits or character.width < MAX_SINGLE_WIDTH * character.height:
            return [line]
        lines = self._read_lines(writing, "auto")
        is_part = sum(len(line.digits) for line in lines) == 1  # one digit, in something that is none
        return [] if is_part and self.line_model is not None else lines

    def _read_lines(self, writing: Writing, expect: Expect) -> list[LineCandidate]:
        lines = group_lines(group_strokes(writing.components))
        if expect == "line":
            lines = [sorted((one for line in lines for one in line), key=lambda one: one.left)]
        if self.line_model is None:
            return [read_segments(writing.ink, line, self._classify) for line in lines]
        weight, gray = contrast_weight(writing.contrast), writing.gray if len(lines) == 1 else None
        return [read_line(writing.ink, line, self._classify, self.line_model, weight, gray) for line in lines]

    def _classify(self, crops: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return classify(self.digit_model, crops)


@cache
def _bundled_reader() -> Reader:
    return Reader()


@cache
def _bundled_digest() -> str:
    return hashlib.sha256(read_weights("digits")).hexdigest()


def read(picture: Source, expect: Expect = "auto", model: ModelSource | None = None, rotate: Rotate = 0) -> Reading:
    """Read the digits in `picture`: a path, bytes, PIL image, or uint8 array (H, W), (H, W, 3), (H, W, 4).

    expect: "digit" (one), "line" (one line), "page" (lines), or "auto" (detected). model: a `Model`, or what
    `load_model` takes; the bundled one if None. To read many pictures with another, make a `Reader` of it. rotate:
    degrees by which the picture is turned clockwise before it is read, 0, 90, 180 or 270, or "auto" for the most
    confident of the four. Boxes are in the picture as it was given.

    Raises ValueError for another `expect`, DataError or UnavailableError for a picture that can't be opened, RunError
    for what is not a model.
    """
    return (_bundled_reader() if model is None else Reader(model)).read(picture, expect, rotate)


def find_writing(gray: NDArray[np.uint8]) -> Writing:
    """Binarize a picture, uint8 (H, W), find its components, and remove what is not writing."""
    binarized = binarize(gray)
    all_ink = remove_shadow_edges(find_components(binarized.ink), gray)
    ink = remove_boxes(remove_frame(all_ink))
    unruled = remove_ruled_lines(ink.ink)
    if unruled is not ink.ink:
        ink = find_components(unruled)
    components = remove_lines(remove_specks(ink.components), ink.ink.shape)
    return Writing(gray, binarized.contrast, all_ink, ink, components)


def _misses_digits(part: Reading, reading: Reading) -> bool:
    """Whether the reading of a page leaves out digits like its own: the page is light on a part of a larger one."""
    if not part.digits:
        return False
    left, top, width, height = enclose([digit.box for digit in part.digits])
    typical = float(np.median([digit.box[3] for digit in part.digits]))
    return any(
        (not left <= x + w / 2 <= left + width or not top <= y + h / 2 <= top + height)
        and typical / MAX_HEIGHT_RATIO <= h <= typical * MAX_HEIGHT_RATIO
        and digit.confidence >= MIN_MISSED_CONFIDENCE
        for digit in reading.digits
        for x, y, w, h in [digit.box]
    )


def _only_character(components: Sequence[Component]) -> Component | None:
    """All components as one character; None if they are several, or one that is too wide for a digit."""
    characters = merge_parts(components)
    if len(characters) != 1 or characters[0].width > MAX_DIGIT_WIDTH * characters[0].height:
        return None
    return characters[0]


def _accept(digit: DigitCandidate | None, expect: Expect) -> LineCandidate:
    """A line of one digit, empty if this is hardly one."""
    if digit is None or digit.digitness < (MIN_EXPECTED_DIGITNESS if expect == "digit" else MIN_DIGITNESS):
        return NO_LINE
    return LineCandidate([digit], digit.confidence)


def build_reading(lines: Sequence[LineCandidate], picture: Picture) -> Reading:
    """The reading of some lines, with boxes in the given picture's own pixels."""
    built = tuple(_build_line(line, picture) for line in lines if line.digits)
    if not built:
        return NO_DIGITS
    text = "\n".join(line.text for line in built)
    digits = tuple(digit for line in built for digit in line.digits)
    return Reading(text, float(np.prod([line.confidence for line in built])), digits, built)


def _build_line(line: LineCandidate, picture: Picture) -> Line:
    text = "".join(str(digit.value) for digit in line.digits)
    marks = [Mark(mark.value, mark.confidence, picture.source_box(mark.box), mark.position) for mark in line.marks]
    digits = tuple(_build_digit(digit, picture) for digit in line.digits)
    return Line(text, float(line.confidence), digits, tuple(marks))


def _build_digit(digit: DigitCandidate, picture: Picture) -> Digit:
    order = np.argsort(-digit.probabilities, kind="stable")
    alternatives = tuple((int(value), float(digit.probabilities[value])) for value in order[1:4])
    is_framed = digit.ink.shape == (SIDE, SIDE) and not digit.component.labels
    image = digit.ink if is_framed else frame(digit.ink)
    return Digit(digit.value, digit.confidence, picture.source_box(digit.component.box), alternatives, image=image)
