"""What is no digit: a pool of made pictures, and what goes wrong with digits themselves."""

import numpy as np
import torch
from torch import Tensor

from tenfold.images import SIDE
from tenfold.synthesis.glyphs import glyphs
from tenfold.synthesis.lines.drawing import affine, column, places, uniform, warped
from tenfold.synthesis.scenes import scenes
from tenfold.synthesis.scribbles import scribbles

GLYPHS, SCRIBBLES, SCENES = 16_000, 9_000, 12_000  # pictures in the pool
# Half a digit may be another digit (half an 8 is a 0, half a 7 a 1): these halves are none.
HALVES = ((0, "top"), (0, "bottom"), (3, "bottom"), (5, "bottom"), (2, "bottom"), (4, "top"))


def pool(seed: int) -> Tensor:
    """Letters, signs, scribbles and scenes, uint8 (37000, 28, 28); the same for the same seed and fonts."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = scenes(SCENES).round().to(torch.uint8)
    return torch.cat([torch.tensor(glyphs(GLYPHS, rng)), torch.tensor(scribbles(SCRIBBLES, rng)), made])


def negatives(count: int, made: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Pictures (count, 28, 28), float, 0 to 255: of the pool, and pieces and pairs of digits.

    made: the pool. images, labels: digits to take apart, uint8 (N, 28, 28) and (N,).
    """
    of_pieces, of_pairs = round(0.05 * count), round(0.07 * count)
    of_pool = count - of_pieces - of_pairs
    return torch.cat(
        [
            made[torch.randint(0, len(made), (of_pool,))].float(),
            pieces(of_pieces, images, labels),
            pairs(of_pairs, images),
        ]
    )


def pieces(count: int, images: Tensor, labels: Tensor) -> Tensor:
    """Halves of digits, moved to the middle."""
    which = torch.randint(0, len(HALVES), (count,))
    out = torch.zeros(count, SIDE, SIDE)
    _, y = places(SIDE)
    for i, (digit, half) in enumerate(HALVES):
        rows, those = (which == i).nonzero().flatten(), (labels == digit).nonzero().flatten()
        if not len(rows) or not len(those):
            continue
        whole = images[those[torch.randint(0, len(those), (len(rows),))]].float()
        cut = column(uniform(len(rows), 12.5, 14.5))
        kept, down = (y < cut, 4 / SIDE) if half == "top" else (y > SIDE - cut, -4 / SIDE)
        none, size = torch.zeros(len(rows)), torch.full((len(rows),), 1.2)
        out[rows] = warped(whole * kept, affine(none, size, size, none, none, none + down))
    return out


def pairs(count: int, images: Tensor) -> Tensor:
    """Two digits side by side, or one above the other, in one frame."""
    none = torch.zeros(count)
    sizes = uniform(count, 0.5, 0.65)
    apart = sizes * uniform(count, 0.3, 0.42)
    lying = torch.rand(count) < 0.85
    right, down = torch.where(lying, apart, none), torch.where(lying, none, apart)
    out = torch.zeros(count, SIDE, SIDE)
    for side in (-1, 1):
        digits = images[torch.randint(0, len(images), (count,))].float()
        high = sizes * torch.where(lying, uniform(count, 0.9, 1.5), torch.ones(count))
        placed = warped(digits, affine(none, sizes, high, none, side * right, side * down))
        out = torch.maximum(out, placed)
    return out
