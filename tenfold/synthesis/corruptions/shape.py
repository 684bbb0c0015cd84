"""Corruptions of shape: outlines, stroke width, geometry."""

import torch
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.ops import (
    affine_matrices,
    blur,
    dilate,
    downsample,
    per_image,
    skeletonize,
    smooth_displacement,
    uniform,
    upsample,
    warp,
)

DEGREE = torch.pi / 180


def edges(pixels: Tensor, severity: Tensor) -> Tensor:
    """Outlines instead of strokes: soft gradients, or lines of one pixel as an edge detector leaves them."""
    blurred = blur(pixels, uniform(len(pixels), 0.3, 0.9))
    ink = (blurred > per_image(uniform(len(pixels), 60, 130))).float()
    dilated, eroded = dilate(ink), 1 - dilate(1 - ink)
    outline = 255 * torch.where(torch.rand(len(pixels), 1, 1) < 0.6, dilated - ink, ink - eroded)
    ridges = 2 * skeletonize(upsample(_gradient(blurred)), torch.full((len(pixels),), 0.8))  # (B, 56, 56)
    thin = ridges.view(-1, SIDE, 2, SIDE, 2).amax(dim=(2, 4)).clamp(max=255)
    hard = torch.where(torch.rand(len(pixels), 1, 1) < 0.5, outline, thin)
    return torch.where(per_image(severity) < 0.4, _gradient(blurred), hard)


def _gradient(pixels: Tensor) -> Tensor:
    """The gradient's magnitude, stretched to full white."""
    dx, dy = torch.zeros_like(pixels), torch.zeros_like(pixels)
    dx[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]
    dy[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    magnitude = torch.hypot(dx, dy)
    return magnitude * (255 / magnitude.amax(dim=(1, 2), keepdim=True).clamp(min=1))


def thickening(pixels: Tensor, severity: Tensor) -> Tensor:
    """Strokes wider by up to 4 pixels."""
    levels = [upsample(pixels)]
    for _ in range(4):
        levels.append(dilate(levels[-1]))
    return downsample(_interpolate(levels, severity))


def thinning(pixels: Tensor, severity: Tensor) -> Tensor:
    """Strokes eroded to about one pixel; they never break, because their center lines stay."""
    enlarged = upsample(pixels)
    center_lines = torch.minimum(dilate(skeletonize(enlarged, torch.full((len(pixels),), 1.6))), enlarged)
    levels = [enlarged]
    for _ in range(3):
        levels.append(torch.maximum(255 - dilate(255 - levels[-1]), center_lines))
    return downsample(_interpolate(levels, severity))


def _interpolate(levels: list[Tensor], severity: Tensor) -> Tensor:
    """The level of a severity from 0 to 1, linear between the nearest two."""
    position = severity.clamp(0, 1) * (len(levels) - 1)
    lower = position.floor().long().clamp(max=len(levels) - 2)
    stack, image = torch.stack(levels), torch.arange(len(severity))
    weight = per_image(position - lower)
    return stack[lower, image] * (1 - weight) + stack[lower + 1, image] * weight


def _random_sign(batch: int) -> Tensor:
    return torch.where(torch.rand(batch) < 0.5, -1.0, 1.0)


def rotate(pixels: Tensor, severity: Tensor) -> Tensor:
    """By up to 40 degrees, where a 6 is not yet a 9."""
    rotation = _random_sign(len(pixels)) * 40 * DEGREE * severity
    return warp(pixels, affine_matrices(len(pixels), rotation=rotation))


def scale(pixels: Tensor, severity: Tensor) -> Tensor:
    """Down to 45 % or up to 135 % of the size."""
    is_smaller = torch.rand(len(pixels)) < 0.75
    scale_x = torch.where(is_smaller, 1 - 0.55 * severity, 1 + 0.35 * severity)
    scale_y = scale_x * (1 + 0.15 * (torch.rand(len(pixels)) * 2 - 1))
    return warp(pixels, affine_matrices(len(pixels), scale_x=scale_x, scale_y=scale_y))


def shear(pixels: Tensor, severity: Tensor) -> Tensor:
    """By up to 38 degrees: x moves with y, or y with x."""
    amount = _random_sign(len(pixels)) * 0.8 * severity
    along_x = warp(pixels, affine_matrices(len(pixels), shear=amount))
    along_y = warp(pixels.transpose(1, 2), affine_matrices(len(pixels), shear=0.7 * amount)).transpose(1, 2)
    return torch.where(torch.rand(len(pixels), 1, 1) < 0.7, along_x, along_y)


def translate(pixels: Tensor, severity: Tensor) -> Tensor:
    """By up to 7 pixels along each axis."""
    batch = len(pixels)
    shift_x = _random_sign(batch) * uniform(batch, 0.3, 1) * 7 / SIDE * severity
    shift_y = _random_sign(batch) * uniform(batch, 0.3, 1) * 7 / SIDE * severity
    return warp(pixels, affine_matrices(batch, shift_x=shift_x, shift_y=shift_y))


def elastic(pixels: Tensor, severity: Tensor) -> Tensor:
    """Deformed smoothly, by up to about 4 pixels."""
    displacement = smooth_displacement(len(pixels), SIDE, 5) * (0.4 + 1.6 * severity).view(-1, 1, 1, 1)
    return warp(pixels, affine_matrices(len(pixels)), displacement)
