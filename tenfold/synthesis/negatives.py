"""Pictures that are not digits: characters of fonts, scribbles, shapes, scenes, and digits cut, turned and paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.images import SIDE, Images
from tenfold.synthesis.glyphs import (
    Typeface,
    draw_glyphs,
    handwriting_typefaces,
    print_typefaces,
    script_typefaces,
)
from tenfold.synthesis.ops import affine_matrices, per_image, pixel_centers, uniform, warp
from tenfold.synthesis.scenes import draw_scenes
from tenfold.synthesis.scribbles import draw_scribbles, draw_shapes

# Half a digit may be another digit (half an 8 is a 0, half a 7 a 1); these halves are not.
HALVES = ((0, "top"), (0, "bottom"), (3, "bottom"), (5, "bottom"), (2, "bottom"), (4, "top"))
# Quarter turns and mirrors that leave no digit: a mirrored 9 is written by some, a turned 2 or 5 is itself.
TURNS = {2: (1, 3), 3: (1, 3, "mirror"), 4: (1, 2, 3, "mirror"), 5: (1, 3), 6: (1, 3, "mirror"), 7: (2,), 9: (1, 3)}

# Pictures of each family in the pool. Those of fonts that are missing are left out.
POOL_SIZES = {"print": 12_000, "handwriting": 16_000, "scripts": 24_000, "words": 6_000} | {
    "scribbles": 12_000,
    "shapes": 8_000,
    "scenes": 16_000,
}
# How often each family is drawn. The last three are made from the training samples.
WEIGHTS = {"print": 0.12, "handwriting": 0.2, "scripts": 0.2, "words": 0.05, "scribbles": 0.11, "shapes": 0.06} | {
    "scenes": 0.12,
    "halves": 0.04,
    "pairs": 0.06,
    "turned": 0.04,
}
FAMILIES = tuple(WEIGHTS)

MAX_SIMILARITY = 0.95  # of a letter of another script to a digit: half of the digits have a closer neighbor than 0.963
SIMILARITY_SAMPLES = 20_000

Pool = Mapping[str, Tensor]


def make_pool(seed: int, images: Tensor, exclude: Sequence[str] = ()) -> dict[str, Tensor]:
    """The pictures that are drawn once per training, uint8 (N, 28, 28) of each family that is not excluded.

    images: digits, uint8 (N, 28, 28); letters of other scripts that look like them are left out. The pool is the same
    for the same seed, digits and fonts. Families of fonts that are not there are missing.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pool = {
            family: torch.as_tensor(draw(POOL_SIZES[family], rng, images))
            for family, draw in DRAWINGS.items()
            if family not in exclude
        }
    return {family: pictures for family, pictures in pool.items() if len(pictures)}


def _draw_typefaces(typefaces: list[Typeface], count: int, rng: np.random.Generator, length: int = 1) -> Images:
    return draw_glyphs(typefaces, count if typefaces else 0, rng, length)


def _draw_scripts(count: int, rng: np.random.Generator, images: Tensor) -> Tensor:
    glyphs = torch.as_tensor(_draw_typefaces(script_typefaces(), count, rng))
    return glyphs[max_similarity(glyphs, images) < MAX_SIMILARITY] if len(glyphs) else glyphs


def _draw_words(count: int, rng: np.random.Generator, _: Tensor) -> Images:
    typefaces = print_typefaces() + handwriting_typefaces() + script_typefaces()
    lengths = (2, 3, 4)
    return np.concatenate([draw_glyphs(typefaces, count // len(lengths), rng, length) for length in lengths])


DRAWINGS: dict[str, Callable[[int, np.random.Generator, Tensor], Images | Tensor]] = {
    "print": lambda count, rng, _: _draw_typefaces(print_typefaces(), count, rng),
    "handwriting": lambda count, rng, _: _draw_typefaces(handwriting_typefaces(), count, rng),
    "scripts": _draw_scripts,
    "words": _draw_words,
    "scribbles": lambda count, rng, _: draw_scribbles(count, rng),
    "shapes": lambda count, rng, _: draw_shapes(count, rng),
    "scenes": lambda count, _, __: draw_scenes(count).round().to(torch.uint8),
}


def max_similarity(pictures: Tensor, digits: Tensor) -> Tensor:
    """How similar the nearest digit is to each picture (N,): 1 for the same, by correlation of coarse images.

    pictures, digits: uint8 (N, 28, 28).
    """
    step = max(1, len(digits) // SIMILARITY_SAMPLES)
    references = _coarse(digits[::step].cpu())
    return torch.cat([(_coarse(batch) @ references.T).amax(1) for batch in torch.split(pictures, 4096)])


def _coarse(images: Tensor) -> Tensor:
    """Normalized vectors (N, 196) of blurred images."""
    blurred = F.avg_pool2d(images.float().unsqueeze(1), 5, 2, 2).flatten(1)
    return F.normalize(blurred - blurred.mean(1, keepdim=True))


def sample_negatives(
    count: int, pool: Pool, images: Tensor, labels: Tensor, exclude: Sequence[str] = ()
) -> tuple[Tensor, Tensor]:
    """Pictures (count, 28, 28), float, 0 to 255, of all families by their weights, and which are of a pen (count,).

    images, labels: digits, uint8 (N, 28, 28) and (N,).
    """
    families = [family for family in FAMILIES if family in pool or (family in FROM_DIGITS and family not in exclude)]
    weights = torch.tensor([WEIGHTS[family] for family in families])
    drawn = torch.multinomial(weights, max(count, 1), replacement=True)[:count]
    counts = drawn.bincount(minlength=len(families)).tolist()
    made = []
    for family, size in zip(families, counts, strict=True):
        if family in pool:
            made.append(pool[family][torch.randint(0, len(pool[family]), (size,))].float())
        else:
            made.append(FROM_DIGITS[family](size, images, labels))
    is_written = torch.repeat_interleave(
        torch.tensor([family != "scenes" for family in families]), torch.tensor(counts)
    )
    order = torch.randperm(count)
    return torch.cat(made)[order], is_written[order]


def sample_halves(count: int, images: Tensor, labels: Tensor) -> Tensor:
    """Halves of digits, centered."""
    kinds = torch.randint(0, len(HALVES), (count,))
    out = torch.zeros(count, SIDE, SIDE)
    _, y = pixel_centers(SIDE)
    for kind, (digit, half) in enumerate(HALVES):
        indices, candidates = (kinds == kind).nonzero().flatten(), (labels == digit).nonzero().flatten()
        n = len(indices)
        if not n or not len(candidates):
            continue
        digits = images[candidates[torch.randint(0, len(candidates), (n,))]].float()
        cut = per_image(uniform(n, 12.5, 14.5))
        mask, shift = (y < cut, 4 / SIDE) if half == "top" else (y > SIDE - cut, -4 / SIDE)
        size = torch.full((n,), 1.2)
        matrices = affine_matrices(n, scale_x=size, scale_y=size, shift_y=torch.full((n,), shift))
        out[indices] = warp(digits * mask, matrices)
    return out


def sample_pairs(count: int, images: Tensor, _: Tensor) -> Tensor:
    """Two digits side by side, or one above the other."""
    zero = torch.zeros(count)
    size = uniform(count, 0.5, 0.65)
    distance = size * uniform(count, 0.3, 0.42)
    is_horizontal = torch.rand(count) < 0.85
    shift_x, shift_y = torch.where(is_horizontal, distance, zero), torch.where(is_horizontal, zero, distance)
    out = torch.zeros(count, SIDE, SIDE)
    for side in (-1, 1):
        digits = images[torch.randint(0, len(images), (count,))].float()
        scale_y = size * torch.where(is_horizontal, uniform(count, 0.9, 1.5), torch.ones(count))
        matrices = affine_matrices(count, scale_x=size, scale_y=scale_y, shift_x=side * shift_x, shift_y=side * shift_y)
        out = torch.maximum(out, warp(digits, matrices))
    return out


def sample_turned(count: int, images: Tensor, labels: Tensor) -> Tensor:
    """Digits mirrored or turned by quarters, where that leaves no digit."""
    turns = [(digit, turn) for digit, allowed in TURNS.items() for turn in allowed]
    kinds = torch.randint(0, len(turns), (count,))
    out = torch.zeros(count, SIDE, SIDE)
    for kind, (digit, turn) in enumerate(turns):
        indices, candidates = (kinds == kind).nonzero().flatten(), (labels == digit).nonzero().flatten()
        if len(indices) and len(candidates):
            digits = images[candidates[torch.randint(0, len(candidates), (len(indices),))]].float()
            out[indices] = digits.flip(2) if turn == "mirror" else digits.rot90(int(turn), (1, 2))
    return out


FROM_DIGITS: dict[str, Callable[[int, Tensor, Tensor], Tensor]] = {
    "halves": sample_halves,
    "pairs": sample_pairs,
    "turned": sample_turned,
}
