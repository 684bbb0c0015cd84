"""What a training batch becomes: digits of many hands, some of them damaged, and pictures that are no digits."""

import numpy as np
import torch
from torch import Tensor

from tenfold.images import CLASSES
from tenfold.recipes.schema import Synthesis
from tenfold.synthesis.corruptions import corrupted
from tenfold.synthesis.handwriting import national, neighbored, posed, redrawn, scanned
from tenfold.synthesis.lines.drawing import uniform
from tenfold.synthesis.negatives import negatives, pool
from tenfold.synthesis.penned import penned
from tenfold.synthesis.strokes import DRAWN

CLEAN = 0.3  # share of the digits that are left nearly as they are
PENNED = 2000  # pictures of each digit that are drawn by strokes, once and for all


class Mixture:
    """Makes batches as a recipe's `synthesis` says; everything is drawn from PyTorch's default generator on the CPU.

    images, labels: the training rows, uint8 (N, 28, 28) and int64 (N,).
    """

    def __init__(self, settings: Synthesis, images: Tensor, labels: Tensor, seed: int) -> None:
        self.settings = settings
        self.images, self.labels = images.cpu(), labels.cpu()
        self.pool = pool(seed) if settings.negatives else None
        self.penned = all_penned(seed) if settings.handwriting else None

    def batch(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """The digits of a step, then its negatives: float (B + M, 28, 28), where the digits came from."""
        digits = self.digits(pixels.cpu(), labels.cpu())
        if not self.settings.negatives:
            return digits.to(pixels.device)
        others = self.negatives(round(self.settings.negatives * len(digits)))
        return torch.cat([digits, others]).to(pixels.device)

    def digits(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """Digits (B, 28, 28), float, 0 to 255, become as many others."""
        clean = round(CLEAN * len(pixels))  # the order is random already
        quiet = posed(pixels[:clean], uniform(clean, 0, 0.35))
        other = self._hands(pixels[clean:], labels[clean:])
        return torch.cat([quiet, corrupted(other, self.settings.corruption)]).clamp(0, 255)

    def negatives(self, count: int) -> Tensor:
        """Pictures (count, 28, 28), float, 0 to 255, that are no digits, drawn and damaged as the digits are."""
        assert self.pool is not None, "a recipe without negatives asks for none"
        pixels = negatives(count, self.pool, self.images, self.labels)[torch.randperm(count)]
        some = torch.rand(count) < 0.3 * self.settings.handwriting
        pixels[some] = redrawn(pixels[some])
        bent = posed(pixels, uniform(count, 0, 1.6))
        # The outline of a dash or a blot would be a 0.
        return corrupted(bent, self.settings.corruption, without=("edges",)).clamp(0, 255)

    def _hands(self, pixels: Tensor, labels: Tensor) -> Tensor:
        share = self.settings.handwriting
        pixels = national(pixels, labels, share)
        if self.penned is not None:
            some = torch.rand(len(pixels)) < 0.5 * share * torch.tensor(DRAWN)[labels]
            pixels[some] = self.penned[labels[some], torch.randint(0, self.penned.shape[1], (int(some.sum()),))].float()
        for change, part in ((redrawn, 0.35), (posed_freely, 1.0), (scanned, 0.12), (neighbored, 0.16)):
            some = (torch.rand(len(pixels)) < part * share).nonzero().flatten()
            if len(some):
                pixels[some] = change(pixels[some])
        return pixels


def all_penned(seed: int) -> Tensor:
    """Digits drawn by strokes, uint8 (10, PENNED, 28, 28)."""
    rng = np.random.default_rng(seed)
    return torch.tensor(np.stack([penned(digit, PENNED, rng) for digit in range(CLASSES)]))


def posed_freely(pixels: Tensor) -> Tensor:
    return posed(pixels, uniform(len(pixels), 0, 1))
