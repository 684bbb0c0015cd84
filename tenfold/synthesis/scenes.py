"""Pictures of things that are not writing: shapes as of clothes, textures, pieces of scenes, noise, nothing."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.ops import (
    blur,
    downsample,
    draw_segments,
    fractal_noise,
    per_image,
    pixel_centers,
    smooth_displacement,
    uniform,
)

LARGE_SIDE = 2 * SIDE  # of shapes before they are reduced


def draw_scenes(count: int) -> Tensor:
    """Pictures (count, 28, 28), float, 0 to 255; draws from PyTorch's default generator."""
    kinds = (clothes, clothes, clothes, shoes, shoes, bags, gratings, patches, patches, dead_leaves, noise, blank)
    counts = torch.randint(0, len(kinds), (count,)).bincount(minlength=len(kinds))
    return torch.cat([kind(int(n)) for kind, n in zip(kinds, counts, strict=True) if n]).clamp(0, 255)


def _add_texture(mask: Tensor) -> Tensor:
    """Fill shapes (B, 56, 56), 0 to 1, with gray, folds and sometimes stripes; seams and edges are darker."""
    batch = len(mask)
    fabric = fractal_noise(batch, LARGE_SIDE, 0.7) * per_image(uniform(batch, 0, 0.6))
    fabric = fabric + per_image(uniform(batch, 0.3, 1))
    x, y = pixel_centers(LARGE_SIDE)
    angle = per_image(torch.randint(0, 2, (batch,)) * torch.pi / 2 + uniform(batch, -0.1, 0.1))
    stripes = torch.sin((x * torch.cos(angle) + y * torch.sin(angle)) * per_image(uniform(batch, 0.3, 1.5)))
    fabric = fabric * (1 + stripes * per_image(uniform(batch, 0, 0.5) * (torch.rand(batch) < 0.35)))
    seams = torch.zeros_like(mask)
    for _ in range(2):
        start, end = torch.rand(batch, 2) * LARGE_SIDE, torch.rand(batch, 2) * LARGE_SIDE
        seam = draw_segments(start, end, uniform(batch, 1, 3), LARGE_SIDE)
        seams = torch.maximum(seams, seam * per_image(torch.rand(batch) < 0.4))
    edge_shade = (blur(mask, uniform(batch, 0.5, 2.5)) * 2 - 1).clamp(0, 1)
    shade = torch.where(torch.rand(batch, 1, 1) < 0.5, edge_shade, torch.ones_like(edge_shade))
    return downsample(255 * mask * fabric.clamp(0, 1) * shade * (1 - 0.6 * seams))


def _random_profile(count: int, knots: int, low: float, high: float) -> Tensor:
    """A polyline (B, 56) through `knots` random heights."""
    values = uniform(count * knots, low, high).view(count, 1, knots)
    return F.interpolate(values, size=LARGE_SIDE, mode="linear", align_corners=True).squeeze(1)


def clothes(count: int) -> Tensor:
    """Symmetric silhouettes: shirts with sleeves, dresses, trousers."""
    x, y = pixel_centers(LARGE_SIDE)
    half_width = _random_profile(count, 4, 6, 20).unsqueeze(2)  # (B, 56, 1)
    distance = (x - LARGE_SIDE / 2).abs()
    mask = (half_width - distance + 0.5).clamp(0, 1)
    # Sleeves: a bar from each shoulder, hanging more or less.
    shoulder = uniform(count, 5, 14)
    reach, drop = uniform(count, 10, 22), uniform(count, 2, 42)
    sleeves = torch.zeros_like(mask)
    for side in (-1, 1):
        start = torch.stack([LARGE_SIDE / 2 + side * 6 * torch.ones(count), shoulder], dim=1)
        end = torch.stack([LARGE_SIDE / 2 + side * (6 + reach), shoulder + drop], dim=1)
        sleeves = torch.maximum(sleeves, draw_segments(start, end, uniform(count, 5, 13), LARGE_SIDE))
    mask = torch.maximum(mask, sleeves * per_image(torch.rand(count) < 0.6))
    # Trousers: a wedge is cut out from below.
    has_legs = (torch.rand(count) < 0.35) & (shoulder > 0)
    wedge = (y > per_image(uniform(count, 10, 30))) & (distance < per_image(uniform(count, 1.5, 6)))
    mask = mask * ~(wedge & per_image(has_legs))
    neck = torch.hypot(x - LARGE_SIDE / 2, y - 2) < per_image(uniform(count, 2, 9))
    return _add_texture(mask * ~neck * _random_crop(count, y))


def _random_crop(count: int, positions: Tensor) -> Tensor:
    """Whether positions along an axis lie between two random borders."""
    return (positions > per_image(uniform(count, 0, 10))) & (positions < per_image(uniform(count, 44, 57)))


def shoes(count: int) -> Tensor:
    """Silhouettes on flat ground: shoes, boots, hats, cars."""
    x, y = pixel_centers(LARGE_SIDE)
    height = _random_profile(count, 5, 4, 34).unsqueeze(1)  # (B, 1, 56) at each x
    boot = per_image((torch.rand(count) < 0.3) * uniform(count, 14, 30))
    height = height + boot * (x < per_image(uniform(count, 14, 30)))
    ground = per_image(uniform(count, 36, 54))
    mask = ((y - (ground - height)).clamp(0, 1) * (ground - y + 0.5).clamp(0, 1)) * _random_crop(count, x)
    mask = torch.where(torch.rand(count, 1, 1) < 0.5, mask, mask.flip(2))
    return _add_texture(mask)


def bags(count: int) -> Tensor:
    """A box, more or less round, mostly with a handle."""
    x, y = pixel_centers(LARGE_SIDE)
    half_width, half_height = per_image(uniform(count, 12, 26)), per_image(uniform(count, 8, 20))
    center_y = per_image(uniform(count, 30, 36))
    power = per_image(uniform(count, 2, 10))
    dx, dy = (x - LARGE_SIDE / 2) / half_width, (y - center_y) / half_height
    box = ((dx.abs() ** power + dy.abs() ** power) < 1).float()
    ring = (torch.hypot(dx * 1.3, (y - center_y + half_height) / half_height) - 0.8).abs()
    handle = (ring < per_image(uniform(count, 0.08, 0.2))) & (y < center_y - half_height * 0.8)
    return _add_texture(torch.maximum(box, (handle & per_image(torch.rand(count) < 0.7)).float()))


def gratings(count: int) -> Tensor:
    """Waves and checks in any direction."""
    x, y = pixel_centers(SIDE)
    angle = per_image(uniform(count, 0, torch.pi))
    frequency = per_image(uniform(count, 0.25, 2.2))
    u, v = x * torch.cos(angle) + y * torch.sin(angle), y * torch.cos(angle) - x * torch.sin(angle)
    is_check = torch.rand(count, 1, 1) < 0.4
    wave = torch.sin(u * frequency) * torch.where(is_check, torch.sin(v * frequency), torch.ones(()))
    wave = torch.where(torch.rand(count, 1, 1) < 0.5, wave.sign(), wave)
    return 127 + wave * per_image(uniform(count, 30, 127))


def patches(count: int) -> Tensor:
    """Like patches of photos: fractal noise of any roughness, sometimes with an edge where things overlap."""
    quarters = torch.arange(count).tensor_split(4)
    textures = [
        fractal_noise(len(quarter), SIDE, roughness)
        for quarter, roughness in zip(quarters, (0.3, 0.5, 0.8, 1.2), strict=True)
        if len(quarter)
    ]
    background = torch.cat(textures) * per_image(uniform(count, 60, 255))
    foreground = fractal_noise(count, SIDE, 0.6) * per_image(uniform(count, 60, 255))
    x, y = pixel_centers(SIDE)
    bend = smooth_displacement(count, SIDE, 4)[:, 0] * 3
    angle = per_image(uniform(count, 0, 2 * torch.pi))
    position = (x - 14) * torch.cos(angle) + (y - 14) * torch.sin(angle) + bend
    mask = (position > per_image(uniform(count, -12, 12))) & (torch.rand(count, 1, 1) < 0.6)
    return torch.where(mask, foreground, background) + per_image(uniform(count, 0, 60))


def dead_leaves(count: int) -> Tensor:
    """Rectangles and ellipses of all sizes that occlude each other (the dead leaves model)."""
    x, y = pixel_centers(SIDE)
    picture = torch.zeros(count, SIDE, SIDE) + per_image(uniform(count, 0, 255) * (torch.rand(count) < 0.5))
    for _ in range(8):
        dx, dy = (x - per_image(uniform(count, 0, SIDE))).abs(), (y - per_image(uniform(count, 0, SIDE))).abs()
        radius_x, radius_y = per_image(uniform(count, 1, 10)), per_image(uniform(count, 1, 10))
        ellipse = torch.hypot(dx / radius_x, dy / radius_y) < 1
        rectangle = (dx < radius_x) & (dy < radius_y)
        mask = torch.where(torch.rand(count, 1, 1) < 0.5, ellipse, rectangle)
        picture = torch.where(mask, per_image(uniform(count, 0, 255)).expand_as(picture), picture)
    return picture


def noise(count: int) -> Tensor:
    """Noise of any grain, contrast and density, on any gray."""
    grain = blur(torch.rand(count, SIDE, SIDE), uniform(count, 0.05, 2.5) * (torch.rand(count) < 0.6))
    low, high = grain.amin(dim=(1, 2), keepdim=True), grain.amax(dim=(1, 2), keepdim=True)
    grain = (grain - low) / (high - low)
    density = per_image(uniform(count, 0.02, 0.98))
    binary = torch.where(grain < density, 0.0, 1.0)
    grain = torch.where(torch.rand(count, 1, 1) < 0.5, binary, grain)
    return per_image(uniform(count, 0, 120)) + grain * per_image(uniform(count, 30, 255))


def blank(count: int) -> Tensor:
    """An even gray or a gradient with hardly any noise, or a few specks on black."""
    x, y = pixel_centers(SIDE)
    gradient = x * per_image(torch.randn(count)) + y * per_image(torch.randn(count))
    gradient = gradient * per_image(4 * (torch.rand(count) < 0.5))
    gray = per_image(uniform(count, 0, 255) * (torch.rand(count) < 0.6))
    even = gray + gradient + torch.randn(count, SIDE, SIDE) * per_image(uniform(count, 0, 8))
    specks = 255.0 * (torch.rand(count, SIDE, SIDE) < per_image(uniform(count, 0, 0.02)))
    return torch.where(torch.rand(count, 1, 1) < 0.3, specks, even)
