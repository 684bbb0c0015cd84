"""A line as ink: MNIST's digits and drawn ones by one writer, with signs and letters between them."""

from dataclasses import dataclass
from itertools import zip_longest

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.marks import DIGITS, digits_of
from tenfold.synthesis.lines.glyph_bank import DISTANCE_STEPS, GlyphBank
from tenfold.synthesis.lines.sign_bank import SignBank
from tenfold.synthesis.strokes import (
    DIGIT_JITTER,
    DIGIT_STROKES,
    REGIONAL_PROBABILITIES,
    SIGN_JITTER,
    SIGN_STROKES,
    Points,
    Shape,
    sample_strokes,
)

Ink = NDArray[np.uint8]  # (H, W), white on black
Box = tuple[int, int, int, int]  # left, top, right, bottom

DIGIT_HEIGHT = 36  # on the canvas, in pixels
CANVAS_HEIGHT, BASELINE = 128, 82
MARGIN = 12  # around a digit's piece of the canvas: more than a pen's radius
START_X = 30.0


@dataclass(eq=False)
class Canvas:
    """A line while it is written.

    distance: to the center of the nearest stroke, in eighths of a pixel. path: drawn strokes, 0 on the stroke, to be
    merged into `distance` at the end. brush: ink of digits that keep MNIST's own strokes.
    """

    distance: Ink
    path: Ink
    brush: Ink
    slant: float
    x: float = START_X

    @classmethod
    def create(cls, length: int, rng: np.random.Generator) -> "Canvas":
        width = 160 + (length + 2) * 2 * DIGIT_HEIGHT
        slant = float(rng.triangular(-0.25, 0.1, 0.6) if rng.random() < 0.7 else rng.uniform(-0.45, 0.95))
        distance, path, brush = (np.full((CANVAS_HEIGHT, width), value, np.uint8) for value in (255, 255, 0))
        return cls(distance, path, brush, slant)


class Writer:
    """What stays the same along a line."""

    def __init__(self, text: str, glyphs: GlyphBank, signs: SignBank, rng: np.random.Generator) -> None:
        self.glyphs, self.signs = glyphs, signs
        is_tight = rng.random() < 0.3
        self.gap = rng.uniform(-0.08, 0.1) if is_tight else rng.triangular(-0.02, 0.2, 0.9)
        self.gap_deviation = rng.uniform(0.02, 0.12)
        self.size_deviation = rng.uniform(0.02, 0.14)
        self.baseline_deviation = rng.uniform(0, 0.1)
        self.slope = rng.normal(0, 0.03)
        self.aspect = float(np.exp(rng.normal(0.05, 0.2)))
        self.zero_size = rng.uniform(0.45, 0.9) if rng.random() < 0.3 else 1.0
        self.join_probability = 0.35 if rng.random() < 0.15 else 0.0
        self.uses_brush = rng.random() < 0.25
        is_regional = rng.random() < 0.65
        is_consistent = rng.random() < 0.4  # every instance of a digit is the same image
        self.indices: dict[int, NDArray[np.intp]] = {}
        self.shapes: dict[int, Shape] = {}
        for digit in sorted(set(map(int, digits_of(text)))):
            if is_regional and rng.random() < REGIONAL_PROBABILITIES[digit]:
                self.shapes[digit] = DIGIT_STROKES[digit][rng.integers(len(DIGIT_STROKES[digit]))]
            indices = glyphs.indices[digit]
            self.indices[digit] = indices[rng.integers(0, len(indices), 1)] if is_consistent else indices
        self.crosses_sevens = is_regional and rng.random() < 0.4
        self.drawn_aspect = rng.uniform(0.7, 1.3)


def write_line(text: str, glyphs: GlyphBank, signs: SignBank, rng: np.random.Generator) -> Canvas:
    canvas = Canvas.create(len(text), rng)
    writer = Writer(text, glyphs, signs, rng)
    for character, following in zip_longest(text, text[1:], fillvalue=" "):
        if character == " ":
            canvas.x += DIGIT_HEIGHT * rng.uniform(0.3, 0.9)
        elif character in DIGITS:
            add_digit(canvas, int(character), writer, rng)
            if following in DIGITS and rng.random() < writer.join_probability:
                add_join(canvas, rng)
        else:
            add_sign(canvas, character, writer, rng)
    return canvas


def add_digit(canvas: Canvas, digit: int, writer: Writer, rng: np.random.Generator) -> None:
    height = DIGIT_HEIGHT * float(np.clip(np.exp(rng.normal(0, writer.size_deviation)), 0.6, 1.5))
    if digit == 0:
        height *= writer.zero_size
    elif rng.random() < 0.06:
        height *= rng.uniform(1.1, 1.6)  # long 1s, 7s, 9s
    foot = BASELINE + DIGIT_HEIGHT * rng.normal(0, writer.baseline_deviation) + writer.slope * (canvas.x - START_X)
    if digit != 0 and writer.zero_size < 1 and rng.random() < 0.3:
        foot += rng.uniform(0, 0.3) * DIGIT_HEIGHT
    canvas.x += DIGIT_HEIGHT * (writer.gap + rng.normal(0, writer.gap_deviation))
    left = canvas.x
    if digit in writer.shapes:
        strokes = sample_strokes(writer.shapes[digit], DIGIT_JITTER, rng)
        width = height * writer.aspect * rng.uniform(0.55, 0.85) * writer.drawn_aspect
        canvas.x = add_strokes(canvas, strokes, (left, foot - height), (width, height))
        return
    indices = writer.indices[digit]
    canvas.x = add_image(canvas, writer.glyphs, indices[rng.integers(len(indices))], height, foot, writer, rng)
    if digit == 7 and writer.crosses_sevens:
        bar = np.array([[-0.25, 0.53], [0.3, 0.47]], np.float32) + rng.normal(0, 0.05, (2, 2)).astype(np.float32)
        add_strokes(canvas, [bar], ((left + canvas.x) / 2, foot - height), (height, height))


def add_image(
    canvas: Canvas, glyphs: GlyphBank, index: int, height: float, foot: float, writer: Writer, rng: np.random.Generator
) -> float:
    """Add a digit or another glyph, its center line or its own ink; returns the x where it ends."""
    left, top, right, bottom = map(int, glyphs.boxes[index])
    glyph_height, glyph_width = max(bottom - top, 1), max(right - left, 1)
    scale_y = height / glyph_height
    scale_x = scale_y * writer.aspect * float(np.exp(rng.normal(0, 0.1)))
    scale_x = min(scale_x, 1.4 * DIGIT_HEIGHT / glyph_width)
    shear = (canvas.slant * 0.8 + rng.normal(0, 0.06)) * scale_y
    rotation = rng.normal(0, 0.05) * scale_x
    piece_width = int(glyph_width * scale_x + abs(shear) * glyph_height) + 2 * MARGIN
    piece_height = int(height + abs(rotation) * glyph_width) + 2 * MARGIN
    center_x, center_y = (left + right) / 2, (top + bottom) / 2
    matrix = np.array(
        [
            [scale_x, -shear, piece_width / 2 - scale_x * center_x + shear * center_y],
            [rotation, scale_y, piece_height / 2 - rotation * center_x - scale_y * center_y],
        ]
    )
    x = int(canvas.x + (glyph_width * scale_x - piece_width) / 2)
    y = int(np.clip(foot - height / 2 - piece_height / 2, 0, CANVAS_HEIGHT - piece_height))
    target = slice(y, y + piece_height), slice(max(x, 0), x + piece_width)
    size, hidden = (piece_width, piece_height), max(-x, 0)  # columns left of the canvas
    if writer.uses_brush:
        piece = cv2.warpAffine(glyphs.images[index], matrix, size, flags=cv2.INTER_LINEAR)[:, hidden:]
        np.maximum(canvas.brush[target], piece, out=canvas.brush[target])
    else:
        piece = cv2.warpAffine(glyphs.distances[index], matrix, size, flags=cv2.INTER_LINEAR, borderValue=255)
        piece = cv2.convertScaleAbs(piece[:, hidden:], alpha=float(np.sqrt(scale_x * scale_y)))
        np.minimum(canvas.distance[target], piece, out=canvas.distance[target])
    return canvas.x + glyph_width * scale_x


def add_strokes(canvas: Canvas, strokes: list[Points], corner: tuple[float, float], size: tuple[float, float]) -> float:
    """Add strokes in units of (width, height) from the corner; returns the x where they end."""
    (x, y), (width, height) = corner, size
    end = x
    for stroke in strokes:
        down = stroke[:, 1] * height
        across = stroke[:, 0] * width + (height / 2 - down) * canvas.slant
        end = max(end, x + float(stroke[:, 0].max()) * width)
        points = np.stack([across + x, down + y], axis=1)
        cv2.polylines(canvas.path, [np.round(points * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    return end


def add_join(canvas: Canvas, rng: np.random.Generator) -> None:
    """A stroke from this digit towards the next one, as fast writers leave it."""
    y = BASELINE - DIGIT_HEIGHT * rng.uniform(0, 1)
    width = DIGIT_HEIGHT * rng.uniform(0.2, 0.6)
    stroke = np.array([[-0.3, 0], [0.5, rng.normal(0, 0.15)], [1, rng.normal(0, 0.2)]], np.float32)
    add_strokes(canvas, [stroke], (canvas.x, y), (width, DIGIT_HEIGHT))


def add_sign(canvas: Canvas, sign: str, writer: Writer, rng: np.random.Generator) -> None:
    """Add a sign by strokes, or a sign or a letter as fonts have it."""
    canvas.x += DIGIT_HEIGHT * (max(writer.gap, 0) * 0.6 + rng.uniform(0.04, 0.2))
    indices = writer.signs.indices(sign)
    if len(indices) and (sign not in SIGN_STROKES or rng.random() < 0.5):
        index = indices[rng.integers(len(indices))]
        top, bottom = DIGIT_HEIGHT * rng.uniform(0.85, 1.2) * writer.signs.extents[index]
        foot = BASELINE + bottom - DIGIT_HEIGHT + DIGIT_HEIGHT * rng.normal(0, 0.06)
        canvas.x = add_image(canvas, writer.signs.glyphs, index, max(bottom - top, 4.0), foot, writer, rng)
        return
    height = DIGIT_HEIGHT * rng.uniform(0.8, 1.15)
    foot = BASELINE + DIGIT_HEIGHT * rng.normal(0.03, 0.06)
    width = height * rng.uniform(0.6, 1.2)
    tilt = np.array([0, rng.normal(0, 0.12)], np.float32)
    strokes = [stroke + stroke[:, :1] * tilt for stroke in sample_strokes(SIGN_STROKES[sign], SIGN_JITTER, rng)]
    canvas.x = add_strokes(canvas, strokes, (canvas.x, foot - height), (width, height))


def render_ink(canvas: Canvas, rng: np.random.Generator) -> tuple[Ink, Box]:
    """The ink, uint8 (H, W), white on black, and its bounding box."""
    radius = float(np.exp(rng.normal(0.62, 0.4)).clip(0.75, 5.5))
    if canvas.brush.any():
        radius = float(rng.uniform(1.6, 3.0))
    used = slice(0, int(canvas.x) + 2 * DIGIT_HEIGHT)  # columns
    distance, path = canvas.distance[:, used], canvas.path[:, used]
    if not path.all():
        path_distance = cv2.distanceTransform(path, cv2.DIST_L2, cv2.DIST_MASK_3)
        distance = np.minimum(distance, cv2.convertScaleAbs(path_distance, alpha=DISTANCE_STEPS))
    levels = np.clip((radius + 0.5 - np.arange(256) / DISTANCE_STEPS) * 255, 0, 255).astype(np.uint8)
    ink: Ink = np.maximum(cv2.LUT(distance, levels), canvas.brush[:, used])
    if rng.random() < 0.5:
        ink = deform(ink, rng)
    left, top, width, height = cv2.boundingRect((ink > 100).view(np.uint8))
    if not width:  # an empty field
        left, width = int(START_X), DIGIT_HEIGHT * int(rng.integers(1, 5))
        return ink, (left, BASELINE - DIGIT_HEIGHT, left + width, BASELINE)
    return ink, (left, top, left + width, top + height)


def deform(ink: Ink, rng: np.random.Generator) -> Ink:
    """A slight elastic deformation."""
    height, width = ink.shape
    grain = rng.uniform(14, 30)
    coarse = rng.normal(0, rng.uniform(0.5, 1.8), (int(height / grain) + 2, int(width / grain) + 2, 2))
    shift = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    shift = shift.astype(np.float32)
    y, x = np.indices(ink.shape, np.float32)
    return cv2.remap(ink, shift[..., 0] + x, shift[..., 1] + y, cv2.INTER_LINEAR).astype(np.uint8, copy=False)
