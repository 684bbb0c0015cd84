"""From a recipe's `net` to a PyTorch module."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tenfold.images import CLASSES
from tenfold.nets.cnn import cnn
from tenfold.nets.ctc import ctc
from tenfold.nets.mlp import mlp
from tenfold.nets.normalize import NORMALIZERS
from tenfold.nets.plain_cnn import plain_cnn
from tenfold.recipes.networks import CTC
from tenfold.recipes.schema import Recipe

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # pixels, down and right
FAMILIES: dict[str, Callable[[Any, int], nn.Sequential]] = {"plain_cnn": plain_cnn, "mlp": mlp, "cnn": cnn}


class Network(nn.Module):
    """Raw pixels (B, 28, 28), uint8 or float 0 to 255, to logits (B, 10).

    A body with an eleventh output also says how much a picture is a digit at all: `heads` gives both. With several
    `views`, one that is not in training looks at each image as it is and a pixel to each side, and gives mean logits.
    """

    def __init__(self, normalize: nn.Module, body: nn.Sequential, views: int = 1) -> None:
        super().__init__()
        self.normalize = normalize
        self.body = body
        self.views = views

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 28, 28) -> (B, 10)
        return self._outputs(pixels)[:, :CLASSES]

    def heads(self, pixels: Tensor) -> tuple[Tensor, Tensor]:  # (B, 28, 28) -> (B, 10), (B,)
        """The digits' logits and the logit of being a digit."""
        outputs = self._outputs(pixels)
        return outputs[:, :CLASSES], outputs[:, CLASSES]

    @property
    def tells_digits(self) -> bool:
        """Whether there is a digitness head."""
        return self.last.out_features > CLASSES

    @property
    def last(self) -> nn.Linear:
        layer = self.body[-1]
        assert isinstance(layer, nn.Linear), "every family ends in a linear layer"
        return layer

    def _outputs(self, pixels: Tensor) -> Tensor:
        images = pixels.unsqueeze(1).float()  # (B, 1, 28, 28)
        several = self.views > 1 and not self.training
        outputs: Tensor = self.body(self.normalize(shifted(images) if several else images))
        return outputs.view(len(SHIFTS), -1, outputs.shape[1]).mean(0) if several else outputs


def shifted(images: Tensor) -> Tensor:
    """Images (B, 1, H, W) moved by each of `SHIFTS`, one after the other (5 B, 1, H, W); black comes in."""
    height, width = images.shape[2:]
    framed = F.pad(images, (1, 1, 1, 1))
    return torch.cat([framed[:, :, 1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in SHIFTS])


class LineNetwork(Network):
    """Raw strips (B, 32, W), uint8 or float 0 to 255, to logits (B, W / 2, 11); W a multiple of 4."""

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.body(self.normalize(pixels.unsqueeze(1).float()))
        return logits


class Ensemble(Network):
    """Several networks that are heard alike: the logits (B, 10) are the logarithm of their mean probabilities."""

    def __init__(self, members: Sequence[Network]) -> None:
        nn.Module.__init__(self)
        self.members = nn.ModuleList(members)

    def __iter__(self) -> Iterator[Network]:
        return iter(self.members)  # type: ignore[arg-type]

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 28, 28) -> (B, 10)
        return self._mean([member(pixels) for member in self])

    def heads(self, pixels: Tensor) -> tuple[Tensor, Tensor]:  # (B, 28, 28) -> (B, 10), (B,)
        logits, digitness = zip(*(member.heads(pixels) for member in self), strict=True)
        return self._mean(logits), torch.stack(digitness).sigmoid().mean(0).logit()

    @property
    def tells_digits(self) -> bool:
        return all(member.tells_digits for member in self)

    def _mean(self, logits: Sequence[Tensor]) -> Tensor:
        return torch.stack([each.log_softmax(1) for each in logits]).logsumexp(0) - math.log(len(logits))


def build(recipe: Recipe, images: Tensor | None = None) -> Network:
    """The recipe's network with fresh weights from its seed; an `Ensemble` where it has several members.

    images: uint8 (N, 28, 28), the training rows, from which normalization takes its figures; without them the
    normalizer is empty, to be filled from a checkpoint.
    """
    if recipe.ensemble_size > 1:
        return Ensemble([build(recipe.member(k), images) for k in range(recipe.ensemble_size)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        if isinstance(recipe.net, CTC):
            return LineNetwork(NORMALIZERS[recipe.normalize](images), ctc(recipe.net))
        outputs = CLASSES + 1 if recipe.synthesis.negatives else CLASSES
        body = FAMILIES[recipe.net.kind](recipe.net, outputs)
        return Network(NORMALIZERS[recipe.normalize](images), body, recipe.tta)
