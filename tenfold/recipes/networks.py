"""The kinds of networks that a recipe's `net` can be."""

import re
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tenfold.images import SIDE

Fraction = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Sizes = tuple[Size, ...]
Padding = Literal["same", "valid"]
Head = Literal["avg", "avgmax", "flatten"]
Stride = Annotated[int, Field(ge=1, le=SIDE)]
Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]


class Settings(BaseModel):
    """A frozen group of settings; an unknown key is an error, not a silent default.

    The first line of a group's docstring and the docstring below a setting are its comments in TOML.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def wrap_single_values(cls, values: Any) -> Any:
        """A list of one setting may be written without brackets: dense = 512."""
        if not isinstance(values, dict):
            return values
        lists = {name for name, field in cls.model_fields.items() if get_args(field.annotation)[-1:] == (...,)}
        return {
            name: (value,) if name in lists and isinstance(value, int | float | str) else value
            for name, value in values.items()
        }


class Convolution(NamedTuple):
    """One convolution of a plain CNN."""

    filters: int
    kernel_size: int
    padding: int  # pixels on each side
    stride: int
    ends_block: bool  # whether pooling and dropout follow
    side: int  # of the feature map after it and its pooling, in pixels


class PlainCNN(Settings):
    """Convolutions, pooling after every `pool_every` of them, then dense layers."""

    kind: Literal["plain_cnn"] = "plain_cnn"
    filters: Annotated[Sizes, Field(min_length=1)]
    """One entry per convolution."""
    kernel_sizes: Annotated[Sizes, Field(min_length=1)]
    """One entry per convolution, or one for all."""
    padding: Annotated[tuple[Padding, ...], Field(min_length=1)]
    """One entry per convolution, or one for all: same, valid."""
    strides: Annotated[tuple[Stride, ...], Field(min_length=1)] = (1,)
    """One entry per convolution, or one for all."""
    activation: Activation = "relu"
    """After each convolution and each hidden dense layer."""
    batch_norm: bool = False
    """Between each convolution or hidden dense layer and its activation."""
    pooling: Literal["max", "avg", "none"] = "max"
    """Of 2x2 pixels."""
    pool_every: Annotated[int, Field(ge=1)] = 2
    """Convolutions up to each pooling layer."""
    dropout: Fraction = 0.0
    """After every `pool_every` convolutions, behind the pooling layer if there is one."""
    dense: Sizes = ()
    """Units of each hidden dense layer."""
    dense_dropout: Fraction = 0.0
    """After each hidden dense layer."""

    @model_validator(mode="after")
    def check_shapes(self) -> Self:
        for name in ("kernel_sizes", "padding", "strides"):
            count = len(getattr(self, name))
            if count not in (1, len(self.filters)):
                raise ValueError(
                    f"net.{name} has {count} entries: give one for all convolutions, "
                    f"or one for each of the {len(self.filters)} in net.filters"
                )
        for kernel_size, padding in zip(
            self._per_convolution("kernel_sizes"), self._per_convolution("padding"), strict=True
        ):
            if padding == "same" and kernel_size % 2 == 0:
                raise ValueError(f"net.kernel_sizes: padding 'same' needs an odd kernel size, not {kernel_size}")
        for number, convolution in enumerate(self.convolutions(), 1):
            if convolution.side < 1:
                raise ValueError(
                    f"net.filters: nothing is left of the 28x28 pixels after convolution {number}; "
                    "use fewer convolutions, smaller strides or padding 'same'"
                )
        return self

    def convolutions(self) -> list[Convolution]:
        """The convolutions with what follows from their settings."""
        settings = [self._per_convolution(name) for name in ("filters", "kernel_sizes", "padding", "strides")]
        found, side = [], SIDE
        for number, (filters, kernel_size, padding, stride) in enumerate(zip(*settings, strict=True), 1):
            margin = kernel_size // 2 if padding == "same" else 0
            side = (side + 2 * margin - kernel_size) // stride + 1
            ends_block = number % self.pool_every == 0
            side //= 2 if ends_block and self.pooling != "none" else 1
            found.append(Convolution(filters, kernel_size, margin, stride, ends_block, side))
        return found

    def _per_convolution(self, name: str) -> tuple[Any, ...]:
        values: tuple[Any, ...] = getattr(self, name)
        return values if len(values) == len(self.filters) else values * len(self.filters)


class MLP(Settings):
    """Fully connected layers on the 784 pixels."""

    kind: Literal["mlp"] = "mlp"
    dense: Sizes
    """Units of each hidden dense layer."""
    activation: Activation = "relu"
    """After each hidden dense layer."""
    batch_norm: bool = False
    """Between each hidden dense layer and its activation."""
    dense_dropout: Fraction = 0.0
    """After each hidden dense layer."""


def stem_side(padding: Padding, stride: int) -> int:
    """The side of the feature map after a 5x5 convolution of the image, in pixels."""
    return (SIDE - (5 if padding == "valid" else 1)) // stride + 1


class CNN(Settings):
    """A 5x5 convolution, stages of 3x3 convolutions with batch norm, optional dense layers, a linear layer.

    Each stage begins with 2x2 max pooling, the first one if `stem_pool` is set. Pooling comes before the batch norm of
    the convolution above it, so that batch norm and activation work on a quarter of the feature map.
    """

    kind: Literal["cnn"] = "cnn"
    stem_filters: Size = 32
    """Of the 5x5 convolution."""
    stem_stride: Annotated[int, Field(ge=1, le=2)] = 1
    stem_padding: Padding = "valid"
    stem_pool: bool = True
    """2x2 max pooling after the 5x5 convolution."""
    filters: Annotated[Sizes, Field(min_length=1, max_length=3)]
    """One entry per stage."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Convolutions per stage."""
    padding: Padding = "same"
    """Of the 3x3 convolutions."""
    head: Head = "avg"
    """Global average pooling, average and max pooling side by side, or all pixels of the last feature map."""
    dense: Sizes = ()
    """Units of each hidden dense layer; each has batch norm."""
    activation: Activation = "relu"
    """After each convolution and each hidden dense layer."""
    dropout: Fraction = 0.0
    """Before the last layer."""

    @model_validator(mode="after")
    def check_shapes(self) -> Self:
        if self.final_side() < 2:  # batch norm can't train on one pixel of one image
            raise ValueError(
                "net.filters: less than 2x2 pixels are left of the 28x28; use fewer stages or padding 'same'"
            )
        return self

    def final_side(self) -> int:
        """The side of the last feature map in pixels."""
        side = stem_side(self.stem_padding, self.stem_stride)
        for stage in range(len(self.filters)):
            side //= 2 if stage or self.stem_pool else 1
            side -= 2 * self.depth if self.padding == "valid" else 0
        return side


class ResNet(Settings):
    """A 5x5 convolution, stages of residual blocks with batch norm, a linear layer (He et al. 2015, arXiv:1512.03385).

    A block is two 3x3 convolutions whose output is added to the block's input. Each stage begins with 2x2 max pooling,
    the first one if `stem_pool` is set.
    """

    kind: Literal["resnet"] = "resnet"
    stem_filters: Size = 32
    """Of the 5x5 convolution."""
    stem_stride: Annotated[int, Field(ge=1, le=2)] = 2
    stem_padding: Padding = "same"
    stem_pool: bool = False
    """2x2 max pooling after the 5x5 convolution."""
    filters: Annotated[Sizes, Field(min_length=1, max_length=4)]
    """One entry per stage."""
    depth: Annotated[int, Field(ge=1, le=32)] = 1
    """Residual blocks per stage."""
    activation: Activation = "relu"
    """After the first convolution of each block, and after its sum."""
    head: Head = "avgmax"
    """Global average pooling, average and max pooling side by side, or all pixels of the last feature map."""
    dropout: Fraction = 0.0
    """Before the last layer."""

    @model_validator(mode="after")
    def check_shapes(self) -> Self:
        if self.final_side() < 2:  # batch norm can't train on one pixel of one image
            raise ValueError("net.filters: less than 2x2 pixels are left of the 28x28; use fewer stages")
        return self

    def final_side(self) -> int:
        """The side of the last feature map in pixels."""
        side = stem_side(self.stem_padding, self.stem_stride)
        for _ in self.filters if self.stem_pool else self.filters[1:]:
            side //= 2
        return side


class CTC(Settings):
    """Reads a line of digits: convolutions down to one feature vector every four columns, decoded with CTC.

    It learns from lines composed of the labeled digits.
    """

    kind: Literal["ctc"] = "ctc"
    filters: Annotated[Sizes, Field(min_length=4, max_length=4)] = (32, 64, 96, 128)
    context_filters: Size = 160
    """Of the layers that look along the line."""
    context_layers: Annotated[int, Field(ge=0, le=8)] = 3
    lines_per_epoch: Size = 12_288
    """New lines composed for each epoch."""
    passes_per_epoch: Annotated[int, Field(ge=1, le=100)] = 3
    """How often an epoch trains on each of its lines, augmented anew every time."""


class Custom(Settings):
    """A network of your own, a PyTorch module from normalized images float (B, 1, 28, 28) to logits (B, 10)."""

    kind: Literal["custom"] = "custom"
    factory: str = ""
    """package.module:factory, called without arguments to get the module; empty: the module was given in Python."""

    @model_validator(mode="after")
    def check_factory(self) -> Self:
        if self.factory and not re.fullmatch(r"[\w.]+:[\w.]+", self.factory):
            raise ValueError(f"net.factory: expected package.module:factory, such as nets:make, not {self.factory!r}")
        return self


DigitNet = Annotated[PlainCNN | MLP | CNN | ResNet, Field(discriminator="kind")]
Net = Annotated[PlainCNN | MLP | CNN | ResNet | Custom | CTC, Field(discriminator="kind")]


def normalizes_vectors(net: Net) -> bool:
    """Whether batch norm follows a dense layer or a map of one pixel, where it can't train on a single image."""
    if isinstance(net, PlainCNN):
        return net.batch_norm and (bool(net.dense) or any(layer.side < 2 for layer in net.convolutions()))
    return bool(net.dense) if isinstance(net, CNN) else isinstance(net, MLP) and net.batch_norm
