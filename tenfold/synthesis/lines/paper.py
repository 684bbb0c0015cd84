"""Ink laid on paper, cut out by somebody, and what a camera or a scanner makes of it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.synthesis.lines.writing import BASELINE, CAP, HEIGHT

Picture = NDArray[np.uint8]  # (H, W)


def cropped(ink: Picture, box: tuple[int, int, int, int], draw: np.random.Generator) -> Picture:
    """The row as somebody might cut it out: tight or wide, with a neighbor's edge, a box's lines, an underline."""
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
        picture = _gray(cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.3, 1.6)))
    scale = draw.uniform(0.45, 1.1)
    size = max(int(width * scale), 8), max(int(height * scale), 12)
    picture = _gray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    if draw.random() < 0.6:
        noise = draw.standard_normal(picture.shape, np.float32) * np.float32(draw.uniform(1, 12))
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if draw.random() < 0.3:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(25, 90))])[1]
        picture = _gray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
    return 255 - picture if draw.random() < 0.15 else picture


def _gray(picture: Any) -> Picture:
    """What OpenCV gives back, typed."""
    return np.asarray(picture, np.uint8)
