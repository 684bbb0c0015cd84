"""Random affine changes of a batch of images, on the tensors themselves."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.recipes.schema import Augment


def augmented(pixels: Tensor, ranges: Augment) -> Tensor:
    """Each image turned, zoomed, sheared and shifted by its own random amounts; outside the image is black.

    pixels: float (B, 28, 28), 0 to 255. Draws from PyTorch's default generator of the device; resamples bilinearly.
    """
    if not ranges.active:
        return pixels
    batch, height, width = pixels.shape
    matrices = affine_matrices(batch, ranges, pixels.device)
    grid = F.affine_grid(matrices, [batch, 1, height, width], align_corners=False)
    return F.grid_sample(pixels.unsqueeze(1), grid, mode="bilinear", align_corners=False).squeeze(1)


def affine_matrices(batch: int, ranges: Augment, device: torch.device) -> Tensor:
    """Maps from places in the new image to places in the old one, (B, 2, 3), in units of half a side."""
    draw = torch.rand(6, batch, device=device) * 2 - 1  # (6, B), -1 to 1
    turn = draw[0] * math.radians(ranges.rotate)
    shear = draw[1] * math.radians(ranges.shear)
    width, height = 1 + draw[2] * ranges.zoom, 1 + draw[3] * ranges.zoom
    shift_x, shift_y = draw[4] * 2 * ranges.shift, draw[5] * 2 * ranges.shift
    cos, sin = torch.cos(turn), torch.sin(turn)
    # Rotation times shear (x moves with y) times scale.
    tan = torch.tan(shear)
    rows = [cos * width, (cos * tan - sin) * height, shift_x, sin * width, (sin * tan + cos) * height, shift_y]
    return torch.stack(rows, dim=1).view(batch, 2, 3)
