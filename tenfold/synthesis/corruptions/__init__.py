"""Corruptions of pictures of digits, for training and for measuring robustness.

Each takes pixels, float (B, 28, 28) from 0 to 255, white ink on black, and a severity (B,) from 0 (hardly visible) to 1
(people still read most of them), and returns pixels. All are drawn anew for each picture.
"""

from collections.abc import Callable, Container

import torch
from torch import Tensor

from tenfold.synthesis.corruptions.intensity import (
    binarization,
    brightness,
    contrast,
    fog,
    gaussian_blur,
    gaussian_noise,
    glass_blur,
    impulse_noise,
    inversion,
    jpeg,
    low_resolution,
    motion_blur,
    shadow,
    shot_noise,
    speckle_noise,
)
from tenfold.synthesis.corruptions.overlays import (
    dotted_line,
    occlusion,
    spatter,
    straight_lines,
    stripes,
    zigzag,
)
from tenfold.synthesis.corruptions.shape import (
    edges,
    elastic,
    rotate,
    scale,
    shear,
    thickening,
    thinning,
    translate,
)

Corruption = Callable[[Tensor, Tensor], Tensor]

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
    thickening,
    thinning,
    low_resolution,
    binarization,
    jpeg,
    rotate,
    scale,
    shear,
    translate,
    elastic,
)
CORRUPTIONS: dict[str, Corruption] = {corruption.__name__: corruption for corruption in _ALL}


def corrupt(pixels: Tensor, fraction: float, exclude: Container[str] = ()) -> Tensor:
    """Corrupt a fraction of the pictures, each in one way and at its own severity.

    pixels: float (B, 28, 28), 0 to 255; returned within 0 to 255. exclude: names of corruptions; pictures that draw one
    of them stay unchanged.
    """
    chosen = torch.randperm(len(pixels))[: round(fraction * len(pixels))]
    kinds = torch.randint(0, len(_ALL), (len(chosen),))
    out = pixels.clone()
    for kind, (name, corruption) in enumerate(CORRUPTIONS.items()):
        indices = chosen[kinds == kind]
        if len(indices) and name not in exclude:
            out[indices] = corruption(out[indices], torch.rand(len(indices))).clamp(0, 255)
    return out
