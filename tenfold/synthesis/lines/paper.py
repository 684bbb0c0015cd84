"""Ink on paper: how a line is cut out, what is printed under it, and what a camera or a scanner makes of it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.synthesis.lines.writing import BASELINE, CANVAS_HEIGHT, DIGIT_HEIGHT, Box, Ink

Picture = NDArray[np.uint8]  # (H, W)


def crop_line(ink: Ink, box: Box, rng: np.random.Generator) -> Ink:
    """The line as people might cut it out: tight or wide, with ruled lines or the edges of neighboring lines."""
    left, top, right, bottom = box
    max_margin = 0.6 if rng.random() < 0.3 else 0.15
    margins_y = DIGIT_HEIGHT * rng.uniform(-0.03, max_margin, 2)
    margins_x = DIGIT_HEIGHT * rng.uniform(-0.02, 0.7 if rng.random() < 0.5 else 0.15, 2)
    top, bottom = max(int(top - margins_y[0]), 0), min(int(bottom + margins_y[1]) + 1, CANVAS_HEIGHT)
    left, right = max(int(left - margins_x[0]), 0), min(int(right + margins_x[1]) + 1, ink.shape[1])
    line = np.ascontiguousarray(ink[top:bottom, left : max(right, left + 8)])
    if rng.random() < 0.22:
        line = np.maximum(line, _ruled_lines(line.shape, BASELINE - top, margins_x, rng))
    if rng.random() < 0.1:
        line = np.maximum(line, _neighbor_edges(line.shape, rng))
    return line


def _ruled_lines(shape: tuple[int, ...], baseline: int, margins: NDArray[np.float64], rng: np.random.Generator) -> Ink:
    """One to three printed or drawn lines below, above and through the side margins."""
    height, width = shape
    ink = np.zeros((height, width), np.uint8)
    intensity = int(rng.integers(60, 256))
    for side in rng.choice(["below", "above", "left", "right"], rng.integers(1, 4), p=[0.5, 0.2, 0.15, 0.15]):
        thickness, slope = int(rng.integers(1, 4)), rng.normal(0, 0.012)
        if side in ("below", "above"):
            below = min(baseline + rng.uniform(0.02, 0.35) * DIGIT_HEIGHT, height - 1)
            y = below if side == "below" else rng.uniform(0, 0.12) * height
            cv2.line(ink, (0, int(y)), (width, int(y + slope * width)), intensity, thickness, cv2.LINE_AA)
        else:
            x = rng.uniform(0, min(0.12 * DIGIT_HEIGHT + margins[0], width / 3))
            if side == "right":
                x = width - rng.uniform(0, min(0.12 * DIGIT_HEIGHT + margins[1], width / 3))
            cv2.line(ink, (int(x), 0), (int(x), height), intensity, thickness, cv2.LINE_AA)
    return ink


def _neighbor_edges(shape: tuple[int, ...], rng: np.random.Generator) -> Ink:
    """Parts of the lines above and below this one."""
    height, width = shape
    ink = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        x, length = rng.uniform(0, width), rng.uniform(0.03, 0.14) * height
        y = 0 if rng.random() < 0.5 else height
        end_x, end_y = int(x + rng.normal(0, 6)), int(y + (length if y == 0 else -length))
        cv2.line(ink, (int(x), y), (end_x, end_y), 255, int(rng.integers(2, 6)), cv2.LINE_AA)
    return ink


def print_on_paper(ink: Ink, backgrounds: list[Picture], rng: np.random.Generator) -> Picture:
    """The line on its paper, dark on light."""
    if rng.random() < 0.12:  # the paper has been removed already
        return 255 - ink
    paper = _illuminated_paper(ink.shape, rng)
    contrast = float(rng.triangular(0.2, 0.65, 0.95))
    if rng.random() < 0.7:
        paper *= 1 - _background_print(ink.shape, backgrounds, contrast, rng)
    density = ink.astype(np.float32) * np.float32(contrast / 255)
    if rng.random() < 0.5:  # an uneven pen
        height, width = ink.shape
        coarse = rng.uniform(0.5, 1, (2 + height // 12, 2 + width // 12)).astype(np.float32)
        density *= cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    paper *= 1 - density
    return np.clip(paper, 0, 255).astype(np.uint8)


def _illuminated_paper(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Blank paper, float (H, W), 0 to 255: evenly lit, with a gradient, with the edge of a shadow."""
    height, width = shape
    paper = np.full((height, width), rng.uniform(110, 250), np.float32)
    if rng.random() < 0.5:
        corners = rng.uniform(0.65, 1.05, (2, 3)).astype(np.float32)
        paper *= cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.08:
        x = np.arange(width, dtype=np.float32)[None] + np.arange(height, dtype=np.float32)[:, None] * rng.normal(0, 1)
        darkness = rng.uniform(0.1, 0.5)
        paper *= 1 - darkness / (1 + np.exp(np.clip((x - rng.uniform(0, width)) / rng.uniform(1, 12), -50, 50)))
    return paper


def _background_print(
    shape: tuple[int, ...], backgrounds: list[Picture], contrast: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The density of a piece of printed background, float (H, W), 0 to 1."""
    height, width = shape
    background = backgrounds[rng.integers(len(backgrounds))]
    scale = rng.uniform(0.6, 1.5)
    piece_height = min(int(height * scale), background.shape[0])
    piece_width = min(int(width * scale), background.shape[1])
    y = rng.integers(0, background.shape[0] - piece_height + 1)
    x = rng.integers(0, background.shape[1] - piece_width + 1)
    piece = background[y : y + piece_height, x : x + piece_width]
    piece = _as_gray(cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR))
    strength = contrast * float(rng.triangular(0.02, 0.25, 0.75))
    density: NDArray[np.float32] = piece.astype(np.float32) * np.float32(strength / 255)
    return density


def degrade(picture: Picture, rng: np.random.Generator) -> Picture:
    """Blur, low resolution, noise and JPEG; sometimes light on dark."""
    height, width = picture.shape
    if rng.random() < 0.7:
        picture = _as_gray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.6)))
    scale = rng.uniform(0.45, 1.1)
    size = max(int(width * scale), 8), max(int(height * scale), 12)
    picture = _as_gray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    if rng.random() < 0.6:
        noise = rng.standard_normal(picture.shape, np.float32) * np.float32(rng.uniform(1, 12))
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])[1]
        picture = _as_gray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE))
    return 255 - picture if rng.random() < 0.15 else picture


def _as_gray(picture: Any) -> Picture:
    """OpenCV's result, typed."""
    return np.asarray(picture, np.uint8)
