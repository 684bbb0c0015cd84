"""The kinds of networks that a recipe's `net` can be."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tenfold.images import SIDE

Fraction = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Sizes = tuple[Size, ...]
Padding = Literal["same", "valid"]


class Settings(BaseModel):
    """A frozen group of settings; an unknown key is an error, not a silent default.

    The first line of a group's docstring and the docstring below a setting are its comments in TOML.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, allow_inf_nan=False, use_attribute_docstrings=True
    )


class PlainCNN(Settings):
    """Convolutions with ReLU, max pooling after every `pool_every` of them, then dense layers."""

    kind: Literal["plain_cnn"] = "plain_cnn"
    filters: Annotated[Sizes, Field(min_length=1)]
    """One entry per convolution."""
    kernel_sizes: Annotated[Sizes, Field(min_length=1)]
    """One entry per convolution, or one for all."""
    padding: Annotated[tuple[Padding, ...], Field(min_length=1)]
    """One entry per convolution, or one for all: same, valid."""
    pool_every: Annotated[int, Field(ge=1)] = 2
    dropout: Fraction = 0.0
    """After each pooling layer."""
    dense: Sizes = ()
    """Units of each hidden dense layer."""
    dense_dropout: Fraction = 0.0
    """After each hidden dense layer."""

    @model_validator(mode="after")
    def check_shapes(self) -> Self:
        for name in ("kernel_sizes", "padding"):
            count = len(getattr(self, name))
            if count not in (1, len(self.filters)):
                raise ValueError(
                    f"net.{name} has {count} entries: give one for all convolutions, "
                    f"or one for each of the {len(self.filters)} in net.filters"
                )
        side = SIDE
        for number, (_, kernel_size, padding) in enumerate(self.convolutions(), 1):
            if padding == "same" and kernel_size % 2 == 0:
                raise ValueError(f"net.kernel_sizes: padding 'same' needs an odd kernel size, not {kernel_size}")
            side -= kernel_size - 1 if padding == "valid" else 0
            side //= 2 if number % self.pool_every == 0 else 1
            if side < 1:
                raise ValueError(
                    f"net.filters: nothing is left of the 28x28 pixels after convolution {number}; "
                    "use fewer convolutions or padding 'same'"
                )
        return self

    def convolutions(self) -> list[tuple[int, int, str]]:
        """(filters, kernel size, padding) of each convolution."""
        n = len(self.filters)
        kernel_sizes = self.kernel_sizes if len(self.kernel_sizes) == n else self.kernel_sizes * n
        padding = self.padding if len(self.padding) == n else self.padding * n
        return list(zip(self.filters, kernel_sizes, padding, strict=True))


class MLP(Settings):
    """Fully connected layers with ReLU on the 784 pixels."""

    kind: Literal["mlp"] = "mlp"
    dense: Sizes
    """Units of each hidden layer."""
    batch_norm: bool = False
    """Before each ReLU."""
    dropout: Fraction = 0.0
    """After each hidden layer."""


class CNN(Settings):
    """A 5x5 convolution, stages of 3x3 convolutions with batch norm and ReLU, optional dense layers, a linear layer.

    Each stage begins with 2x2 max pooling, the first one if `stem_pool` is set. Pooling comes before the batch norm of
    the convolution above it, so that batch norm and ReLU work on a quarter of the feature map.
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
    head: Literal["avg", "avgmax", "flatten"] = "avg"
    """Global average pooling, average and max pooling side by side, or all pixels of the last feature map."""
    dense: Sizes = ()
    """Units of each hidden dense layer; each has batch norm and ReLU."""
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
        side = (SIDE - (5 if self.stem_padding == "valid" else 1)) // self.stem_stride + 1
        for stage in range(len(self.filters)):
            side //= 2 if stage or self.stem_pool else 1
            side -= 2 * self.depth if self.padding == "valid" else 0
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


Net = Annotated[PlainCNN | MLP | CNN | CTC, Field(discriminator="kind")]


def has_dense_batch_norm(net: Net) -> bool:
    return bool(net.dense) if isinstance(net, CNN) else isinstance(net, MLP) and net.batch_norm
