"""Other people's hands: pens from hair-thin to brush, other national shapes, coarse scans, imperfect cutting-out."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.lines.drawing import (
    affine,
    blurred,
    column,
    doubled,
    halved,
    places,
    segments,
    skeleton,
    smooth_field,
    uniform,
    warped,
    widened,
)

PENS = 4  # steps in which a pen gets wider; two of them are three half pixels on each side


def national(pixels: Tensor, labels: Tensor, share: float) -> Tensor:
    """A share of the 7s gets a bar through the stem, of the 1s an upstroke, a foot or both; a few 9s look like a P.

    pixels: float (B, 28, 28), 0 to 255. labels: (B,).
    """
    wanted = torch.rand(len(pixels)) < share
    sevens = (wanted & (labels == 7)).nonzero().flatten()
    ones = (wanted & (labels == 1)).nonzero().flatten()
    nines = (wanted & (labels == 9) & (torch.rand(len(pixels)) < 0.2)).nonzero().flatten()
    out = pixels.clone()
    out[nines] = out[nines].flip(2)
    if len(sevens):
        out[sevens] = crossed(out[sevens])
    if len(ones):
        out[ones] = with_serifs(out[ones])
    return out


def crossed(pixels: Tensor) -> Tensor:
    """A short bar through the stem, somewhat below the middle."""
    batch = len(pixels)
    top, bottom = _extent(pixels)
    height = top + (bottom - top) * uniform(batch, 0.42, 0.68)
    middle = _ink_at(pixels, height)
    half, tilt = uniform(batch, 3, 6), uniform(batch, -0.25, 0.25)
    reach = torch.stack([half, tilt * half], dim=1)
    place = torch.stack([middle + uniform(batch, -1, 1), height], dim=1)
    return _with_stroke(pixels, place - reach, place + reach)


def with_serifs(pixels: Tensor) -> Tensor:
    """An upstroke to the top, short or nearly as long as the stem, a foot, or both."""
    batch = len(pixels)
    top, bottom = _extent(pixels)
    foot = torch.rand(batch) < 0.4
    up = ~foot | (torch.rand(batch) < 0.6)
    tip = torch.stack([_ink_at(pixels, top + 1), top + 0.7], dim=1)
    back = torch.stack([uniform(batch, -9, -2.5), (bottom - top) * uniform(batch, 0.12, 0.6)], dim=1)
    back[:, 1] = torch.minimum(back[:, 1], back[:, 0].abs() * 1.7)
    out = torch.where(column(up), _with_stroke(pixels, tip, tip + back), pixels)
    ground = torch.stack([_ink_at(pixels, bottom - 1), bottom - 0.7], dim=1)
    half = torch.stack([uniform(batch, 2.5, 6), uniform(batch, -0.5, 0.5)], dim=1)
    return torch.where(column(foot), _with_stroke(out, ground - half, ground + half), out)


def _extent(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The y of the first row with ink and of the end of the last, (B,) each."""
    rows = (pixels.amax(dim=2) > 100).float()
    return rows.argmax(dim=1).float(), SIDE - rows.flip(1).argmax(dim=1).float()


def _ink_at(pixels: Tensor, height: Tensor) -> Tensor:
    """The mean x of the ink in the rows around `height`, (B,)."""
    x, y = places(SIDE)
    ink = pixels * ((y - column(height)).abs() < 1.6) + 1e-3
    return (ink * x).sum(dim=(1, 2)) / ink.sum(dim=(1, 2))


def _with_stroke(pixels: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """One more stroke, about as wide as MNIST's are."""
    cover = segments(start, end, uniform(len(pixels), 1.2, 2.6), SIDE)
    return torch.maximum(pixels, 255 * cover)


def redrawn(pixels: Tensor) -> Tensor:
    """The same strokes with another pen, from half a pixel to eight wide, hard or soft.

    pixels: float (B, 28, 28), 0 to 255.
    """
    batch = len(pixels)
    drawn = skeleton(doubled(pixels), uniform(batch, 1.4, 2.2))
    reach = 1 + (torch.rand(batch).square() * PENS).long()  # thin pens are the more frequent ones
    for turn in range(PENS):
        wider = reach > turn
        drawn[wider] = widened(drawn[wider], 1 + turn % 2)
    drawn = blurred(drawn, uniform(batch, 0.3, 1.5))
    ink = halved((2 * drawn).clamp(max=255))
    return ink * (255 / ink.amax(dim=(1, 2), keepdim=True).clamp(min=40))


def neighbored(pixels: Tensor) -> Tensor:
    """What is left of a neighbor at one edge, as after cutting a row into digits."""
    batch = len(pixels)
    other = pixels[torch.randperm(batch)]
    one, none = torch.ones(batch), torch.zeros(batch)
    side = torch.where(torch.rand(batch) < 0.5, -1.0, 1.0)
    right, down = side * uniform(batch, 15, 21) / SIDE, uniform(batch, -5, 5) / SIDE
    beside = warped(other, affine(none, one, one * uniform(batch, 0.8, 1.2), none, right, down))
    return torch.maximum(pixels, beside)


def scanned(pixels: Tensor) -> Tensor:
    """As in the old collections: the box pulled to a square of 12 to 20 pixels, in gray or two levels, then framed.

    pixels: float (B, 28, 28), 0 to 255.
    """
    batch = len(pixels)
    left, right = _extent(pixels.transpose(1, 2))
    top, bottom = _extent(pixels)
    wide, high = (right - left).clamp(min=3), (bottom - top).clamp(min=3)
    most = torch.maximum(wide, high)
    pulled = torch.rand(batch)  # 0: proportions stay; 1: the box becomes a square
    wide, high = wide + (most - wide) * (1 - pulled), high + (most - high) * (1 - pulled)
    # From the new square, -1 to 1, to the box in the old picture.
    matrices = torch.zeros(batch, 2, 3)
    matrices[:, 0, 0], matrices[:, 1, 1] = wide / SIDE, high / SIDE
    matrices[:, 0, 2], matrices[:, 1, 2] = (left + right) / SIDE - 1, (top + bottom) / SIDE - 1
    side = int(torch.randint(12, 21, ()))
    small = F.avg_pool2d(warped(pixels, matrices, side=3 * side).unsqueeze(1), 3)
    cut = torch.where(small > 255 * uniform(batch, 0.25, 0.65).view(-1, 1, 1, 1), 255.0, 0.0)
    small = torch.where(torch.rand(batch, 1, 1, 1) < 0.6, cut, small)
    big = F.interpolate(small, size=(60, 60), mode="nearest" if torch.rand(()) < 0.7 else "bilinear")
    return F.pad(F.avg_pool2d(big, 3).squeeze(1), (4, 4, 4, 4))


def posed(pixels: Tensor, strength: Tensor) -> Tensor:
    """Turned, slanted, stretched, shifted and bent, each picture by its own `strength` (B,), 0 to 1."""
    batch = len(pixels)

    def draw() -> Tensor:
        return (torch.rand(batch) * 2 - 1) * strength

    size = 1 + torch.where(torch.rand(batch) < 0.6, -0.35, 0.2) * torch.rand(batch) * strength
    matrices = affine(
        draw() * 0.33,
        size * (1 + 0.18 * draw()),
        size * (1 + 0.12 * draw()),
        draw() * 0.35,
        draw() * 0.11,
        draw() * 0.11,
    )
    bend = smooth_field(batch, SIDE, 5) * (0.75 * strength * torch.rand(batch)).view(-1, 1, 1, 1)
    return warped(pixels, matrices, bend)
