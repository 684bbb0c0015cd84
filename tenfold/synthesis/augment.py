"""Random changes of a batch of images, on the tensors themselves."""

import functools
import math

import torch
from torch import Tensor

from tenfold.images import SIDE
from tenfold.recipes.schema import Augment
from tenfold.synthesis.lines.drawing import warped

POINT_DISTANCE = 7  # pixels between the points of an elastic field


def augmented(pixels: Tensor, ranges: Augment) -> Tensor:
    """Each image turned, zoomed, sheared, shifted, bent and blanked by its own random amounts; outside it is black.

    pixels: float (B, 28, 28), 0 to 255. Draws from PyTorch's default generator of the device; resamples bilinearly,
    once for all changes of place.
    """
    if ranges.is_geometric:
        pixels = _moved(pixels, ranges)
    if ranges.cutout:
        pixels = pixels.masked_fill(_squares(pixels, ranges.cutout), 0)
    return pixels


def _moved(pixels: Tensor, ranges: Augment) -> Tensor:
    batch, device = len(pixels), pixels.device
    bend = displacements(batch, ranges.elastic_alpha, device) if ranges.elastic_alpha else None
    return warped(pixels, affine_matrices(batch, ranges, device), bend)


def affine_matrices(batch: int, ranges: Augment, device: torch.device) -> Tensor:
    """Maps from places in the new image to places in the old one, (B, 2, 3), in units of half a side."""
    draw = torch.rand(6, batch, device=device) * 2 - 1  # (6, B), -1 to 1
    turn = draw[0] * math.radians(ranges.rotation)
    shear = draw[1] * math.radians(ranges.shear)
    width, height = 1 + draw[2] * ranges.zoom, 1 + draw[3] * ranges.zoom
    shift_x, shift_y = draw[4] * 2 * ranges.translation, draw[5] * 2 * ranges.translation
    cos, sin = torch.cos(turn), torch.sin(turn)
    # Rotation times shear (x moves with y) times scale.
    tan = torch.tan(shear)
    rows = [cos * width, (cos * tan - sin) * height, shift_x, sin * width, (sin * tan + cos) * height, shift_y]
    return torch.stack(rows, dim=1).view(batch, 2, 3)


def displacements(batch: int, amount: float, device: torch.device) -> Tensor:
    """A smooth random field for each image, x and y in pixels: (B, 2, 28, 28).

    Control points 7 pixels apart move by normal amounts of deviation `amount` pixels; cubic B-splines go between
    them (a free-form deformation, Rueckert et al. 1999), which costs two small products, not a wide blur as the
    elastic fields of Simard et al. 2003 do.
    """
    splines = _splines(SIDE, device)  # (28, P)
    points = torch.randn(batch, 2, splines.shape[1], splines.shape[1], device=device) * amount
    return splines @ points @ splines.T


@functools.cache
def _splines(side: int, device: torch.device) -> Tensor:
    """(side, P): the share of each control point in the field at each pixel; rows sum to 1."""
    at = (torch.arange(side) + 0.5) / POINT_DISTANCE
    distance = (at[:, None] - torch.arange(-1, math.ceil(side / POINT_DISTANCE) + 2)).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far).to(device)


def _squares(pixels: Tensor, size: int) -> Tensor:
    """bool (B, 28, 28): a square of each image; it may reach over the edge (cutout, DeVries & Taylor 2017)."""  # noqa: D403
    batch, height, width = pixels.shape
    center = torch.rand(2, batch, 1, device=pixels.device)
    rows = (torch.arange(height, device=pixels.device) + 0.5 - height * center[0]).abs() < size / 2  # (B, 28)
    columns = (torch.arange(width, device=pixels.device) + 0.5 - width * center[1]).abs() < size / 2
    return rows[:, :, None] & columns[:, None, :]
