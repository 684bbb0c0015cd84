"""What becomes of pixels 0 to 255 before the first weight: part of every network, and so of every exported model."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tenfold.images import SIDE


class Standardize(nn.Module):
    """(pixels - mean) / deviation; both are buffers, scalars or one value a pixel."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, 1, 28, 28)
        return (pixels - self.mean) / self.deviation


class StandardizePixels(Standardize):
    """Each pixel by its own mean and deviation, within ±10.

    At the border a pixel may have been blank in all training images but one; there a shifted digit's ink lies hundreds
    of deviations from the mean, and where it was blank in all of them, hundreds of millions: no network learns from
    that.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        return super().forward(pixels).clamp(-10, 10)


class UnitColumns(nn.Module):
    """Divide each column of an image by its L2 norm: Keras' `normalize(images, axis=1)`; empty columns stay 0."""

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, 1, 28, 28)
        pixels = pixels / 255
        return pixels / pixels.square().sum(dim=2, keepdim=True).sqrt().clamp(min=1e-6)


def scale(images: Tensor | None) -> nn.Module:
    return Standardize(torch.zeros(1), torch.full((1,), 255.0))


def standardize(images: Tensor | None) -> nn.Module:
    if images is None:
        return Standardize(torch.zeros(1), torch.ones(1))
    # Of each gray level: exact, and quick where the images are.
    counts = torch.bincount(images.flatten(), minlength=256).cpu().double()
    levels = torch.arange(256, dtype=torch.float64)
    mean = (counts @ levels) / counts.sum()
    deviation = (counts @ (levels - mean) ** 2 / counts.sum()).sqrt()
    # A deviation below one gray level can only come from blank images; it must not blow up noise.
    return Standardize(mean.float().reshape(1), deviation.clamp(min=1).float().reshape(1))


def standardize_per_pixel(images: Tensor | None) -> nn.Module:
    if images is None:
        return StandardizePixels(torch.zeros(SIDE, SIDE), torch.ones(SIDE, SIDE))
    pixels = images.cpu().double()  # MPS has no float64
    return StandardizePixels(pixels.mean(0).float(), pixels.std(0, correction=0).clamp(min=1e-6).float())


def l2_columns(images: Tensor | None) -> nn.Module:
    return UnitColumns()


NORMALIZERS: dict[str, Callable[[Tensor | None], nn.Module]] = {
    "scale": scale,
    "standardize": standardize,
    "standardize_per_pixel": standardize_per_pixel,
    "l2_columns": l2_columns,
}
