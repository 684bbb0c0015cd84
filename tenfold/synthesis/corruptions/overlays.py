"""Corruptions that put something over the digit: stripes, lines, drops, rectangles."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.ops import blur, draw_segments, per_image, pixel_centers, uniform


def stripes(pixels: Tensor, severity: Tensor) -> Tensor:
    """One stripe or several, in any direction: inverted, white, gray or black."""
    batch = len(pixels)
    x, y = pixel_centers(SIDE)
    is_straight = torch.rand(batch) < 0.6
    angle = torch.where(is_straight, torch.randint(0, 2, (batch,)) * torch.pi / 2, torch.rand(batch) * 3.2)
    across = x * torch.cos(per_image(angle)) + y * torch.sin(per_image(angle))
    is_repeated = torch.rand(batch) < 0.4
    period = torch.where(is_repeated, uniform(batch, 5, 12), torch.full((batch,), 80.0))
    width = torch.where(is_repeated, 1 + period * 0.35 * severity, 2 + 8 * severity)
    mask = torch.remainder(across - per_image(uniform(batch, 2, 20)), per_image(period)) < per_image(width)
    kind = per_image(torch.randint(0, 5, (batch,)))
    gray = per_image(uniform(batch, 40, 255)).expand_as(pixels)
    fill = torch.where(kind <= 1, 255 - pixels, torch.where(kind == 2, 255.0, torch.where(kind == 3, gray, 0.0)))
    return torch.where(mask, fill, pixels)


def _line_ends(batch: int) -> tuple[Tensor, Tensor]:
    """The ends of a line across the whole picture: (B, 2) each."""
    center = torch.stack([uniform(batch, 5, SIDE - 5), uniform(batch, 5, SIDE - 5)], dim=1)
    angle, half_length = torch.rand(batch) * torch.pi, uniform(batch, 12, 24)
    half = torch.stack([torch.cos(angle) * half_length, torch.sin(angle) * half_length], dim=1)
    return center - half, center + half


def straight_lines(pixels: Tensor, severity: Tensor) -> Tensor:
    """A line through the picture, two at high severity."""
    out = pixels
    for min_severity in (0.0, 0.6):
        start, end = _line_ends(len(pixels))
        coverage = draw_segments(start, end, 0.7 + 1.3 * severity, SIDE) * per_image(severity >= min_severity)
        out = torch.maximum(out, coverage * per_image(uniform(len(pixels), 130, 255)))
    return out


def dotted_line(pixels: Tensor, severity: Tensor) -> Tensor:
    """As `straight_lines`, with gaps."""
    out = pixels
    x, y = pixel_centers(SIDE)
    for min_severity in (0.0, 0.5):
        start, end = _line_ends(len(pixels))
        direction = F.normalize(end - start, dim=1)
        along_x = (x - per_image(start[:, 0])) * per_image(direction[:, 0])
        along_y = (y - per_image(start[:, 1])) * per_image(direction[:, 1])
        period = per_image(uniform(len(pixels), 2.5, 6))
        dots = torch.remainder(along_x + along_y, period) < period * 0.55
        is_drawn = per_image(severity >= min_severity)
        coverage = draw_segments(start, end, 1.0 + 1.2 * severity, SIDE) * dots * is_drawn
        out = torch.maximum(out, coverage * per_image(uniform(len(pixels), 150, 255)))
    return out


def zigzag(pixels: Tensor, severity: Tensor) -> Tensor:
    """A sawtooth line through the picture."""
    batch = len(pixels)
    start, end = _line_ends(batch)
    direction = F.normalize(end - start, dim=1)
    x, y = pixel_centers(SIDE)
    dx, dy = x - per_image(start[:, 0]), y - per_image(start[:, 1])
    along = dx * per_image(direction[:, 0]) + dy * per_image(direction[:, 1])
    across = dy * per_image(direction[:, 0]) - dx * per_image(direction[:, 1])
    period, amplitude = uniform(batch, 3, 9), uniform(batch, 1, 4)
    sawtooth = (torch.remainder(along / per_image(period), 1.0) * 4 - 2).abs() - 1  # -1 to 1
    steepness = torch.hypot(torch.ones(batch), 4 * amplitude / period)
    distance = (across - per_image(amplitude) * sawtooth).abs() / per_image(steepness)
    is_within = (along > 0) & (along < per_image((end - start).norm(dim=1)))
    coverage = (per_image(0.4 + 0.7 * severity) + 0.5 - distance).clamp(0, 1) * is_within
    return torch.maximum(pixels, coverage * per_image(uniform(batch, 150, 255)))


def spatter(pixels: Tensor, severity: Tensor) -> Tensor:
    """Drops over up to a quarter of the picture: bright ones on top of it, or holes in it."""
    batch = len(pixels)
    height = blur(torch.randn_like(pixels), uniform(batch, 0.7, 1.6))
    threshold = torch.quantile(height.flatten(1), 0.75, dim=1)
    threshold = threshold + (height.amax(dim=(1, 2)) - threshold) * (1 - severity) * 0.7
    drops = ((height - per_image(threshold)) * 4 / per_image(height.std(dim=(1, 2)))).clamp(0, 1)
    color = per_image(uniform(batch, 80, 255) * (torch.rand(batch) < 0.6))
    return pixels * (1 - drops) + color * drops


def occlusion(pixels: Tensor, severity: Tensor) -> Tensor:
    """A rectangle of up to 11 pixels per side over a part of the digit: black, gray, white or noise."""
    batch = len(pixels)
    mask = torch.ones_like(pixels, dtype=torch.bool)
    for positions in pixel_centers(SIDE):
        distance = (positions - per_image(uniform(batch, 5, SIDE - 5))).abs()
        mask &= distance < per_image((1.5 + 4 * severity) * uniform(batch, 0.7, 1))
    kind = per_image(torch.rand(batch))
    flat = torch.where(kind < 0.5, 0.0, per_image(uniform(batch, 60, 255))).expand_as(pixels)
    return torch.where(mask, torch.where(kind > 0.9, torch.rand_like(pixels) * 255, flat), pixels)
