"""Operations on batches of images: blur, dilation, warps, line segments and fractal noise, with settings per image."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor


def uniform(batch: int, low: float, high: float) -> Tensor:
    """(B,) numbers between `low` and `high`."""
    return low + (high - low) * torch.rand(batch)


def per_image(values: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1), to broadcast over images (B, H, W)."""
    return values.view(-1, 1, 1)


def blur(pixels: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur, as two matrix products: the fastest way for images this small.

    pixels: (B, S, S). sigma: (B,) in pixels.
    """
    positions = torch.arange(pixels.shape[1], dtype=pixels.dtype)
    squared_distance = (positions[:, None] - positions[None, :]).square()  # (S, S)
    # At least e^-40: smaller numbers are denormal, which makes a CPU ten times as slow.
    weights = torch.exp((-squared_distance / (2 * per_image(sigma.clamp(min=0.05)).square())).clamp(min=-40))
    weights = weights / weights.sum(dim=2, keepdim=True)
    return weights @ pixels @ weights.transpose(1, 2)


def upsample(pixels: Tensor) -> Tensor:
    """(B, S, S) -> (B, 2S, 2S), bilinear."""
    return F.interpolate(pixels.unsqueeze(1), scale_factor=2, mode="bilinear", align_corners=False).squeeze(1)


def downsample(pixels: Tensor) -> Tensor:
    """(B, 2S, 2S) -> (B, S, S), each new pixel the mean of four."""
    return F.avg_pool2d(pixels.unsqueeze(1), 2).squeeze(1)


def dilate(pixels: Tensor, radius: int = 1) -> Tensor:
    """Gray dilation by a 3x3 cross and a 3x3 square in turn, which together approximate a disc."""
    for iteration in range(radius):
        vertical = _dilate_along(pixels, 1)
        square = iteration % 2
        pixels = _dilate_along(vertical, 2) if square else torch.maximum(vertical, _dilate_along(pixels, 2))
    return pixels


def _dilate_along(pixels: Tensor, dim: int) -> Tensor:
    """The maximum of three neighbors along one axis, five times as fast as PyTorch's max pooling."""
    out, last = pixels.clone(), pixels.shape[dim] - 1
    for to, source in ((1, 0), (0, 1)):
        target = out.narrow(dim, to, last)
        torch.maximum(target, pixels.narrow(dim, source, last), out=target)
    return out


def skeletonize(pixels: Tensor, sigma: Tensor) -> Tensor:
    """The center lines of strokes, 255 on 0: the ridges of the blurred image.

    pixels: (B, S, S), 0 to 255. sigma: (B,), about half a stroke's width. A ridge is higher than the pixels two to both
    sides, in at least two of four directions.
    """
    blurred = blur(pixels, sigma)
    side = blurred.shape[1]
    padded = F.pad(blurred, (2, 2, 2, 2))
    ridges = torch.zeros_like(blurred)  # in how many directions
    for dy, dx in ((0, 2), (2, 0), (2, 2), (2, -2)):
        before = padded[:, 2 - dy : 2 - dy + side, 2 - dx : 2 - dx + side]
        after = padded[:, 2 + dy : 2 + dy + side, 2 + dx : 2 + dx + side]
        ridges += (blurred > before) & (blurred >= after)
    return 255.0 * ((ridges >= 2) & (blurred > 0.25 * blurred.amax(dim=(1, 2), keepdim=True)))


def smooth_displacement(batch: int, side: int, knots: int) -> Tensor:
    """Displacements (B, 2, side, side): normal numbers on a grid of knots x knots, cubic interpolation between them."""
    weights = _interpolation_weights(side, knots)
    return weights @ torch.randn(batch, 2, knots, knots) @ weights.T


@cache
def _interpolation_weights(side: int, knots: int) -> Tensor:
    """(side, knots): the weight of each knot at each pixel of a line, by cubic interpolation."""
    square = torch.eye(knots).view(knots, 1, knots, 1).expand(knots, 1, knots, 2)
    fine = F.interpolate(square, size=(side, 2), mode="bicubic", align_corners=True)  # (knots, 1, side, 2)
    return fine[:, 0, :, 0].T.contiguous()


def warp(
    pixels: Tensor, matrices: Tensor, displacement: Tensor | None = None, side: int = 0, mode: str = "bilinear"
) -> Tensor:
    """Resample bilinearly, or from the nearest pixel (mode "nearest"); outside the image is black.

    pixels: (B, H, W). matrices: (B, 2, 3), from new to old positions in units of half a side. displacement:
    (B, 2, H, W), x and y in pixels. side: of the new image, if it is a square of another size.
    """
    height, width = (side, side) if side else pixels.shape[1:]
    if not len(pixels):  # grid_sample rejects empty batches
        return pixels.new_zeros(0, height, width)
    old = (matrices @ _homogeneous_grid(height, width, matrices.device)).view(-1, 2, height, width)
    if displacement is not None:
        old = old + displacement * _pixel_size(*pixels.shape[1:], displacement.device)
    grid = old.permute(0, 2, 3, 1)  # (B, H, W, 2)
    return F.grid_sample(pixels.unsqueeze(1), grid, mode=mode, align_corners=False).squeeze(1)


@cache
def _homogeneous_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Each pixel's x and y, in units of half a side, and 1: (3, H W).

    One product with it gives all grids of a batch. `F.affine_grid` multiplies narrow matrices image by image, which
    takes twenty times as long on a CPU.
    """
    y, x = ((torch.arange(side) * 2 + 1) / side - 1 for side in (height, width))
    return torch.stack([x.repeat(height), y.repeat_interleave(width), torch.ones(height * width)]).to(device)


@cache
def _pixel_size(height: int, width: int, device: torch.device) -> Tensor:
    """A pixel's width and height in units of half a side, (2, 1, 1)."""
    return torch.tensor([2 / width, 2 / height], device=device).view(2, 1, 1)


def affine_matrices(
    batch: int,
    *,
    rotation: Tensor | None = None,
    scale_x: Tensor | None = None,
    scale_y: Tensor | None = None,
    shear: Tensor | None = None,
    shift_x: Tensor | None = None,
    shift_y: Tensor | None = None,
) -> Tensor:
    """Matrices (B, 2, 3) for `warp`; those of the identity where nothing is given.

    Each setting is (B,): rotation in radians, scales of the size, shear as a tangent, shifts as fractions of the side.
    """
    zero, one = torch.zeros(batch), torch.ones(batch)
    rotation, shear = (zero if value is None else value for value in (rotation, shear))
    scale_x, scale_y = (one if value is None else value for value in (scale_x, scale_y))
    shift_x, shift_y = (zero if value is None else value for value in (shift_x, shift_y))
    cos, sin = torch.cos(rotation), torch.sin(rotation)
    entries = [
        cos / scale_x,
        (cos * shear - sin) / scale_y,
        -2 * shift_x / scale_x,
        sin / scale_x,
        (sin * shear + cos) / scale_y,
        -2 * shift_y / scale_y,
    ]
    return torch.stack(entries, dim=1).view(-1, 2, 3)


def pixel_centers(side: int) -> tuple[Tensor, Tensor]:
    """The x (1, 1, S) and y (1, S, 1) of the pixels' centers."""
    line = torch.arange(side) + 0.5
    return line.view(1, 1, -1), line.view(1, -1, 1)


def draw_segments(start: Tensor, end: Tensor, width: Tensor, side: int) -> Tensor:
    """The coverage of each pixel by a straight stroke with round ends, 0 to 1, (B, S, S).

    start, end: (B, 2), x and y in pixels. width: (B,) in pixels.
    """
    x, y = pixel_centers(side)
    along = end - start  # (B, 2)
    dx, dy = x - per_image(start[:, 0]), y - per_image(start[:, 1])
    squared_length = along.square().sum(dim=1).clamp(min=1e-6)
    position = ((dx * per_image(along[:, 0]) + dy * per_image(along[:, 1])) / per_image(squared_length)).clamp(0, 1)
    distance = torch.hypot(dx - position * per_image(along[:, 0]), dy - position * per_image(along[:, 1]))
    return (per_image(width) / 2 + 0.5 - distance).clamp(0, 1)


def fractal_noise(batch: int, side: int, roughness: float = 0.5) -> Tensor:
    """Fractal noise (B, S, S), 0 to 1: each finer octave has `roughness` times the amplitude of the one before."""
    total, amplitude = torch.zeros(batch, 1, side, side), 1.0
    for knots in (3, 5, 9, 17):
        octave = torch.rand(batch, 1, knots, knots)
        total += amplitude * F.interpolate(octave, size=(side, side), mode="bilinear", align_corners=True)
        amplitude *= roughness
    low, high = total.amin(dim=(2, 3), keepdim=True), total.amax(dim=(2, 3), keepdim=True)
    return ((total - low) / (high - low)).squeeze(1)
