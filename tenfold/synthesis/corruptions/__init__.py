"""Corruptions of pictures of digits, for training and for measuring robustness.

Each takes pixels, float (B, 28, 28) from 0 to 255, white ink on black, and a severity (B,) from 0 (hardly visible) to 1
(people still read most of them), and returns pixels. All are drawn anew for each picture.
"""

from collections.abc import Callable, Container

import torch
from torch import Tensor

from tenfold.synthesis.corruptions import intensity, overlays, shape

Corruption = Callable[[Tensor, Tensor], Tensor]

_ALL: tuple[Corruption, ...] = (
    intensity.gaussian_noise,
    intensity.shot_noise,
    intensity.impulse_noise,
    intensity.speckle_noise,
    intensity.gaussian_blur,
    intensity.motion_blur,
    intensity.glass_blur,
    intensity.brightness,
    intensity.contrast,
    intensity.fog,
    intensity.shadow,
    intensity.inversion,
    overlays.stripes,
    overlays.straight_lines,
    overlays.dotted_line,
    overlays.zigzag,
    overlays.spatter,
    overlays.occlusion,
    shape.edges,
    shape.thickening,
    shape.thinning,
    intensity.low_resolution,
    intensity.binarization,
    intensity.jpeg,
    shape.rotate,
    shape.scale,
    shape.shear,
    shape.translate,
    shape.elastic,
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
