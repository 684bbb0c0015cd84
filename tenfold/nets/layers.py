"""The layers that PyTorch does not have, or has only in a slower form: normalization, dropout, pooling, reshaping."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tenfold.images import SIDE


class Standardize(nn.Module):
    """(pixels - mean) / deviation; both are buffers, scalars or one value per pixel."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, 1, 28, 28)
        return (pixels - self.mean) / self.deviation


class StandardizePerPixel(Standardize):
    """Each pixel by its own mean and deviation, clipped to ±10.

    A border pixel may be blank in all training images but one: the ink of a shifted digit then lies hundreds of
    deviations from the mean, and hundreds of millions where the pixel is blank in all of them. No network learns from
    that.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        return super().forward(pixels).clamp(-10, 10)


class NormalizeColumns(nn.Module):
    """Divide each column of an image by its L2 norm: Keras' `normalize(images, axis=1)`; empty columns stay 0."""

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, 1, 28, 28)
        pixels = pixels / 255
        return pixels / pixels.square().sum(dim=2, keepdim=True).sqrt().clamp(min=1e-6)


def scale(images: Tensor | None) -> nn.Module:
    return Standardize(torch.zeros(1), torch.full((1,), 255.0))


def standardize(images: Tensor | None) -> nn.Module:
    if images is None:
        return Standardize(torch.zeros(1), torch.ones(1))
    # From a histogram: exact, and fast on the images' own device.
    counts = torch.bincount(images.flatten(), minlength=256).cpu().double()
    levels = torch.arange(256, dtype=torch.float64)
    mean = (counts @ levels) / counts.sum()
    deviation = (counts @ (levels - mean) ** 2 / counts.sum()).sqrt()
    # A deviation below one gray level can only come from blank images; dividing by it would amplify noise.
    return Standardize(mean.float().reshape(1), deviation.clamp(min=1).float().reshape(1))


def standardize_per_pixel(images: Tensor | None) -> nn.Module:
    if images is None:
        return StandardizePerPixel(torch.zeros(SIDE, SIDE), torch.ones(SIDE, SIDE))
    pixels = images.cpu().double()  # MPS has no float64
    return StandardizePerPixel(pixels.mean(0).float(), pixels.std(0, correction=0).clamp(min=1e-6).float())


def l2_columns(images: Tensor | None) -> nn.Module:
    return NormalizeColumns()


# By a recipe's `normalize`: from the training images, uint8 (N, 28, 28), or None for a layer that weights will be
# loaded into.
NORMALIZERS: dict[str, Callable[[Tensor | None], nn.Module]] = {
    "scale": scale,
    "standardize": standardize,
    "standardize_per_pixel": standardize_per_pixel,
    "l2_columns": l2_columns,
}


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def activation(name: str) -> nn.Module:
    """The activation that a recipe names."""
    return ACTIVATIONS[name]()


class Dropout(nn.Module):
    """nn.Dropout from 16 random bits per element, which is faster on a CPU.

    PyTorch draws one Bernoulli number after another there, a fifth of the time of a training step of these networks;
    here one 64-bit number serves four elements. The rate is exact to 1/65536.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu" or not _is_dense(x):
            return nn.functional.dropout(x, self.rate)
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        # In the memory format of x (channels last or not): mixed formats make the product slower.
        bits = words.view(torch.int16)[: x.numel()].as_strided(x.shape, x.stride())
        kept = bits >= min(round(self.rate * 65536), 65535) - 32768
        return x * kept.to(x.dtype).mul_(1 / (1 - self.rate))

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def _is_dense(x: Tensor) -> bool:
    """Whether x is contiguous in some memory format."""
    return x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)


def dropout(rate: float) -> list[nn.Module]:
    """A dropout layer, to be unpacked into a list of layers; none if the rate is 0."""
    return [Dropout(rate)] if rate else []


class Temperature(nn.Module):
    """Divide logits by a number, 1 until it is fitted."""

    temperature: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, logits: Tensor) -> Tensor:
        return logits / self.temperature


class AvgMaxPool(nn.Module):
    """Global average and max pooling side by side: (B, C, H, W) -> (B, 2C)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)


class ChannelsLastFlatten(nn.Module):
    """(B, C, H, W) -> (B, H W C), in the memory order of channels-last tensors.

    The gradient then comes back channels last, the only format in which the layers before it are fast.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def init_glorot(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases (Glorot & Bengio 2010): Keras' defaults, which the write-ups used."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
