"""Dropout whose mask costs little on a CPU."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """As nn.Dropout, from 16 random bits an element.

    PyTorch draws one Bernoulli number after another on a CPU, which takes a fifth of the time of a training step of
    these networks; one 64-bit draw serves four elements. The rate is exact to 1/65536.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu" or not _dense(x):
            return nn.functional.dropout(x, self.rate)
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        # In x's own order of memory (channels last, or not): mixed orders make the product slower.
        bits = words.view(torch.int16)[: x.numel()].as_strided(x.shape, x.stride())
        kept = bits >= min(round(self.rate * 65536), 65535) - 32768
        return x * kept.to(x.dtype).mul_(1 / (1 - self.rate))

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def _dense(x: Tensor) -> bool:
    """Whether x fills its memory without gaps, in whichever order."""
    return x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)


def dropout(rate: float) -> list[nn.Module]:
    """A dropout layer to put into a list of layers; no layer where nothing is dropped."""
    return [Dropout(rate)] if rate else []
