"""`read`: the digits in a picture, whatever kind of picture it is."""

from __future__ import annotations

from functools import cache
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE
from tenfold.model import BUNDLED, Model, load_model
from tenfold.ocr.binarize import binarize
from tenfold.ocr.components import (
    characters,
    find_blobs,
    pieced,
    rows,
    without_edge_of_shade,
    without_lines,
    without_specks,
)
from tenfold.ocr.digit import as_it_is, is_mnist_like, one_digit, promised_digit, read_twice, trust
from tenfold.ocr.filled import filled_digit, is_tiny
from tenfold.ocr.form_boxes import without_boxes, without_frame
from tenfold.ocr.framing import frame
from tenfold.ocr.image import Picture, Source, load_image
from tenfold.ocr.line import IS_DIGIT, Row, bundled_reader, read_pieces, read_row
from tenfold.ocr.page import find_sheets
from tenfold.ocr.reading import Digit, Expect, Reading
from tenfold.ocr.ruled_lines import without_rulings
from tenfold.ocr.segmentation import Found
from tenfold.ocr.views import views

MOST = 1000  # characters of a page; what has more is a pattern, with which reading would go on for minutes
PROMISED = 0.1  # least digitness of a digit that `expect` promises
UNSURE = 0.9  # confidence, below which a sheet is looked for
WIDEST, NARROW = 1.4, 0.8  # of one digit, in heights; two that touch are wider than narrow


def read(picture: Source, expect: Expect = "auto", model: Model | None = None) -> Reading:
    """Read the digits in `picture`: a path, bytes, PIL image, or uint8 array (H, W), (H, W, 3), (H, W, 4).

    expect: "digit" (one), "line" (one row), "page" (rows), or "auto" (found out). model: the bundled one if None.
    Raises ValueError for another `expect`, DataError or UnavailableError for a picture that can't be opened.
    """
    if expect not in get_args(Expect):
        raise ValueError(f"expect is one of {', '.join(get_args(Expect))}, not {expect!r}")
    return read_opened(load_image(picture), expect, model or bundled_model())


@cache
def bundled_model() -> Model:
    return load_model(threads=1)  # a second thread spins while it waits, which costs more than it gains


def read_opened(opened: Picture, expect: Expect, model: Model) -> Reading:
    """`read` of a picture that is open already."""
    reading = _read_whole(opened, expect, model)
    if reading.confidence >= UNSURE:
        return reading
    # Nothing, or its edge: perhaps what is written lies on a sheet, and that on a table.
    for sheet in find_sheets(opened.gray):
        part = _read_whole(opened.part(sheet.gray, sheet.left, sheet.top), expect, model)
        if part.confidence > reading.confidence:
            return part
    return reading


def _read_whole(opened: Picture, expect: Expect, model: Model) -> Reading:
    if expect in ("auto", "digit") and is_mnist_like(opened):
        return _reading([_single(as_it_is(opened.gray, model), expect)], opened)

    def judging(crops: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return judge(model, crops)

    def again(digit: Found) -> Found:
        # The reader of whole rows would hide what another model reads.
        return read_twice(digit, opened.gray, bundled_reader()) if model.name == BUNDLED else digit

    if expect in ("auto", "digit") and is_tiny(opened.gray):
        filled = filled_digit(opened.gray, judging)
        return _reading([_single(filled, expect)] if filled else [], opened)
    found = binarize(opened.gray)
    all_ink = without_edge_of_shade(find_blobs(found.ink), opened.gray)
    ink = without_boxes(without_frame(all_ink))
    if (plain := without_rulings(ink.ink)) is not ink.ink:
        ink = find_blobs(plain)
    blobs = without_lines(without_specks(ink.blobs), ink.ink.shape)
    if not 0 < len(blobs) <= MOST:
        return Reading("", 0.0, ())
    if expect == "digit":
        part = one_digit(ink, blobs, found.contrast, judging)
        digit = promised_digit(opened.gray, all_ink, found.contrast, judging, part)
        return _reading([_single(again(digit), expect)], opened)
    is_one = expect == "auto" and len(whole := pieced(blobs)) == 1 and whole[0].width <= WIDEST * whole[0].height
    if is_one:
        row = _single(again(one_digit(ink, blobs, found.contrast, judging)), expect)
        if row.digits or whole[0].width < NARROW * whole[0].height:
            return _reading([row], opened)
    lines = rows(characters(blobs))
    if expect == "line":
        lines = [sorted((blob for line in lines for blob in line), key=lambda blob: blob.left)]
    if model.name != BUNDLED:
        return _reading([read_pieces(ink, line, judging) for line in lines], opened)
    reader, trusted, gray = bundled_reader(), trust(found.contrast), opened.gray if len(lines) == 1 else None
    read = [read_row(ink, line, judging, reader, trusted, gray) for line in lines]
    if is_one and sum(len(row.digits) for row in read) == 1:  # a part of what is no digit
        return Reading("", 0.0, ())
    return _reading(read, opened)


def _single(one: Found, expect: Expect) -> Row:
    least = PROMISED if expect == "digit" else IS_DIGIT
    return Row([one], one.sure) if one.digitness >= least else Row([], 0.0)


def judge(model: Model, crops: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities (N, 10) and digitness (N,) of characters whose ink is uint8 (H, W) each: means over their views."""
    seen = [views(crop) for crop in crops]
    images = np.concatenate(seen)
    starts = np.cumsum([0, *(len(one) for one in seen)])[:-1]
    counts = np.array([len(one) for one in seen], np.float32)
    probabilities, digitness = model.predict_with_digitness(images)
    means = np.add.reduceat(probabilities, starts) / counts[:, None]
    return means.astype(np.float32), (np.add.reduceat(digitness, starts) / counts).astype(np.float32)


def _reading(lines: list[Row], picture: Picture) -> Reading:
    """Put what was found into words and the picture's own pixels."""
    lines = [line for line in lines if line.digits]
    if not lines:
        return Reading("", 0.0, ())
    text = "\n".join("".join(str(found.value) for found in line.digits) for line in lines)
    digits = tuple(_digit(found, picture) for line in lines for found in line.digits)
    return Reading(text, float(np.prod([line.confidence for line in lines])), digits)


def _digit(found: Found, picture: Picture) -> Digit:
    order = np.argsort(-found.probabilities, kind="stable")
    across, down = picture.scale
    x, y, width, height = found.blob.box
    left, top = int(x * across), int(y * down)
    right, bottom = int(np.ceil((x + width) * across)), int(np.ceil((y + height) * down))
    box = (
        left + picture.left,
        top + picture.top,
        min(right, picture.size[0]) - left,
        min(bottom, picture.size[1]) - top,
    )
    alternatives = tuple((int(value), float(found.probabilities[value])) for value in order[1:4])
    is_framed = found.ink.shape == (SIDE, SIDE) and not found.blob.labels
    image = found.ink if is_framed else frame(found.ink)
    return Digit(found.value, found.sure, box, alternatives, image=image)
