"""Handwriting that MNIST hardly shows: other pens, regional shapes, coarse scans, imperfect segmentation."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE, Images
from tenfold.ocr.framing import frame
from tenfold.synthesis.ops import (
    affine_matrices,
    blur,
    dilate,
    downsample,
    draw_segments,
    per_image,
    pixel_centers,
    skeletonize,
    smooth_displacement,
    uniform,
    upsample,
    warp,
)
from tenfold.synthesis.strokes import DIGIT_JITTER, DIGIT_STROKES, sample_strokes

PEN_SIZES = 4  # dilations by a half pixel, then a whole one, on each side
DRAWN_HEIGHT = 64  # pixels of a digit drawn by strokes, before it is framed
DRAWN_MARGIN = 12  # pixels: more than a pen's radius


def add_regional_strokes(pixels: Tensor, labels: Tensor, fraction: float) -> Tensor:
    """Give a fraction of the 7s a crossbar and of the 1s an upstroke, a foot or both; mirror a few 9s.

    pixels: float (B, 28, 28), 0 to 255. labels: (B,).
    """
    is_chosen = torch.rand(len(pixels)) < fraction
    sevens = (is_chosen & (labels == 7)).nonzero().flatten()
    ones = (is_chosen & (labels == 1)).nonzero().flatten()
    nines = (is_chosen & (labels == 9) & (torch.rand(len(pixels)) < 0.2)).nonzero().flatten()
    out = pixels.clone()
    out[nines] = out[nines].flip(2)
    if len(sevens):
        out[sevens] = add_crossbar(out[sevens])
    if len(ones):
        out[ones] = add_serifs(out[ones])
    return out


def add_crossbar(pixels: Tensor) -> Tensor:
    """A short bar through the stem, slightly below the middle."""
    batch = len(pixels)
    top, bottom = _vertical_extent(pixels)
    y = top + (bottom - top) * uniform(batch, 0.42, 0.68)
    x = _ink_center(pixels, y)
    half_width, slope = uniform(batch, 3, 6), uniform(batch, -0.25, 0.25)
    half = torch.stack([half_width, slope * half_width], dim=1)
    center = torch.stack([x + uniform(batch, -1, 1), y], dim=1)
    return _add_stroke(pixels, center - half, center + half)


def add_serifs(pixels: Tensor) -> Tensor:
    """An upstroke to the top, short or nearly as long as the stem, a foot, or both."""
    batch = len(pixels)
    top, bottom = _vertical_extent(pixels)
    has_foot = torch.rand(batch) < 0.4
    has_upstroke = ~has_foot | (torch.rand(batch) < 0.6)
    tip = torch.stack([_ink_center(pixels, top + 1), top + 0.7], dim=1)
    upstroke = torch.stack([uniform(batch, -9, -2.5), (bottom - top) * uniform(batch, 0.12, 0.6)], dim=1)
    upstroke[:, 1] = torch.minimum(upstroke[:, 1], upstroke[:, 0].abs() * 1.7)
    out = torch.where(per_image(has_upstroke), _add_stroke(pixels, tip, tip + upstroke), pixels)
    base = torch.stack([_ink_center(pixels, bottom - 1), bottom - 0.7], dim=1)
    half = torch.stack([uniform(batch, 2.5, 6), uniform(batch, -0.5, 0.5)], dim=1)
    return torch.where(per_image(has_foot), _add_stroke(out, base - half, base + half), out)


def _vertical_extent(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The y of the first row with ink and the end of the last one, (B,) each."""
    rows = (pixels.amax(dim=2) > 100).float()
    return rows.argmax(dim=1).float(), SIDE - rows.flip(1).argmax(dim=1).float()


def _ink_center(pixels: Tensor, height: Tensor) -> Tensor:
    """The mean x of the ink in the rows around `height`, (B,)."""
    x, y = pixel_centers(SIDE)
    ink = pixels * ((y - per_image(height)).abs() < 1.6) + 1e-3
    return (ink * x).sum(dim=(1, 2)) / ink.sum(dim=(1, 2))


def _add_stroke(pixels: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """One more stroke, about as wide as MNIST's."""
    coverage = draw_segments(start, end, uniform(len(pixels), 1.2, 2.6), SIDE)
    return torch.maximum(pixels, 255 * coverage)


def change_pen(pixels: Tensor) -> Tensor:
    """The same strokes with another pen, half a pixel to eight pixels wide, hard or soft.

    pixels: float (B, 28, 28), 0 to 255.
    """
    batch = len(pixels)
    ink = skeletonize(upsample(pixels), uniform(batch, 1.4, 2.2))
    pen_size = 1 + (torch.rand(batch).square() * PEN_SIZES).long()  # thin pens are more frequent
    for size in range(PEN_SIZES):
        is_wider = pen_size > size
        ink[is_wider] = dilate(ink[is_wider], 1 + size % 2)
    ink = downsample((2 * blur(ink, uniform(batch, 0.3, 1.5))).clamp(max=255))
    return ink * (255 / ink.amax(dim=(1, 2), keepdim=True).clamp(min=40))


def add_neighbor_edge(pixels: Tensor) -> Tensor:
    """Add the edge of a neighboring digit, as segmentation of a line leaves it."""
    batch = len(pixels)
    neighbors = pixels[torch.randperm(batch)]
    side = torch.where(torch.rand(batch) < 0.5, -1.0, 1.0)
    shift_x, shift_y = side * uniform(batch, 15, 21) / SIDE, uniform(batch, -5, 5) / SIDE
    scale_y = uniform(batch, 0.8, 1.2)
    matrices = affine_matrices(batch, scale_y=scale_y, shift_x=shift_x, shift_y=shift_y)
    return torch.maximum(pixels, warp(neighbors, matrices))


def simulate_scan(pixels: Tensor) -> Tensor:
    """A coarse scan as in old collections: the box resized to 12 to 20 pixels, in gray or two levels, then framed.

    pixels: float (B, 28, 28), 0 to 255.
    """
    batch = len(pixels)
    left, right = _vertical_extent(pixels.transpose(1, 2))
    top, bottom = _vertical_extent(pixels)
    width, height = (right - left).clamp(min=3), (bottom - top).clamp(min=3)
    longest = torch.maximum(width, height)
    squareness = torch.rand(batch)  # 0: proportions stay; 1: the box becomes a square
    width = width + (longest - width) * (1 - squareness)
    height = height + (longest - height) * (1 - squareness)
    # From the new square, -1 to 1, to the box in the old image.
    matrices = torch.zeros(batch, 2, 3)
    matrices[:, 0, 0], matrices[:, 1, 1] = width / SIDE, height / SIDE
    matrices[:, 0, 2], matrices[:, 1, 2] = (left + right) / SIDE - 1, (top + bottom) / SIDE - 1
    side = int(torch.randint(12, 21, ()))
    scan = F.avg_pool2d(warp(pixels, matrices, side=3 * side).unsqueeze(1), 3)
    binary = torch.where(scan > 255 * uniform(batch, 0.25, 0.65).view(-1, 1, 1, 1), 255.0, 0.0)
    scan = torch.where(torch.rand(batch, 1, 1, 1) < 0.6, binary, scan)
    enlarged = F.interpolate(scan, size=(60, 60), mode="nearest" if torch.rand(()) < 0.7 else "bilinear")
    return F.pad(F.avg_pool2d(enlarged, 3).squeeze(1), (4, 4, 4, 4))


def random_affine_elastic(pixels: Tensor, strength: Tensor) -> Tensor:
    """Rotate, shear, scale, shift and deform each image by its own `strength` (B,), 0 to 1."""
    batch = len(pixels)

    def draw() -> Tensor:
        return (torch.rand(batch) * 2 - 1) * strength

    size = 1 + torch.where(torch.rand(batch) < 0.6, -0.35, 0.2) * torch.rand(batch) * strength
    matrices = affine_matrices(
        batch,
        rotation=draw() * 0.33,
        scale_x=size * (1 + 0.18 * draw()),
        scale_y=size * (1 + 0.12 * draw()),
        shear=draw() * 0.35,
        shift_x=draw() * 0.11,
        shift_y=draw() * 0.11,
    )
    displacement = smooth_displacement(batch, SIDE, 5) * (0.75 * strength * torch.rand(batch)).view(-1, 1, 1, 1)
    return warp(pixels, matrices, displacement)


def draw_digits(digit: int, count: int, rng: np.random.Generator) -> Images:
    """Images of `digit` drawn by strokes, uint8 (count, 28, 28), with random shapes, slants, widths and pens.

    They are framed like MNIST's.
    """
    shapes = DIGIT_STROKES[digit]
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for i in range(count):
        strokes = sample_strokes(shapes[rng.integers(len(shapes))], DIGIT_JITTER, rng)
        aspect, slant = 0.7 * np.exp(rng.normal(0, 0.25)), rng.triangular(-0.25, 0.1, 0.6)
        shear = np.array([[aspect, 0], [-slant, 1]], np.float32)  # (x, y) -> (aspect x - slant y, y)
        strokes = [stroke @ shear * DRAWN_HEIGHT for stroke in strokes]
        corner = np.min([stroke.min(axis=0) for stroke in strokes], axis=0) - DRAWN_MARGIN
        extent = np.max([stroke.max(axis=0) for stroke in strokes], axis=0) - corner
        width, height = np.ceil(extent).astype(int) + DRAWN_MARGIN
        canvas = np.zeros((height, width), np.uint8)
        thickness = int(np.exp(rng.normal(1.9, 0.35)).clip(3, 14))
        points = [np.round((stroke - corner) * 16).astype(np.int32) for stroke in strokes]  # in sixteenths of a pixel
        cv2.polylines(canvas, points, False, 255, thickness, cv2.LINE_AA, 4)
        images[i] = frame(canvas)
    return images
