"""A row of digits as ink: MNIST's digits and drawn ones, in one hand, with signs between them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.synthesis.lines.stock import UNIT, Stock
from tenfold.synthesis.strokes import DIGIT_JITTER, DIGITS, DRAWN, SIGN_JITTER, SIGNS, Points, Stroke, written

Ink = NDArray[np.uint8]  # (H, W), white on black

CAP = 36  # height of a digit on the canvas
HEIGHT, BASELINE = 128, 82  # of the canvas, and where the digits stand on it
PAD = 12  # around a digit's piece of the canvas: more than a pen's radius


@dataclass(eq=False)
class Writing:
    """A canvas while it is written on.

    distance: to the middle of the nearest stroke, in eighths of a pixel; path: strokes still to be added to it, 0 on
    the stroke; brush: ink of digits that keep MNIST's own strokes.
    """

    distance: Ink
    path: Ink
    brush: Ink
    slant: float
    x: float = 30.0


def write(text: str, signs: tuple[str, list[str], str], stock: Stock, draw: np.random.Generator) -> Writing:
    """The text and the signs: before it, after each digit, at the end."""
    width = 160 + (len(text) + 6) * 2 * CAP
    slant = float(draw.triangular(-0.25, 0.1, 0.6) if draw.random() < 0.7 else draw.uniform(-0.45, 0.95))
    canvas = [np.full((HEIGHT, width), value, np.uint8) for value in (255, 255, 0)]
    writing = Writing(canvas[0], canvas[1], canvas[2], slant)
    hand = Hand(text, stock, draw)
    if signs[0]:
        add_sign(writing, signs[0], hand.gap, draw)
    for i, digit in enumerate(map(int, text)):
        add_digit(writing, digit, hand, stock, draw)
        if i < len(text) - 1 and signs[1][i]:
            add_sign(writing, signs[1][i], hand.gap, draw)
        elif draw.random() < hand.joined:
            join(writing, draw)
    for sign in signs[2]:
        add_sign(writing, sign, hand.gap, draw)
    return writing


class Hand:
    """What stays the same along a line."""

    def __init__(self, text: str, stock: Stock, draw: np.random.Generator) -> None:
        tight = draw.random() < 0.3
        self.gap = draw.uniform(-0.08, 0.1) if tight else draw.triangular(-0.02, 0.2, 0.9)
        self.gap_spread = draw.uniform(0.02, 0.12)
        self.size_spread = draw.uniform(0.02, 0.14)
        self.baseline_spread = draw.uniform(0, 0.1)
        self.slope = draw.normal(0, 0.03)
        self.aspect = float(np.exp(draw.normal(0.05, 0.2)))
        self.small_zeros = draw.uniform(0.45, 0.9) if draw.random() < 0.3 else 1.0
        self.joined = 0.35 if draw.random() < 0.15 else 0.0
        self.brush = draw.random() < 0.25
        foreign = draw.random() < 0.65
        steady = draw.random() < 0.4  # one writer's digits are alike
        self.rows: dict[int, NDArray[np.intp]] = {}
        self.shapes: dict[int, tuple[Stroke, ...]] = {}
        for digit in set(map(int, text)):
            if foreign and draw.random() < DRAWN[digit]:
                self.shapes[digit] = DIGITS[digit][draw.integers(len(DIGITS[digit]))]
            rows = stock.rows[digit]
            self.rows[digit] = rows[draw.integers(0, len(rows), 1)] if steady else rows
        self.crossed = foreign and draw.random() < 0.4
        self.widened = draw.uniform(0.7, 1.3)


def add_digit(writing: Writing, digit: int, hand: Hand, stock: Stock, draw: np.random.Generator) -> None:
    height = CAP * float(np.clip(np.exp(draw.normal(0, hand.size_spread)), 0.6, 1.5))
    if digit == 0:
        height *= hand.small_zeros
    elif draw.random() < 0.06:
        height *= draw.uniform(1.1, 1.6)  # long 1s, 7s, 9s
    foot = BASELINE + CAP * draw.normal(0, hand.baseline_spread) + hand.slope * (writing.x - 30)
    if digit != 0 and hand.small_zeros < 1 and draw.random() < 0.3:
        foot += draw.uniform(0, 0.3) * CAP
    writing.x += CAP * (hand.gap + draw.normal(0, hand.gap_spread))
    before = writing.x
    if digit in hand.shapes:
        jitter = DIGIT_JITTER
        lines = written(hand.shapes[digit], jitter, draw)
        width = height * hand.aspect * draw.uniform(0.55, 0.85) * hand.widened
        writing.x = add_strokes(writing, lines, (writing.x, foot - height), (width, height))
    else:
        row = hand.rows[digit][draw.integers(len(hand.rows[digit]))]
        writing.x = add_image(writing, row, height, foot, hand, stock, draw)
        if digit == 7 and hand.crossed:
            bar = np.array([[-0.25, 0.53], [0.3, 0.47]], np.float32) + draw.normal(0, 0.05, (2, 2)).astype(np.float32)
            add_strokes(writing, [bar], ((before + writing.x) / 2, foot - height), (height, height))


def add_image(
    writing: Writing, row: int, height: float, foot: float, hand: Hand, stock: Stock, draw: np.random.Generator
) -> float:
    """One of MNIST's digits, its middle line or its own ink; returns where it ends."""
    left, top, right, bottom = map(int, stock.boxes[row])
    tall, wide = max(bottom - top, 1), max(right - left, 1)
    scale_y = height / tall
    scale_x = scale_y * hand.aspect * float(np.exp(draw.normal(0, 0.1)))
    scale_x = min(scale_x, 1.4 * CAP / wide)
    shear = (writing.slant * 0.8 + draw.normal(0, 0.06)) * scale_y
    turn = draw.normal(0, 0.05) * scale_x
    piece_w = int(wide * scale_x + abs(shear) * tall) + 2 * PAD
    piece_h = int(height + abs(turn) * wide) + 2 * PAD
    cx, cy = (left + right) / 2, (top + bottom) / 2
    matrix = np.array(
        [
            [scale_x, -shear, piece_w / 2 - scale_x * cx + shear * cy],
            [turn, scale_y, piece_h / 2 - turn * cx - scale_y * cy],
        ]
    )
    x = int(writing.x + (wide * scale_x - piece_w) / 2)
    y = int(np.clip(foot - height / 2 - piece_h / 2, 0, HEIGHT - piece_h))
    place = slice(y, y + piece_h), slice(max(x, 0), x + piece_w)
    size = (piece_w, piece_h)
    if hand.brush:
        piece = cv2.warpAffine(stock.images[row], matrix, size, flags=cv2.INTER_LINEAR)[:, max(-x, 0) :]
        np.maximum(writing.brush[place], piece, out=writing.brush[place])
    else:
        piece = cv2.warpAffine(stock.distances[row], matrix, size, flags=cv2.INTER_LINEAR, borderValue=255)
        piece = cv2.convertScaleAbs(piece[:, max(-x, 0) :], alpha=float(np.sqrt(scale_x * scale_y)))
        np.minimum(writing.distance[place], piece, out=writing.distance[place])
    return writing.x + wide * scale_x


def add_strokes(
    writing: Writing,
    lines: list[Points],
    corner: tuple[float, float],
    size: tuple[float, float],
) -> float:
    """Strokes in units of (width, height), from the corner on; returns where they end."""
    (x, y), (width, height) = corner, size
    end = x
    for line in lines:
        down = line[:, 1] * height
        across = line[:, 0] * width + (height / 2 - down) * writing.slant
        end = max(end, x + float(line[:, 0].max()) * width)
        points = np.stack([across + x, down + y], axis=1)
        cv2.polylines(writing.path, [np.round(points * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    return end


def join(writing: Writing, draw: np.random.Generator) -> None:
    """A stroke from this digit on towards the next one, as fast hands leave it."""
    height = BASELINE - CAP * draw.uniform(0, 1)
    reach = CAP * draw.uniform(0.2, 0.6)
    line = np.array([[-0.3, 0], [0.5, draw.normal(0, 0.15)], [1, draw.normal(0, 0.2)]], np.float32)
    add_strokes(writing, [line], (writing.x, height), (reach, CAP))


def add_sign(writing: Writing, sign: str, gap: float, draw: np.random.Generator) -> None:
    writing.x += CAP * (max(gap, 0) * 0.6 + draw.uniform(0.04, 0.2))
    size = CAP * draw.uniform(0.8, 1.15)
    foot = BASELINE + CAP * draw.normal(0.03, 0.06)
    width = size * draw.uniform(0.6, 1.2)
    tilt = draw.normal(0, 0.12)
    lines = [
        stroke + stroke[:, :1] * np.array([0, tilt], np.float32) for stroke in written(SIGNS[sign], SIGN_JITTER, draw)
    ]
    writing.x = add_strokes(writing, lines, (writing.x, foot - size), (width, size))


def inked(writing: Writing, draw: np.random.Generator) -> tuple[Ink, tuple[int, int, int, int]]:
    """The ink, uint8 (H, W), white on black, and the box around it: left, top, right, bottom."""
    radius = float(np.exp(draw.normal(0.62, 0.4)).clip(0.75, 5.5))
    if writing.brush.any():
        radius = float(draw.uniform(1.6, 3.0))
    used = slice(0, int(writing.x) + 2 * CAP)  # of the canvas
    distance, path = writing.distance[:, used], writing.path[:, used]
    if not path.all():
        added = cv2.distanceTransform(path, cv2.DIST_L2, cv2.DIST_MASK_3)
        distance = np.minimum(distance, cv2.convertScaleAbs(added, alpha=UNIT))
    levels = np.clip((radius + 0.5 - np.arange(256) / UNIT) * 255, 0, 255).astype(np.uint8)
    ink: Ink = np.maximum(cv2.LUT(distance, levels), writing.brush[:, used])
    if draw.random() < 0.5:
        ink = waved(ink, draw)
    found = cv2.boundingRect((ink > 100).view(np.uint8))
    if not found[2]:  # nothing was written: a place where something might have been
        return ink, (30, BASELINE - CAP, 30 + CAP * int(draw.integers(1, 5)), BASELINE)
    left, top, width, height = found
    return ink, (left, top, left + width, top + height)


def waved(ink: Ink, draw: np.random.Generator) -> Ink:
    """Slightly drawn out of shape, each place in its own direction."""
    height, width = ink.shape
    grain = draw.uniform(14, 30)
    rough = draw.normal(0, draw.uniform(0.5, 1.8), (int(height / grain) + 2, int(width / grain) + 2, 2))
    moved = cv2.resize(rough.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    y, x = np.indices(ink.shape, np.float32)
    return cv2.remap(ink, moved[..., 0] + x, moved[..., 1] + y, cv2.INTER_LINEAR).astype(np.uint8, copy=False)
