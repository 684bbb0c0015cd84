"""Kinds of damage to a picture of a digit, for training and for measuring.

Each takes pixels, float (B, 28, 28) from 0 to 255, white ink on black, and a severity (B,) from 0 (hardly seen) to 1
(people still read most of them), and gives pixels again. All are drawn anew for each picture.
"""

from collections.abc import Callable, Container
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.lines.drawing import (
    affine,
    blurred,
    clouds,
    column,
    doubled,
    halved,
    places,
    segments,
    skeleton,
    smooth_field,
    uniform,
    unmoved,
    warped,
    widened,
)

Corruption = Callable[[Tensor, Tensor], Tensor]
DEGREE = torch.pi / 180


def _sign(batch: int) -> Tensor:
    return torch.where(torch.rand(batch) < 0.5, -1.0, 1.0)


# Noise


def gaussian_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    return pixels + torch.randn_like(pixels) * column(10 + 80 * severity)


def shot_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    """Fewer photons: from 60 down to 2 at full white; the paper is not quite dark."""
    photons = column(60 ** (1 - severity) * 2**severity)
    expected = (pixels / 255 + 0.05) * photons
    # A rounded normal number in place of a Poisson one, which takes fifty times as long.
    caught = (expected + expected.sqrt() * torch.randn_like(pixels)).round().clamp(min=0)
    return caught / photons * 255


def impulse_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    """Up to 45 % of the pixels black or white; in some pictures white alone."""
    draw = torch.rand_like(pixels)
    share = column(0.02 + 0.43 * severity)
    white = share * torch.where(torch.rand(len(pixels), 1, 1) < 0.3, 1.0, 0.5)
    return torch.where(draw < white, 255.0, torch.where(draw < share, 0.0, pixels))


def speckle_noise(pixels: Tensor, severity: Tensor) -> Tensor:
    """Noise in proportion to the brightness."""
    return pixels * (1 + torch.randn_like(pixels) * column(0.2 + 0.8 * severity))


# Blur


def gaussian_blur(pixels: Tensor, severity: Tensor) -> Tensor:
    soft = blurred(pixels, 0.5 + 2.0 * severity)
    # Half of the pictures are stretched to full white again, as a camera would.
    full = soft * (255 / soft.amax(dim=(1, 2), keepdim=True).clamp(min=40))
    return torch.where(torch.rand(len(pixels), 1, 1) < 0.5, full, soft)


def motion_blur(pixels: Tensor, severity: Tensor) -> Tensor:
    """The mean of the picture moved along a line of up to 11 pixels."""
    angle, length = uniform(len(pixels), 0, torch.pi), 2 + 9 * severity
    one, none = torch.ones(len(pixels)), torch.zeros(len(pixels))
    total = torch.zeros_like(pixels)
    steps = torch.linspace(-0.5, 0.5, 9)
    for step in steps:
        far = step * length / SIDE
        total += warped(pixels, affine(none, one, one, none, far * torch.cos(angle), far * torch.sin(angle)))
    brighter = column(uniform(len(pixels), 1.0, 1.6))
    return total / len(steps) * brighter


def glass_blur(pixels: Tensor, severity: Tensor) -> Tensor:
    """Each pixel taken from somewhere near, between two slight blurs."""
    soft = blurred(pixels, 0.4 + 0.4 * severity)
    bend = torch.randn(len(pixels), 2, SIDE, SIDE) * (0.5 + 1.6 * severity).view(-1, 1, 1, 1)
    moved = warped(soft, unmoved(len(pixels)), bend, mode="nearest")
    return blurred(moved, 0.3 + 0.4 * severity)


# Light


def brightness(pixels: Tensor, severity: Tensor) -> Tensor:
    """Everything lighter: black paper becomes gray, up to four fifths of white."""
    return pixels + column(255 * (0.1 + 0.7 * severity))


def contrast(pixels: Tensor, severity: Tensor) -> Tensor:
    """From full contrast down to a seventh, at any gray that leaves room for it."""
    share = column(1 - 0.86 * severity)
    return pixels * share + column(torch.rand(len(pixels))) * 255 * (1 - share)


def fog(pixels: Tensor, severity: Tensor) -> Tensor:
    thick = column(0.3 + 2.2 * severity)
    roughness = float(uniform(1, 0.4, 0.75))
    return (pixels + thick * 255 * clouds(len(pixels), SIDE, roughness)) / (0.7 + 0.3 * thick + 0.35 * thick)


def shadow(pixels: Tensor, severity: Tensor) -> Tensor:
    """Light that falls off to one side, over ink and paper."""
    x, y = places(SIDE)
    angle = column(uniform(len(pixels), 0, 2 * torch.pi))
    slope = ((x - SIDE / 2) * torch.cos(angle) + (y - SIDE / 2) * torch.sin(angle)) / SIDE + 0.5
    light = slope.clamp(0, 1) * column(severity)
    return pixels * (1 - 0.75 * light) + column(uniform(len(pixels), 0, 150)) * (1 - light) * column(severity)


def inversion(pixels: Tensor, severity: Tensor) -> Tensor:
    """Dark ink on light paper, from full contrast down to two fifths."""
    share = column(1 - 0.6 * severity)
    dark = column(torch.rand(len(pixels))) * 255 * (1 - share)
    return (255 - pixels) * share + dark


# Things in front of the digit


def stripes(pixels: Tensor, severity: Tensor) -> Tensor:
    """One band or several, in any direction: inverted, white, gray or black."""
    batch = len(pixels)
    x, y = places(SIDE)
    turn = torch.where(torch.rand(batch) < 0.6, torch.randint(0, 2, (batch,)) * torch.pi / 2, torch.rand(batch) * 3.2)
    across = x * torch.cos(column(turn)) + y * torch.sin(column(turn))
    many = torch.rand(batch) < 0.4
    period = torch.where(many, uniform(batch, 5, 12), torch.full((batch,), 80.0))
    width = torch.where(many, 1 + period * 0.35 * severity, 2 + 8 * severity)
    band = torch.remainder(across - column(uniform(batch, 2, 20)), column(period)) < column(width)
    kind = column(torch.randint(0, 5, (batch,)))
    gray = column(uniform(batch, 40, 255)).expand_as(pixels)
    put = torch.where(kind <= 1, 255 - pixels, torch.where(kind == 2, 255.0, torch.where(kind == 3, gray, 0.0)))
    return torch.where(band, put, pixels)


def _line_ends(batch: int) -> tuple[Tensor, Tensor]:
    """A line right through the picture: (B, 2) where it begins and (B, 2) where it ends."""
    middle = uniform(batch, 5, SIDE - 5), uniform(batch, 5, SIDE - 5)
    angle, half = torch.rand(batch) * torch.pi, uniform(batch, 12, 24)
    far = torch.stack([torch.cos(angle) * half, torch.sin(angle) * half], dim=1)
    return torch.stack(middle, dim=1) - far, torch.stack(middle, dim=1) + far


def straight_lines(pixels: Tensor, severity: Tensor) -> Tensor:
    """A line through the picture, two where it is severe."""
    out = pixels
    for from_severity in (0.0, 0.6):
        start, end = _line_ends(len(pixels))
        cover = segments(start, end, 0.7 + 1.3 * severity, SIDE) * column(severity >= from_severity)
        out = torch.maximum(out, cover * column(uniform(len(pixels), 130, 255)))
    return out


def dotted_line(pixels: Tensor, severity: Tensor) -> Tensor:
    """As `straight_lines`, with gaps."""
    out = pixels
    x, y = places(SIDE)
    for from_severity in (0.0, 0.5):
        start, end = _line_ends(len(pixels))
        along = F.normalize(end - start, dim=1)
        place = (x - column(start[:, 0])) * column(along[:, 0]) + (y - column(start[:, 1])) * column(along[:, 1])
        period = column(uniform(len(pixels), 2.5, 6))
        dots = torch.remainder(place, period) < period * 0.55
        cover = segments(start, end, 1.0 + 1.2 * severity, SIDE) * dots * column(severity >= from_severity)
        out = torch.maximum(out, cover * column(uniform(len(pixels), 150, 255)))
    return out


def zigzag(pixels: Tensor, severity: Tensor) -> Tensor:
    """A saw-toothed line through the picture."""
    batch = len(pixels)
    start, end = _line_ends(batch)
    along = F.normalize(end - start, dim=1)
    x, y = places(SIDE)
    dx, dy = x - column(start[:, 0]), y - column(start[:, 1])
    u = dx * column(along[:, 0]) + dy * column(along[:, 1])
    v = dy * column(along[:, 0]) - dx * column(along[:, 1])
    period, height = uniform(batch, 3, 9), uniform(batch, 1, 4)
    saw = (torch.remainder(u / column(period), 1.0) * 4 - 2).abs() - 1  # -1 to 1
    steep = torch.hypot(torch.ones(batch), 4 * height / period)
    off = (v - column(height) * saw).abs() / column(steep)
    within = (u > 0) & (u < column((end - start).norm(dim=1)))
    cover = (column(0.4 + 0.7 * severity) + 0.5 - off).clamp(0, 1) * within
    return torch.maximum(pixels, cover * column(uniform(batch, 150, 255)))


def spatter(pixels: Tensor, severity: Tensor) -> Tensor:
    """Drops over up to a quarter of the picture: bright ones on top of it, or holes in it."""
    batch = len(pixels)
    drops = blurred(torch.randn_like(pixels), uniform(batch, 0.7, 1.6))
    limit = torch.quantile(drops.flatten(1), 0.75, dim=1)
    limit = limit + (drops.amax(dim=(1, 2)) - limit) * (1 - severity) * 0.7
    wet = ((drops - column(limit)) * 4 / column(drops.std(dim=(1, 2)))).clamp(0, 1)
    bright = column(uniform(batch, 80, 255) * (torch.rand(batch) < 0.6))
    return pixels * (1 - wet) + bright * wet


def occlusion(pixels: Tensor, severity: Tensor) -> Tensor:
    """A rectangle of up to 11 pixels a side over some part of the digit: black, gray, white or noise."""
    batch = len(pixels)
    x, y = places(SIDE)
    within = torch.ones_like(pixels, dtype=torch.bool)
    for line in (x, y):
        within &= (line - column(uniform(batch, 5, SIDE - 5))).abs() < column(
            (1.5 + 4 * severity) * uniform(batch, 0.7, 1)
        )
    kind = column(torch.rand(batch))
    flat = torch.where(kind < 0.5, 0.0, column(uniform(batch, 60, 255))).expand_as(pixels)
    return torch.where(within, torch.where(kind > 0.9, torch.rand_like(pixels) * 255, flat), pixels)


# The ink itself


def edges(pixels: Tensor, severity: Tensor) -> Tensor:
    """Outlines instead of strokes: soft gradients at first, then lines of one pixel as an edge detector leaves them."""
    soft = blurred(pixels, uniform(len(pixels), 0.3, 0.9))
    inked = (soft > column(uniform(len(pixels), 60, 130))).float()
    wide, narrow = widened(inked), 1 - widened(1 - inked)
    outline = 255 * torch.where(torch.rand(len(pixels), 1, 1) < 0.6, wide - inked, inked - narrow)
    fine = (2 * skeleton(doubled(_slope(soft)), torch.full((len(pixels),), 0.8))).view(-1, SIDE, 2, SIDE, 2)
    thin = fine.amax(dim=(2, 4)).clamp(max=255)
    hard = torch.where(torch.rand(len(pixels), 1, 1) < 0.5, outline, thin)
    return torch.where(column(severity) < 0.4, _slope(soft), hard)


def _slope(pixels: Tensor) -> Tensor:
    """The gradient's size, stretched to full white."""
    right, down = torch.zeros_like(pixels), torch.zeros_like(pixels)
    right[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]
    down[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    size = torch.hypot(right, down)
    return size * (255 / size.amax(dim=(1, 2), keepdim=True).clamp(min=1))


def thicker(pixels: Tensor, severity: Tensor) -> Tensor:
    """Strokes wider by up to 4 pixels."""
    levels = [doubled(pixels)]
    for _ in range(4):
        levels.append(widened(levels[-1]))
    return halved(_between(levels, severity))


def thinner(pixels: Tensor, severity: Tensor) -> Tensor:
    """Strokes worn down to about one pixel; they never break, for their middle lines stay."""
    big = doubled(pixels)
    spine = torch.minimum(widened(skeleton(big, torch.full((len(pixels),), 1.6))), big)
    levels = [big]
    for _ in range(3):
        levels.append(torch.maximum(255 - widened(255 - levels[-1]), spine))
    return halved(_between(levels, severity))


def _between(levels: list[Tensor], severity: Tensor) -> Tensor:
    """The level that a severity from 0 to 1 means, mixed of the two nearest."""
    place = severity.clamp(0, 1) * (len(levels) - 1)
    low = place.floor().long().clamp(max=len(levels) - 2)
    stack, each = torch.stack(levels), torch.arange(len(severity))
    share = column(place - low)
    return stack[low, each] * (1 - share) + stack[low + 1, each] * share


def low_resolution(pixels: Tensor, severity: Tensor) -> Tensor:
    """Scanned with 20 down to 8 pixels a side, and shown smooth or in squares."""
    side = (20 - 12 * severity).round().long()
    through = torch.where(torch.rand(len(pixels), 1, 1) < 0.5, _coarse(True)[side], _coarse(False)[side])
    return through @ pixels @ through.transpose(1, 2)


@cache
def _coarse(smooth: bool) -> Tensor:
    """(21, 28, 28): what becomes of a line of 28 pixels that was scanned with n pixels, for n up to 20."""
    line = torch.eye(SIDE).unsqueeze(0)  # (1, 28 lines, 28 pixels)
    ways = [torch.eye(SIDE)]
    for n in range(1, 21):
        small = F.interpolate(line, size=n, mode="area")
        back = F.interpolate(small, size=SIDE, mode="linear" if smooth else "nearest")
        ways.append(back.squeeze(0).T)
    return torch.stack(ways)


def binarized(pixels: Tensor, severity: Tensor) -> Tensor:
    """Two levels alone, cut at a gray that may lie far from the middle."""
    limit = 255 * (0.5 + 0.35 * severity * (torch.rand(len(pixels)) * 2 - 1))
    return torch.where(pixels > column(limit), 255.0, 0.0)


def jpeg(pixels: Tensor, severity: Tensor) -> Tensor:
    """Blocks of 8x8 rounded in the cosine transform, with the standard's table for qualities from 50 down to 5."""
    scale = 50 / (50 - 45 * severity)  # libjpeg: 5000 / quality per cent
    table = _luminance().view(1, 1, 8, 1, 8) * scale.view(-1, 1, 1, 1, 1)
    whole = F.pad(pixels - 128, (2, 2, 2, 2), value=-128.0).view(-1, 4, 8, 4, 8)
    cosines = _cosines()
    turned = torch.einsum("ui,baicj,vj->baucv", cosines, whole, cosines)
    rounded = (turned / table).round() * table
    back = torch.einsum("ui,baucv,vj->baicj", cosines, rounded, cosines)
    return back.reshape(-1, 32, 32)[:, 2:-2, 2:-2] + 128


@cache
def _cosines() -> Tensor:
    """The orthonormal 8-point cosine transform, (8, 8)."""
    u, i = torch.arange(8.0).view(-1, 1), torch.arange(8.0)
    rows = torch.cos((2 * i + 1) * u * torch.pi / 16) / 2
    rows[0] /= 2**0.5
    return rows


@cache
def _luminance() -> Tensor:
    """JPEG's table of steps for brightness (ITU-T T.81, table K.1)."""
    text = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
    18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
    return torch.tensor([float(step) for step in text.split()]).view(8, 8)


# Place and shape


def rotate(pixels: Tensor, severity: Tensor) -> Tensor:
    """By up to 40 degrees, where a 6 is still no 9."""
    one, none = torch.ones(len(pixels)), torch.zeros(len(pixels))
    return warped(pixels, affine(_sign(len(pixels)) * 40 * DEGREE * severity, one, one, none, none, none))


def scale(pixels: Tensor, severity: Tensor) -> Tensor:
    """Down to 45 % or up to 135 % of the size."""
    none = torch.zeros(len(pixels))
    small = torch.rand(len(pixels)) < 0.75
    size = torch.where(small, 1 - 0.55 * severity, 1 + 0.35 * severity)
    other = size * (1 + 0.15 * (torch.rand(len(pixels)) * 2 - 1))
    return warped(pixels, affine(none, size, other, none, none, none))


def shear(pixels: Tensor, severity: Tensor) -> Tensor:
    """By up to 38 degrees: x moves with y, or y with x."""
    one, none = torch.ones(len(pixels)), torch.zeros(len(pixels))
    amount = _sign(len(pixels)) * 0.8 * severity
    upright = warped(pixels, affine(none, one, one, amount, none, none))
    lying = warped(pixels.transpose(1, 2), affine(none, one, one, 0.7 * amount, none, none)).transpose(1, 2)
    return torch.where(torch.rand(len(pixels), 1, 1) < 0.7, upright, lying)


def translate(pixels: Tensor, severity: Tensor) -> Tensor:
    """By up to 7 pixels along each axis."""
    one, none = torch.ones(len(pixels)), torch.zeros(len(pixels))
    right, down = (_sign(len(pixels)) * uniform(len(pixels), 0.3, 1) * 7 / SIDE * severity for _ in range(2))
    return warped(pixels, affine(none, one, one, none, right, down))


def elastic(pixels: Tensor, severity: Tensor) -> Tensor:
    """Bent smoothly, by up to about 4 pixels."""
    bend = smooth_field(len(pixels), SIDE, 5) * (0.4 + 1.6 * severity).view(-1, 1, 1, 1)
    return warped(pixels, unmoved(len(pixels)), bend)


_ALL: tuple[Corruption, ...] = (
    gaussian_noise,
    shot_noise,
    impulse_noise,
    speckle_noise,
    gaussian_blur,
    motion_blur,
    glass_blur,
    brightness,
    contrast,
    fog,
    shadow,
    inversion,
    stripes,
    straight_lines,
    dotted_line,
    zigzag,
    spatter,
    occlusion,
    edges,
    thicker,
    thinner,
    low_resolution,
    binarized,
    jpeg,
    rotate,
    scale,
    shear,
    translate,
    elastic,
)
CORRUPTIONS: dict[str, Corruption] = {one.__name__: one for one in _ALL}


def corrupted(pixels: Tensor, share: float, without: Container[str] = ()) -> Tensor:
    """A share of the pictures, each with one kind of damage, at a severity of its own.

    pixels: float (B, 28, 28), 0 to 255; given back within 0 to 255. without: kinds that leave the pictures as they are.
    """
    chosen = torch.randperm(len(pixels))[: round(share * len(pixels))]
    kinds = torch.randint(0, len(_ALL), (len(chosen),))
    out = pixels.clone()
    for i, (name, corruption) in enumerate(CORRUPTIONS.items()):
        rows = chosen[kinds == i]
        if len(rows) and name not in without:
            out[rows] = corruption(out[rows], torch.rand(len(rows))).clamp(0, 255)
    return out
