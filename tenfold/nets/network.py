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
from tenfold.nets.custom import custom_body
from tenfold.nets.layers import NORMALIZERS, Temperature
from tenfold.nets.mlp import mlp
from tenfold.nets.plain_cnn import plain_cnn
from tenfold.nets.resnet import resnet
from tenfold.recipes.networks import CTC, Custom
from tenfold.recipes.schema import Recipe

TTA_SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # pixels, down and right
BUILDERS: dict[str, Callable[[Any, int], nn.Sequential]] = {
    "plain_cnn": plain_cnn,
    "mlp": mlp,
    "cnn": cnn,
    "resnet": resnet,
}


class Network(nn.Module):
    """Raw pixels (B, 28, 28), uint8 or float 0 to 255, to logits (B, 10).

    A body with an eleventh output also has a digitness head: whether the image is a digit at all. With `tta` above 1,
    evaluation averages the logits of the image and of its shifts by a pixel to each side.
    """

    def __init__(self, normalize: nn.Module, body: nn.Sequential, tta: int = 1) -> None:
        super().__init__()
        self.normalize = normalize
        self.body = body
        self.tta = tta

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 28, 28) -> (B, 10)
        return self._outputs(pixels)[:, :CLASSES]

    def forward_heads(self, pixels: Tensor) -> tuple[Tensor, Tensor]:  # (B, 28, 28) -> (B, 10), (B,)
        """The logits of the digits and the logit of digitness."""
        outputs = self._outputs(pixels)
        return outputs[:, :CLASSES], outputs[:, CLASSES]

    @property
    def has_digitness_head(self) -> bool:
        return self.outputs > CLASSES

    @property
    def outputs(self) -> int:
        """10 digits, and 1 for digitness."""
        return self.classifier.out_features

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> None:
        """Divide the logits of the digits by a temperature, inside the last layer."""
        self.classifier.weight[:CLASSES] /= temperature
        self.classifier.bias[:CLASSES] /= temperature

    @property
    def classifier(self) -> nn.Linear:
        """The last layer."""
        layer = self.body[-1]
        assert isinstance(layer, nn.Linear), "tenfold's own digit networks end in a linear layer"
        return layer

    def _outputs(self, pixels: Tensor) -> Tensor:
        images = pixels.unsqueeze(1).float()  # (B, 1, 28, 28)
        if self.tta == 1 or self.training:
            outputs: Tensor = self.body(self.normalize(images))
            return outputs
        outputs = self.body(self.normalize(shift_images(images)))  # (5 B, 10 or 11)
        return outputs.view(len(TTA_SHIFTS), -1, outputs.shape[1]).mean(0)


def shift_images(images: Tensor) -> Tensor:
    """Images (B, 1, H, W) moved by each of `TTA_SHIFTS`, one after the other (5 B, 1, H, W), with a black border."""
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1))
    return torch.cat([padded[:, :, 1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in TTA_SHIFTS])


class CustomNetwork(Network):
    """A network whose body is a module of the user's own and a `Temperature`."""

    @property
    def outputs(self) -> int:
        return CLASSES

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> None:
        layer = self.body[-1]
        assert isinstance(layer, Temperature)
        layer.temperature *= temperature


class LineNetwork(Network):
    """Raw lines (B, 32, W), uint8 or float 0 to 255, to logits (B, W / 2, 11); W a multiple of 4."""

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.body(self.normalize(pixels.unsqueeze(1).float()))
        return logits


class Ensemble(Network):
    """The average of several networks: the logits (B, 10) are the logarithm of their mean probabilities."""

    def __init__(self, members: Sequence[Network]) -> None:
        nn.Module.__init__(self)
        self.members = nn.ModuleList(members)

    def __iter__(self) -> Iterator[Network]:
        return iter(self.members)  # type: ignore[arg-type]

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 28, 28) -> (B, 10)
        return self._mean([member(pixels) for member in self])

    def forward_heads(self, pixels: Tensor) -> tuple[Tensor, Tensor]:  # (B, 28, 28) -> (B, 10), (B,)
        logits, digitness = zip(*(member.forward_heads(pixels) for member in self), strict=True)
        return self._mean(logits), torch.stack(digitness).sigmoid().mean(0).logit()

    @property
    def has_digitness_head(self) -> bool:
        return all(member.has_digitness_head for member in self)

    def _mean(self, logits: Sequence[Tensor]) -> Tensor:
        return torch.stack([each.log_softmax(1) for each in logits]).logsumexp(0) - math.log(len(logits))


def build(recipe: Recipe, images: Tensor | None = None, module: nn.Module | None = None) -> Network:
    """The recipe's network with weights drawn from its seed; an `Ensemble` if it has several.

    images: uint8 (N, 28, 28), the training images that normalization takes its statistics from; None if they will be
    loaded from a checkpoint. module: for a recipe whose network was given in Python; a copy of it is used. Raises
    RecipeError for a network of the user's own that can't be made, or is no network of digits.
    """
    if recipe.network_count > 1:
        return Ensemble([build(recipe.member(index), images) for index in range(recipe.network_count)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        normalize = NORMALIZERS[recipe.normalize](images)
        if isinstance(recipe.net, CTC):
            return LineNetwork(normalize, ctc(recipe.net))
        if isinstance(recipe.net, Custom):
            return CustomNetwork(normalize, custom_body(recipe.net, module), recipe.tta)
        outputs = CLASSES + 1 if recipe.synthesis.negatives else CLASSES
        return Network(normalize, BUILDERS[recipe.net.kind](recipe.net, outputs), recipe.tta)
