"""What the synthesis is drawn with: blur, warps, line segments and clouds, each for a whole batch at once."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor


def uniform(batch: int, low: float, high: float) -> Tensor:
    """(B,) numbers between `low` and `high`."""
    return low + (high - low) * torch.rand(batch)


def column(values: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1), to work on images (B, H, W)."""
    return values.view(-1, 1, 1)


def blurred(pixels: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur, with a width of its own for each image.

    pixels: (B, S, S). sigma: (B,) in pixels. As two matrix products: the images are so small that this is the fastest.
    """
    places = torch.arange(pixels.shape[1], dtype=pixels.dtype)
    apart = (places[:, None] - places[None, :]).square()  # (S, S)
    # Held above e^-40: smaller numbers are denormal, on which a processor takes ten times as long.
    weights = torch.exp((-apart / (2 * column(sigma.clamp(min=0.05)).square())).clamp(min=-40))
    weights = weights / weights.sum(dim=2, keepdim=True)
    return weights @ pixels @ weights.transpose(1, 2)


def doubled(pixels: Tensor) -> Tensor:
    """(B, S, S) -> (B, 2S, 2S), bilinear."""
    return F.interpolate(pixels.unsqueeze(1), scale_factor=2, mode="bilinear", align_corners=False).squeeze(1)


def halved(pixels: Tensor) -> Tensor:
    """(B, 2S, 2S) -> (B, S, S), each new pixel the mean of four."""
    return F.avg_pool2d(pixels.unsqueeze(1), 2).squeeze(1)


def widened(pixels: Tensor, reach: int = 1) -> Tensor:
    """Gray dilation by a cross and a square in turn, which together come near a disc of radius `reach`."""
    for turn in range(reach):
        high = _stretched(pixels, 1)
        pixels = _stretched(high, 2) if turn % 2 else torch.maximum(high, _stretched(pixels, 2))
    return pixels


def _stretched(pixels: Tensor, dim: int) -> Tensor:
    """The brightest of three in a line; a fifth of the time of PyTorch's max pooling."""
    out, last = pixels.clone(), pixels.shape[dim] - 1
    for to, source in ((1, 0), (0, 1)):
        target = out.narrow(dim, to, last)
        torch.maximum(target, pixels.narrow(dim, source, last), out=target)
    return out


def skeleton(pixels: Tensor, sigma: Tensor) -> Tensor:
    """The middle lines of strokes, 255 on 0: where the blurred picture has a ridge.

    pixels: (B, S, S), 0 to 255. sigma: (B,), about half a stroke's width. A ridge is higher than what lies two pixels
    away on both sides, in at least two of the four directions.
    """
    soft = blurred(pixels, sigma)
    side = soft.shape[1]
    around = F.pad(soft, (2, 2, 2, 2))
    peaks = torch.zeros_like(soft)
    for dy, dx in ((0, 2), (2, 0), (2, 2), (2, -2)):
        before = around[:, 2 - dy : 2 - dy + side, 2 - dx : 2 - dx + side]
        after = around[:, 2 + dy : 2 + dy + side, 2 + dx : 2 + dx + side]
        peaks += (soft > before) & (soft >= after)
    return 255.0 * ((peaks >= 2) & (soft > 0.25 * soft.amax(dim=(1, 2), keepdim=True)))


def smooth_field(batch: int, side: int, knots: int) -> Tensor:
    """Displacements (B, 2, side, side) that change slowly: normal numbers at knots x knots places, smooth between."""
    spread = _spread(side, knots)
    return spread @ torch.randn(batch, 2, knots, knots) @ spread.T


@cache
def _spread(side: int, knots: int) -> Tensor:
    """(side, knots): how much of each knot stands in each place of a line, by cubic interpolation."""
    square = torch.eye(knots).view(knots, 1, knots, 1).expand(knots, 1, knots, 2)
    fine = F.interpolate(square, size=(side, 2), mode="bicubic", align_corners=True)  # (knots, 1, side, 2)
    return fine[:, 0, :, 0].T.contiguous()


def warped(
    pixels: Tensor, matrices: Tensor, bend: Tensor | None = None, side: int = 0, mode: str = "bilinear"
) -> Tensor:
    """Resample, bilinearly or from the nearest pixel (mode "nearest"); outside the image is black.

    pixels: (B, H, W). matrices: (B, 2, 3), from new places to old ones in units of half a side. bend: displacements
    (B, 2, H, W), x and y, in pixels. side: of the new image, where it is a square of another size.
    """
    height, width = (side, side) if side else pixels.shape[1:]
    if not len(pixels):  # PyTorch makes no empty grid
        return pixels.new_zeros(0, height, width)
    old = (matrices @ _plane(height, width, matrices.device)).view(-1, 2, height, width)
    if bend is not None:
        old = old + bend * _pixel(*pixels.shape[1:], bend.device)
    grid = old.permute(0, 2, 3, 1)  # (B, H, W, 2)
    return F.grid_sample(pixels.unsqueeze(1), grid, mode=mode, align_corners=False).squeeze(1)


@cache
def _plane(height: int, width: int, device: torch.device) -> Tensor:
    """Each pixel's x and y, in units of half a side, and 1: (3, H W).

    All maps of a batch are one product with it. `F.affine_grid` makes one narrow product for each image instead, which
    takes twenty times as long on a CPU.
    """
    y, x = ((torch.arange(side) * 2 + 1) / side - 1 for side in (height, width))
    return torch.stack([x.repeat(height), y.repeat_interleave(width), torch.ones(height * width)]).to(device)


@cache
def _pixel(height: int, width: int, device: torch.device) -> Tensor:
    """A pixel's width and height in units of half a side, (2, 1, 1)."""
    return torch.tensor([2 / width, 2 / height], device=device).view(2, 1, 1)


def affine(turn: Tensor, wide: Tensor, high: Tensor, shear: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Matrices (B, 2, 3) for `warped`, of (B,) each: radians, factors on the size, tangent, shares of a side."""
    cos, sin = torch.cos(turn), torch.sin(turn)
    rows = [
        cos / wide,
        (cos * shear - sin) / high,
        -2 * right / wide,
        sin / wide,
        (sin * shear + cos) / high,
        -2 * down / high,
    ]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def unmoved(batch: int) -> Tensor:
    """Matrices (B, 2, 3) for `warped` that leave everything in its place."""
    return torch.eye(2, 3).expand(batch, 2, 3)


def places(side: int) -> tuple[Tensor, Tensor]:
    """The x (1, 1, S) and y (1, S, 1) of the pixels' middles."""
    line = torch.arange(side) + 0.5
    return line.view(1, 1, -1), line.view(1, -1, 1)


def segments(start: Tensor, end: Tensor, width: Tensor, side: int) -> Tensor:
    """How much of each pixel a straight stroke covers, 0 to 1, (B, S, S).

    start, end: (B, 2), x and y in pixels. width: (B,) in pixels.
    """
    x, y = places(side)
    along = end - start  # (B, 2)
    dx, dy = x - column(start[:, 0]), y - column(start[:, 1])
    length = along.square().sum(dim=1).clamp(min=1e-6)
    share = ((dx * column(along[:, 0]) + dy * column(along[:, 1])) / column(length)).clamp(0, 1)
    off = torch.hypot(dx - share * column(along[:, 0]), dy - share * column(along[:, 1]))
    return (column(width) / 2 + 0.5 - off).clamp(0, 1)


def clouds(batch: int, side: int, roughness: float = 0.5) -> Tensor:
    """Fractal noise (B, S, S), 0 to 1: each finer octave has `roughness` of the height of the one before."""
    total, height = torch.zeros(batch, 1, side, side), 1.0
    for knots in (3, 5, 9, 17):
        octave = torch.rand(batch, 1, knots, knots)
        total += height * F.interpolate(octave, size=(side, side), mode="bilinear", align_corners=True)
        height *= roughness
    low, high = total.amin(dim=(2, 3), keepdim=True), total.amax(dim=(2, 3), keepdim=True)
    return ((total - low) / (high - low)).squeeze(1)
