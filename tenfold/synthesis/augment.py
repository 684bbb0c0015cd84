"""Random augmentation of a batch of images, on the tensors themselves."""

import functools
import math

import torch
from torch import Tensor

from tenfold.images import SIDE
from tenfold.recipes.schema import Augment
from tenfold.synthesis.ops import warp

KNOT_SPACING = 7  # pixels between the control points of an elastic field


def augment_images(pixels: Tensor, settings: Augment) -> Tensor:
    """Rotate, zoom, shear, translate, deform and blank each image by its own random amounts; outside it is black.

    pixels: float (B, 28, 28), 0 to 255. Draws from PyTorch's default generator of the device; all geometric changes are
    one bilinear resampling.
    """
    if settings.is_geometric:
        pixels = _warp_randomly(pixels, settings)
    if settings.cutout:
        pixels = pixels.masked_fill(_cutout_masks(pixels, settings.cutout), 0)
    return pixels


def _warp_randomly(pixels: Tensor, settings: Augment) -> Tensor:
    batch, device = len(pixels), pixels.device
    displacement = elastic_displacement(batch, settings.elastic_alpha, device) if settings.elastic_alpha else None
    return warp(pixels, random_affine_matrices(batch, settings, device), displacement)


def random_affine_matrices(batch: int, settings: Augment, device: torch.device) -> Tensor:
    """Matrices (B, 2, 3) from new to old positions, in units of half a side: rotation times shear times scale."""
    draw = torch.rand(6, batch, device=device) * 2 - 1  # (6, B), -1 to 1
    rotation = draw[0] * math.radians(settings.rotation)
    shear = torch.tan(draw[1] * math.radians(settings.shear))  # x moves with y
    scale_x, scale_y = 1 + draw[2] * settings.zoom, 1 + draw[3] * settings.zoom
    shift_x, shift_y = draw[4] * 2 * settings.translation, draw[5] * 2 * settings.translation
    cos, sin = torch.cos(rotation), torch.sin(rotation)
    entries = [
        cos * scale_x,
        (cos * shear - sin) * scale_y,
        shift_x,
        sin * scale_x,
        (sin * shear + cos) * scale_y,
        shift_y,
    ]
    return torch.stack(entries, dim=1).view(batch, 2, 3)


def elastic_displacement(batch: int, alpha: float, device: torch.device) -> Tensor:
    """A smooth random displacement field for each image, x and y in pixels: (B, 2, 28, 28).

    Control points 7 pixels apart move by normal amounts of standard deviation `alpha` pixels, with cubic B-splines
    between them (free-form deformation, Rueckert et al. 1999). That costs two small products; the elastic fields of
    Simard et al. 2003 need a wide blur.
    """
    splines = _spline_weights(SIDE, device)  # (28, K)
    knots = torch.randn(batch, 2, splines.shape[1], splines.shape[1], device=device) * alpha
    return splines @ knots @ splines.T


@functools.cache
def _spline_weights(side: int, device: torch.device) -> Tensor:
    """(side, K): the weight of each control point at each pixel of a line; rows sum to 1."""
    position = (torch.arange(side) + 0.5) / KNOT_SPACING
    distance = (position[:, None] - torch.arange(-1, math.ceil(side / KNOT_SPACING) + 2)).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far).to(device)


def _cutout_masks(pixels: Tensor, size: int) -> Tensor:
    """bool (B, 28, 28): a square in each image that may extend over the edge (cutout, DeVries & Taylor 2017)."""  # noqa: D403
    batch, height, width = pixels.shape
    center = torch.rand(2, batch, 1, device=pixels.device)
    rows = (torch.arange(height, device=pixels.device) + 0.5 - height * center[0]).abs() < size / 2  # (B, 28)
    columns = (torch.arange(width, device=pixels.device) + 0.5 - width * center[1]).abs() < size / 2
    return rows[:, :, None] & columns[:, None, :]
