"""Pictures of rows of digits, composed from MNIST's digits: what a network that reads whole rows learns from.

A line has a text, a hand (one pen, one slant, one way to write each digit), a paper with or without print, and damage:
shadow, blur, low resolution, noise, JPEG. Everything but the digits is left out of the text.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.synthesis.prints import sheets
from tenfold.synthesis.stock import UNIT, Stock
from tenfold.synthesis.strokes import DIGIT_JITTER, DIGITS, SIGN_JITTER, SIGNS, Points, Stroke, written

Picture = NDArray[np.uint8]  # (H, W)

CAP = 36  # height of a digit on the canvas
HEIGHT, BASELINE = 128, 82  # of the canvas, and where the digits stand on it
PAD = 12  # around a digit's piece of the canvas: more than a pen's radius
LONGEST = 10
SHEETS = 160

# How many of each digit are drawn by strokes, in a hand that is not MNIST's; the others are MNIST's digits.
DRAWN = (0.3, 0.65, 0.3, 0.2, 0.45, 0.45, 0.25, 0.5, 0.25, 0.6)


@dataclass(frozen=True, eq=False)
class Workshop:
    """All that lines are made from. Build one and keep it: the printed sheets take a second."""

    stock: Stock
    papers: list[Picture]

    @classmethod
    def of(cls, stock: Stock, draw: np.random.Generator) -> "Workshop":
        return cls(stock, sheets(SHEETS, draw))

    def line(self, draw: np.random.Generator) -> tuple[Picture, str]:
        """A picture of one row, uint8 (H, W), mostly dark on light, and its digits ("" where there is none)."""
        text = drawn_text(draw)
        writing = write(text, self.stock, draw)
        ink, box = inked(writing, draw)
        picture = printed(cropped(ink, box, writing, draw), self.papers, draw)
        return damaged(picture, draw), text


def drawn_text(draw: np.random.Generator) -> str:
    """1 to 10 digits, of which amounts' usual lengths are more frequent, or none."""
    if draw.random() < 0.05:
        return ""
    length = int(draw.integers(1, LONGEST + 1)) if draw.random() < 0.4 else int(draw.integers(2, 8))
    digits = draw.integers(0, 10, length)
    if draw.random() < 0.25:
        digits[length - draw.integers(0, min(length, 5)) :] = 0  # amounts like round figures
    if draw.random() < 0.2:
        repeated = draw.integers(0, length)
        digits[repeated : repeated + 2] = digits[repeated]
    return "".join(map(str, digits))


@dataclass(eq=False)
class Writing:
    """A canvas while it is written on.

    distance: to the middle of the nearest stroke, in eighths of a pixel; path: strokes still to be added to it, 0 on
    the stroke; brush: ink of digits that keep MNIST's own strokes.
    """

    distance: Picture
    path: Picture
    brush: Picture
    slant: float
    x: float = 30.0
    digits: list[float] = field(default_factory=list)  # middles of the digits


def write(text: str, stock: Stock, draw: np.random.Generator) -> Writing:
    """The text and what stands around it."""
    width = 160 + (len(text) + 6) * 2 * CAP
    slant = float(draw.triangular(-0.25, 0.1, 0.6) if draw.random() < 0.7 else draw.uniform(-0.45, 0.95))
    canvas = [np.full((HEIGHT, width), value, np.uint8) for value in (255, 255, 0)]
    writing = Writing(canvas[0], canvas[1], canvas[2], slant)
    hand = Hand(text, stock, draw)
    signs = drawn_signs(text, draw)
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
    writing.digits.append((before + writing.x) / 2)


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


def drawn_signs(text: str, draw: np.random.Generator) -> tuple[str, list[str], str]:
    """What stands before the digits, after each of them, and at the end."""
    before = str(draw.choice(list("$#=-*.+"))) if draw.random() < 0.12 else ""
    between = [""] * len(text)
    style = draw.random()
    if style < 0.3:  # thousands
        sign = str(draw.choice(list("..,,'-")))
        for i in range(len(text)):
            if (len(text) - 1 - i) % 3 == 0:
                between[i] = sign
    elif style < 0.45:
        for i in range(len(text)):
            if draw.random() < 0.25:
                between[i] = str(draw.choice(list("...,,,-':/")))
    after = ""
    if draw.random() < 0.4:
        after = str(draw.choice([".", ".-", ",-", "-", "=", "-", "--", "=", "~", ".=", "/", "#", "*", ",", "$", ".~"]))
    if not text and draw.random() < 0.5:
        after = "".join(draw.choice(list(".,-=~*#"), draw.integers(1, 4)))
    return before, between, after


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


def inked(writing: Writing, draw: np.random.Generator) -> tuple[Picture, tuple[int, int, int, int]]:
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
    ink: Picture = np.maximum(cv2.LUT(distance, levels), writing.brush[:, used])
    if draw.random() < 0.5:
        ink = waved(ink, draw)
    found = cv2.boundingRect((ink > 100).view(np.uint8))
    if not found[2]:  # nothing was written: a place where something might have been
        return ink, (30, BASELINE - CAP, 30 + CAP * int(draw.integers(1, 5)), BASELINE)
    left, top, width, height = found
    return ink, (left, top, left + width, top + height)


def waved(ink: Picture, draw: np.random.Generator) -> Picture:
    """Slightly drawn out of shape, each place in its own direction."""
    height, width = ink.shape
    grain = draw.uniform(14, 30)
    rough = draw.normal(0, draw.uniform(0.5, 1.8), (int(height / grain) + 2, int(width / grain) + 2, 2))
    moved = cv2.resize(rough.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    y, x = np.indices(ink.shape, np.float32)
    return cv2.remap(ink, moved[..., 0] + x, moved[..., 1] + y, cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def cropped(ink: Picture, box: tuple[int, int, int, int], writing: Writing, draw: np.random.Generator) -> Picture:
    """The row as somebody might cut it out: tight or wide, with a neighbour's edge, a box's lines, an underline."""
    left, top, right, bottom = box
    wide = 0.6 if draw.random() < 0.3 else 0.15
    margins = CAP * draw.uniform(-0.03, wide, 2)
    sides = CAP * draw.uniform(-0.02, 0.7 if draw.random() < 0.5 else 0.15, 2)
    top, bottom = max(int(top - margins[0]), 0), min(int(bottom + margins[1]) + 1, HEIGHT)
    left, right = max(int(left - sides[0]), 0), min(int(right + sides[1]) + 1, ink.shape[1])
    row = np.ascontiguousarray(ink[top:bottom, left : max(right, left + 8)])
    height, width = row.shape
    if draw.random() < 0.22:  # a printed or drawn line below, above, through the margins
        lines = np.zeros_like(row)
        dark = int(draw.integers(60, 256))
        for place in draw.choice(["below", "above", "left", "right"], draw.integers(1, 4), p=[0.5, 0.2, 0.15, 0.15]):
            thick, tilt = int(draw.integers(1, 4)), draw.normal(0, 0.012)
            if place in ("below", "above"):
                y = min(BASELINE - top + draw.uniform(0.02, 0.35) * CAP, height - 1)
                y = y if place == "below" else draw.uniform(0, 0.12) * height
                cv2.line(lines, (0, int(y)), (width, int(y + tilt * width)), dark, thick, cv2.LINE_AA)
            else:
                x = draw.uniform(0, min(0.12 * CAP + sides[0], width / 3))
                x = x if place == "left" else width - draw.uniform(0, min(0.12 * CAP + sides[1], width / 3))
                cv2.line(lines, (int(x), 0), (int(x), height), dark, thick, cv2.LINE_AA)
        row = np.maximum(row, lines)
    if draw.random() < 0.1:  # feet or heads of the rows beside this one
        piece = np.zeros_like(row)
        for _ in range(int(draw.integers(1, 5))):
            x, reach = draw.uniform(0, width), draw.uniform(0.03, 0.14) * height
            y = 0 if draw.random() < 0.5 else height
            ends = (int(x), int(y)), (int(x + draw.normal(0, 6)), int(y + (reach if y == 0 else -reach)))
            cv2.line(piece, *ends, 255, int(draw.integers(2, 6)), cv2.LINE_AA)
        row = np.maximum(row, piece)
    return row


def printed(ink: Picture, papers: list[Picture], draw: np.random.Generator) -> Picture:
    """The row on its paper, dark on light."""
    height, width = ink.shape
    if draw.random() < 0.12:  # what is left when somebody has taken the paper away already
        return 255 - ink
    light = np.full((height, width), draw.uniform(110, 250), np.float32)
    if draw.random() < 0.5:
        ends = draw.uniform(0.65, 1.05, (2, 3)).astype(np.float32)
        light *= cv2.resize(ends, (width, height), interpolation=cv2.INTER_LINEAR)
    if draw.random() < 0.08:  # a shadow's edge
        x = np.arange(width, dtype=np.float32)[None] + np.arange(height, dtype=np.float32)[:, None] * draw.normal(0, 1)
        light *= 1 - draw.uniform(0.1, 0.5) / (
            1 + np.exp(np.clip((x - draw.uniform(0, width)) / draw.uniform(1, 12), -50, 50))
        )
    contrast = float(draw.triangular(0.2, 0.65, 0.95))
    if draw.random() < 0.7:
        sheet = papers[draw.integers(len(papers))]
        scale = draw.uniform(0.6, 1.5)
        piece_h, piece_w = min(int(height * scale), sheet.shape[0]), min(int(width * scale), sheet.shape[1])
        y, x = draw.integers(0, sheet.shape[0] - piece_h + 1), draw.integers(0, sheet.shape[1] - piece_w + 1)
        piece = cv2.resize(sheet[y : y + piece_h, x : x + piece_w], (width, height), interpolation=cv2.INTER_LINEAR)
        strength = contrast * float(draw.triangular(0.02, 0.25, 0.75))
        light *= 1 - piece.astype(np.float32) * np.float32(strength / 255)
    pressed = ink.astype(np.float32) * np.float32(contrast / 255)
    if draw.random() < 0.5:  # a pen that gives more and less
        rough = draw.uniform(0.5, 1, (2 + height // 12, 2 + width // 12)).astype(np.float32)
        pressed *= cv2.resize(rough, (width, height), interpolation=cv2.INTER_LINEAR)
    light *= 1 - pressed
    return np.clip(light, 0, 255).astype(np.uint8)


def damaged(picture: Picture, draw: np.random.Generator) -> Picture:
    """Blur, low resolution, noise, JPEG, and now and then light on dark."""
    height, width = picture.shape
    if draw.random() < 0.7:
        picture = _grey(cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.3, 1.6)))
    scale = draw.uniform(0.45, 1.1)
    size = max(int(width * scale), 8), max(int(height * scale), 12)
    picture = _grey(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    if draw.random() < 0.6:
        noise = draw.standard_normal(picture.shape, np.float32) * np.float32(draw.uniform(1, 12))
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if draw.random() < 0.3:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(25, 90))])[1]
        picture = _grey(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
    return 255 - picture if draw.random() < 0.15 else picture


def _grey(picture: Any) -> Picture:
    """What OpenCV gives back, typed."""
    return np.asarray(picture, np.uint8)
