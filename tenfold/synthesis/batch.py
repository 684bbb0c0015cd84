"""The synthesis of a training batch: digits in other handwriting, some corrupted, and pictures that are not digits."""

import numpy as np
import torch
from torch import Tensor

from tenfold.images import CLASSES
from tenfold.recipes.schema import Synthesis
from tenfold.synthesis.corruptions import corrupt
from tenfold.synthesis.handwriting import (
    add_neighbor_edge,
    add_regional_strokes,
    change_pen,
    draw_digits,
    random_affine_elastic,
    simulate_scan,
)
from tenfold.synthesis.negatives import make_pool, sample_negatives
from tenfold.synthesis.ops import uniform
from tenfold.synthesis.strokes import REGIONAL_PROBABILITIES

CLEAN_FRACTION = 0.3  # of the digits, which are hardly changed
DRAWN_PER_DIGIT = 2000  # images drawn by strokes, once per training


class Synthesizer:
    """Makes training batches as a recipe's `synthesis` says, with PyTorch's default generator on the CPU.

    images, labels: the training samples, uint8 (N, 28, 28) and int64 (N,).
    """

    def __init__(self, settings: Synthesis, images: Tensor, labels: Tensor, seed: int) -> None:
        self.settings = settings
        self.images, self.labels = images.cpu(), labels.cpu()
        self.pool = make_pool(seed, self.images, settings.exclude_negatives) if settings.negatives else None
        self.drawn_digits = draw_all_digits(seed) if settings.handwriting else None

    def make_batch(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """The digits of a step and then the negatives, float (B + M, 28, 28), on the device of `pixels`."""
        digits = self.make_digits(pixels.cpu(), labels.cpu())
        if not self.settings.negatives:
            return digits.to(pixels.device)
        negatives = self.make_negatives(round(self.settings.negatives * len(digits)))
        return torch.cat([digits, negatives]).to(pixels.device)

    def make_digits(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """Digits (B, 28, 28), float, 0 to 255, from as many others."""
        clean = round(CLEAN_FRACTION * len(pixels))  # the order is random already
        clean_digits = random_affine_elastic(pixels[:clean], uniform(clean, 0, 0.35))
        digits = self._change_handwriting(pixels[clean:], labels[clean:])
        return torch.cat([clean_digits, corrupt(digits, self.settings.corruption)]).clamp(0, 255)

    def make_negatives(self, count: int) -> Tensor:
        """Pictures (count, 28, 28), float, 0 to 255, that are not digits, drawn and corrupted as digits are."""
        assert self.pool is not None, "only a recipe with negatives needs them"
        exclude = self.settings.exclude_negatives
        pixels, is_written = sample_negatives(count, self.pool, self.images, self.labels, exclude)
        changes_pen = is_written & (torch.rand(count) < 0.7 * self.settings.handwriting)
        pixels[changes_pen] = change_pen(pixels[changes_pen])
        pixels = random_affine_elastic(pixels, uniform(count, 0, 1.6))
        # The outline of a dash or a blot would be a 0.
        return corrupt(pixels, self.settings.corruption, exclude=("edges",)).clamp(0, 255)

    def _change_handwriting(self, pixels: Tensor, labels: Tensor) -> Tensor:
        strength = self.settings.handwriting
        pixels = add_regional_strokes(pixels, labels, strength)
        if self.drawn_digits is not None:
            is_drawn = torch.rand(len(pixels)) < 0.5 * strength * torch.tensor(REGIONAL_PROBABILITIES)[labels]
            indices = torch.randint(0, self.drawn_digits.shape[1], (int(is_drawn.sum()),))
            pixels[is_drawn] = self.drawn_digits[labels[is_drawn], indices].float()
        changes = ((change_pen, 0.35), (_any_pose, 1.0), (simulate_scan, 0.12), (add_neighbor_edge, 0.16))
        for change, probability in changes:
            indices = (torch.rand(len(pixels)) < probability * strength).nonzero().flatten()
            if len(indices):
                pixels[indices] = change(pixels[indices])
        return pixels


def draw_all_digits(seed: int) -> Tensor:
    """Digits drawn by strokes, uint8 (10, DRAWN_PER_DIGIT, 28, 28)."""
    rng = np.random.default_rng(seed)
    return torch.tensor(np.stack([draw_digits(digit, DRAWN_PER_DIGIT, rng) for digit in range(CLASSES)]))


def _any_pose(pixels: Tensor) -> Tensor:
    return random_affine_elastic(pixels, uniform(len(pixels), 0, 1))
