"""Pictures that hold things, not writing: filled shapes as of clothes, textures, pieces of scenes, noise, nothing."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.lines.drawing import blurred, clouds, column, halved, places, segments, smooth_field, uniform

BIG = 2 * SIDE


def scenes(count: int) -> Tensor:
    """Pictures (count, 28, 28), float, 0 to 255; draws from PyTorch's default generator."""
    kinds = (garments, garments, garments, soles, soles, bags, gratings, patches, patches, leaves, noise, blank)
    which = torch.randint(0, len(kinds), (count,)).bincount(minlength=len(kinds))
    return torch.cat([kind(int(n)) for kind, n in zip(kinds, which, strict=True) if n]).clamp(0, 255)


def _textured(cover: Tensor) -> Tensor:
    """Fill shapes (B, 56, 56), 0 to 1, with a gray, folds, and sometimes stripes; seams and edges are darker."""
    batch = len(cover)
    cloth = clouds(batch, BIG, 0.7) * column(uniform(batch, 0, 0.6)) + column(uniform(batch, 0.3, 1))
    x, y = places(BIG)
    angle = column(torch.randint(0, 2, (batch,)) * torch.pi / 2 + uniform(batch, -0.1, 0.1))
    waves = torch.sin((x * torch.cos(angle) + y * torch.sin(angle)) * column(uniform(batch, 0.3, 1.5)))
    cloth = cloth * (1 + waves * column(uniform(batch, 0, 0.5) * (torch.rand(batch) < 0.35)))
    seams = torch.zeros_like(cover)
    for _ in range(2):
        line = segments(torch.rand(batch, 2) * BIG, torch.rand(batch, 2) * BIG, uniform(batch, 1, 3), BIG)
        seams = torch.maximum(seams, line * column(torch.rand(batch) < 0.4))
    rim = (blurred(cover, uniform(batch, 0.5, 2.5)) * 2 - 1).clamp(0, 1)
    shade = torch.where(torch.rand(batch, 1, 1) < 0.5, rim, torch.ones_like(rim))
    return halved(255 * cover * cloth.clamp(0, 1) * shade * (1 - 0.6 * seams))


def _profile(count: int, knots: int, low: float, high: float) -> Tensor:
    """A smooth random line (B, 56) through `knots` random heights."""
    values = uniform(count * knots, low, high).view(count, 1, knots)
    return F.interpolate(values, size=BIG, mode="linear", align_corners=True).squeeze(1)


def garments(count: int) -> Tensor:
    """Silhouettes that mirror left and right: shirts with sleeves, dresses, trousers."""
    x, y = places(BIG)
    half = _profile(count, 4, 6, 20).unsqueeze(2)  # (B, 56, 1) half the width at each height
    out = (x - BIG / 2).abs()
    cover = (half - out + 0.5).clamp(0, 1)
    # Sleeves: a bar on each side from the shoulder, hanging more or less.
    shoulder = uniform(count, 5, 14)
    reach, drop = uniform(count, 10, 22), uniform(count, 2, 42)
    sleeve = torch.zeros_like(cover)
    for side in (-1, 1):
        start = torch.stack([BIG / 2 + side * 6 * torch.ones(count), shoulder], dim=1)
        end = torch.stack([BIG / 2 + side * (6 + reach), shoulder + drop], dim=1)
        sleeve = torch.maximum(sleeve, segments(start, end, uniform(count, 5, 13), BIG))
    cover = torch.maximum(cover, sleeve * column(torch.rand(count) < 0.6))
    # Trousers: a wedge is cut out from below.
    legs = (torch.rand(count) < 0.35) & (shoulder > 0)
    wedge = (y > column(uniform(count, 10, 30))) & (out < column(uniform(count, 1.5, 6)))
    cover = cover * ~(wedge & column(legs))
    neck = torch.hypot(x - BIG / 2, y - 2) < column(uniform(count, 2, 9))
    return _textured(cover * ~neck * _within(count, y))


def _within(count: int, line: Tensor) -> Tensor:
    """Nothing above and below two random borders."""
    return (line > column(uniform(count, 0, 10))) & (line < column(uniform(count, 44, 57)))


def soles(count: int) -> Tensor:
    """Silhouettes over a flat ground: shoes, boots, hats, cars."""
    x, y = places(BIG)
    height = _profile(count, 5, 4, 34).unsqueeze(1)  # (B, 1, 56) at each x
    boot = column((torch.rand(count) < 0.3) * uniform(count, 14, 30))
    height = height + boot * (x < column(uniform(count, 14, 30)))
    ground = column(uniform(count, 36, 54))
    cover = ((y - (ground - height)).clamp(0, 1) * (ground - y + 0.5).clamp(0, 1)) * _within(count, x)
    mirrored = torch.where(torch.rand(count, 1, 1) < 0.5, cover, cover.flip(2))
    return _textured(mirrored)


def bags(count: int) -> Tensor:
    """A box, more or less round, mostly with a handle."""
    x, y = places(BIG)
    wide, high = column(uniform(count, 12, 26)), column(uniform(count, 8, 20))
    low = column(uniform(count, 30, 36))
    power = column(uniform(count, 2, 10))
    box = ((((x - BIG / 2) / wide).abs() ** power + ((y - low) / high).abs() ** power) < 1).float()
    ring = (torch.hypot((x - BIG / 2) / wide * 1.3, (y - low + high) / high) - 0.8).abs()
    handle = (ring < column(uniform(count, 0.08, 0.2))) & (y < low - high * 0.8) & column(torch.rand(count) < 0.7)
    return _textured(torch.maximum(box, handle.float()))


def gratings(count: int) -> Tensor:
    """Waves and checks in any direction."""
    x, y = places(SIDE)
    angle = column(uniform(count, 0, torch.pi))
    pitch = column(uniform(count, 0.25, 2.2))
    u, v = x * torch.cos(angle) + y * torch.sin(angle), y * torch.cos(angle) - x * torch.sin(angle)
    wave = torch.sin(u * pitch) * torch.where(torch.rand(count, 1, 1) < 0.4, torch.sin(v * pitch), torch.ones(()))
    hard = torch.where(torch.rand(count, 1, 1) < 0.5, wave.sign(), wave)
    return 127 + hard * column(uniform(count, 30, 127))


def patches(count: int) -> Tensor:
    """What a piece of a photo is like: clouds of every roughness, with an edge or two where things overlap."""
    rough = [
        clouds(len(part), SIDE, roughness)
        for part, roughness in zip(torch.arange(count).tensor_split(4), (0.3, 0.5, 0.8, 1.2), strict=True)
        if len(part)
    ]
    base = torch.cat(rough) * column(uniform(count, 60, 255))
    over = clouds(count, SIDE, 0.6) * column(uniform(count, 60, 255))
    x, y = places(SIDE)
    bend = smooth_field(count, SIDE, 4)[:, 0] * 3
    angle = column(uniform(count, 0, 2 * torch.pi))
    front = (x - 14) * torch.cos(angle) + (y - 14) * torch.sin(angle) + bend > column(uniform(count, -12, 12))
    return torch.where(front & (torch.rand(count, 1, 1) < 0.6), over, base) + column(uniform(count, 0, 60))


def leaves(count: int) -> Tensor:
    """Rectangles and discs of all sizes over each other."""
    x, y = places(SIDE)
    picture = torch.zeros(count, SIDE, SIDE) + column(uniform(count, 0, 255) * (torch.rand(count) < 0.5))
    for _ in range(8):
        dx, dy = (x - column(uniform(count, 0, SIDE))).abs(), (y - column(uniform(count, 0, SIDE))).abs()
        wide, high = column(uniform(count, 1, 10)), column(uniform(count, 1, 10))
        disc = torch.hypot(dx / wide, dy / high) < 1
        inside = torch.where(torch.rand(count, 1, 1) < 0.5, disc, (dx < wide) & (dy < high))
        picture = torch.where(inside, column(uniform(count, 0, 255)).expand_as(picture), picture)
    return picture


def noise(count: int) -> Tensor:
    """Noise of every grain, range and density, on any gray."""
    grain = blurred(torch.rand(count, SIDE, SIDE), uniform(count, 0.05, 2.5) * (torch.rand(count) < 0.6))
    low, high = grain.amin(dim=(1, 2), keepdim=True), grain.amax(dim=(1, 2), keepdim=True)
    grain = (grain - low) / (high - low)
    density = column(uniform(count, 0.02, 0.98))
    sparse = torch.where(grain < density, 0.0, 1.0)
    mixed = torch.where(torch.rand(count, 1, 1) < 0.5, sparse, grain)
    return column(uniform(count, 0, 120)) + mixed * column(uniform(count, 30, 255))


def blank(count: int) -> Tensor:
    """An even gray, or one that changes evenly, with hardly any noise; or a few specks on black."""
    x, y = places(SIDE)
    slope = (x * column(torch.randn(count)) + y * column(torch.randn(count))) * column(4 * (torch.rand(count) < 0.5))
    gray = column(uniform(count, 0, 255) * (torch.rand(count) < 0.6))
    even = gray + slope + torch.randn(count, SIDE, SIDE) * column(uniform(count, 0, 8))
    specks = 255.0 * (torch.rand(count, SIDE, SIDE) < column(uniform(count, 0, 0.02)))
    return torch.where(torch.rand(count, 1, 1) < 0.3, specks, even)
