"""`Recipe`: everything that decides a training run, as one frozen, typed value that TOML and JSON can hold."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tenfold.images import SIDE

Share = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Sizes = tuple[Size, ...]


class Part(BaseModel):
    """A frozen group of settings; an unknown key is an error, not a silent default.

    What stands below a setting is its comment in TOML.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, allow_inf_nan=False, use_attribute_docstrings=True
    )


class PlainCNN(Part):
    """Plain convolutions with ReLU, max pooling after every `pool_every` of them, then dense layers.

    `kernels` and `padding` hold one entry a convolution; one entry alone stands for all.
    """

    kind: Literal["plain_cnn"] = "plain_cnn"
    filters: Annotated[Sizes, Field(min_length=1)]
    kernels: Annotated[Sizes, Field(min_length=1)]
    padding: Annotated[tuple[Literal["same", "valid"], ...], Field(min_length=1)]
    pool_every: Annotated[int, Field(ge=1)] = 2
    dropout: Share = 0.0
    """After each pooling."""
    dense: Sizes = ()
    dense_dropout: Share = 0.0

    @model_validator(mode="after")
    def fits_28_pixels(self) -> Self:
        for name in ("kernels", "padding"):
            if len(getattr(self, name)) not in (1, len(self.filters)):
                raise ValueError(
                    f"net.{name} has {len(getattr(self, name))} entries: give 1 for all convolutions, "
                    f"or as many as net.filters ({len(self.filters)})"
                )
        side = SIDE
        for i, (_, kernel, padding) in enumerate(self.convolutions(), 1):
            if padding == "same" and kernel % 2 == 0:
                raise ValueError(f"net.kernels: padding 'same' needs an odd kernel, not {kernel}")
            side -= kernel - 1 if padding == "valid" else 0
            side //= 2 if i % self.pool_every == 0 else 1
            if side < 1:
                raise ValueError(f"net.filters: nothing is left of 28x28 pixels after convolution {i}; use fewer")
        return self

    def convolutions(self) -> list[tuple[int, int, str]]:
        """(filters, kernel, padding) of each convolution."""
        n = len(self.filters)
        kernels = self.kernels if len(self.kernels) == n else self.kernels * n
        padding = self.padding if len(self.padding) == n else self.padding * n
        return list(zip(self.filters, kernels, padding, strict=True))


class MLP(Part):
    """Fully connected layers with ReLU on the 784 pixels."""

    kind: Literal["mlp"] = "mlp"
    dense: Sizes
    norm: bool = False
    """Batch norm before each ReLU."""
    dropout: Share = 0.0
    """After each hidden layer."""


class CNN(Part):
    """A 5x5 convolution, then stages of 3x3 convolutions, then dense layers where there are any; a linear one ends it.

    Every convolution is followed by batch norm and ReLU. Before each stage there is a 2x2 max pooling, before the first
    one if `stem_pool` says so; it comes before the norm of the convolution above it, so that norm and ReLU work on a
    quarter of the map.
    """

    kind: Literal["cnn"] = "cnn"
    stem: Size = 32
    """Filters of the first convolution."""
    stem_stride: Annotated[int, Field(ge=1, le=2)] = 1
    stem_padding: Literal["same", "valid"] = "valid"
    stem_pool: bool = True
    filters: Annotated[Sizes, Field(min_length=1, max_length=3)]
    """One entry a stage."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Convolutions in a stage."""
    padding: Literal["same", "valid"] = "same"
    """Of the 3x3 convolutions."""
    head: Literal["avg", "avgmax", "flatten"] = "avg"
    """What the last layer sees of the last map: each filter's mean, its mean and its maximum, or every place of it."""
    dense: Sizes = ()
    """Dense layers, each with batch norm and ReLU, between that and the last layer."""
    dropout: Share = 0.0
    """Before the last layer."""

    @model_validator(mode="after")
    def fits_28_pixels(self) -> Self:
        if self.side() < 2:  # batch norm can't train on one pixel of one image
            raise ValueError("net.filters: nothing is left of 28x28 pixels; use fewer stages, or padding 'same'")
        return self

    def side(self) -> int:
        """The last map's side in pixels."""
        side = (SIDE - (5 if self.stem_padding == "valid" else 1)) // self.stem_stride + 1
        for stage in range(len(self.filters)):
            side //= 2 if stage or self.stem_pool else 1
            side -= 2 * self.depth if self.padding == "valid" else 0
        return side


class CTC(Part):
    """Reads a whole row of digits: convolutions down to one row of features, read out with CTC.

    It learns from rows composed of the labeled digits: an epoch composes `lines` new ones and goes through them
    `passes` times, each time a little changed.
    """

    kind: Literal["ctc"] = "ctc"
    filters: Annotated[Sizes, Field(min_length=4, max_length=4)] = (32, 64, 96, 128)
    context: Size = 160
    """Filters of the layers that look along the row."""
    depth: Annotated[int, Field(ge=0, le=8)] = 3
    """How many of those."""
    lines: Size = 12_288
    passes: Annotated[int, Field(ge=1, le=100)] = 3


Net = Annotated[PlainCNN | MLP | CNN | CTC, Field(discriminator="kind")]


class Augment(Part):
    """Random changes of each training image; 0 is off. The affine ones are drawn uniformly from plus or minus each."""

    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Degrees."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the size, each axis for itself."""
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the side."""
    shear: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Degrees."""
    elastic: Annotated[float, Field(ge=0, le=14)] = 0.0
    """Pixels by which the points of a smooth field move, deviation."""
    cutout: Annotated[int, Field(ge=0, le=SIDE)] = 0
    """Side in pixels of a square that is blanked."""
    clean_fraction: Share = 0.0
    """The last share of the training sees the images as they are."""

    @property
    def moves(self) -> bool:
        return any((self.rotate, self.zoom, self.shift, self.shear, self.elastic))

    @property
    def active(self) -> bool:
        return self.moves or self.cutout > 0


class Synthesis(Part):
    """What is made from the training images beside themselves; 0 is off. Three digits in ten stay nearly clean."""

    hands: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How often pens, slant, national shapes and scans vary."""
    corrupt: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the other digits, and of the negatives, with damage."""
    negatives: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Pictures of no digit for each digit; trains a digitness head."""

    @property
    def active(self) -> bool:
        return any((self.hands, self.corrupt, self.negatives))


class Optimizer(Part):
    """How weights follow gradients; muon is for hidden layers, and brings adamw for the first, the last and norms."""

    name: Literal["adam", "adamw", "rmsprop", "sgd", "muon"]
    lr: Annotated[float, Field(gt=0)]
    rest_lr: Annotated[float, Field(ge=0)] = 0.0
    """Of muon: the rate of what is not hidden; 0: lr."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Not on biases and norms, nor on what muon moves."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Nesterov's of sgd and muon, beta 1 of adam and adamw; rmsprop has no use for it."""
    smoothing: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Of the squared gradient: adam's beta 2, rmsprop's rho."""

    @model_validator(mode="after")
    def has_a_rest(self) -> Self:
        if self.rest_lr and self.name != "muon":
            raise ValueError(
                f"optimizer.rest_lr: {self.name} has one rate for all weights; set 0 here, or muon as name"
            )
        return self


class Constant(Part):
    kind: Literal["constant"] = "constant"


class Plateau(Part):
    """Multiply the rate by `factor` once `monitor` has not improved for more than `patience` epochs."""

    kind: Literal["plateau"] = "plateau"
    monitor: Literal["accuracy", "loss"] = "accuracy"
    """Of the held-out rows."""
    patience: Annotated[int, Field(ge=0)] = 3
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    min_lr: Annotated[float, Field(ge=0)] = 0.0


class OneCycle(Part):
    """Cosine up from lr/25 to lr over the first `warmup` of all steps, cosine down to nearly nothing after."""

    kind: Literal["onecycle"] = "onecycle"
    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.3


class Linear(Part):
    """Straight up from 0 over the first `warmup` of all steps, straight down to 0 after."""

    kind: Literal["linear"] = "linear"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1


Schedule = Annotated[Constant | Plateau | OneCycle | Linear, Field(discriminator="kind")]


KINDS: dict[str, dict[str, type[Part]]] = {
    "net": {"plain_cnn": PlainCNN, "mlp": MLP, "cnn": CNN, "ctc": CTC},
    "schedule": {"constant": Constant, "plateau": Plateau, "onecycle": OneCycle, "linear": Linear},
}


class Variant(Part):
    """What the members of an ensemble may differ in: a network, and how it is taught."""

    net: Annotated[PlainCNN | MLP | CNN, Field(discriminator="kind")]
    augment: Augment = Augment()
    optimizer: Optimizer
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    label_smoothing: Share = 0.0


class Recipe(Part):
    """One training run, decided: two runs of one recipe and seed on one machine give the same weights."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    normalize: Literal["scale", "standardize", "standardize_per_pixel", "l2_columns"] = "scale"
    """Of pixels 0 to 255. scale: by 255; standardize: mean and deviation of all training pixels to 0 and 1;
    standardize_per_pixel: those of each pixel; l2_columns: by 255, then each column of an image by its L2 norm."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    validation_split: Annotated[float, Field(ge=0)]
    """Below 1: share of the labeled rows; from 1: that many rows; 0: none."""
    checkpoint: Literal["best", "last"] = "last"
    """The weights to keep: those of the best held-out accuracy, or the last ones."""
    early_stopping: Annotated[int, Field(ge=0)] = 0
    """Epochs without a better held-out accuracy; 0 never stops early."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay a step of the averaged weights that are kept; 0 is off."""
    label_smoothing: Share = 0.0
    """Share of each label that is spread over all digits."""
    distillation_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How much a teacher's probabilities count, not the labels."""
    ensemble_size: Annotated[int, Field(ge=1, le=100)] = 1
    """Networks, each from a seed of its own, that are averaged."""
    variants: tuple[Variant, ...] = ()
    """Other ways to teach members: they take this recipe's and each of these in turns."""
    tta: Literal[1, 5] = 1
    """Of each image once trained, whose logits are averaged: as it is, a pixel to each side."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    net: Net
    augment: Augment = Augment()
    synthesis: Synthesis = Synthesis()
    calibrate: bool = False
    """Fit a temperature on the held-out rows and make it part of the model."""
    int8: bool = False
    """The model's file computes in 8 bits: a quarter of the size, and quicker."""
    optimizer: Optimizer
    schedule: Schedule = Constant()

    def member(self, k: int) -> "Recipe":
        """The recipe of the ensemble's k-th network, from 0."""
        way = self.ways[k % len(self.ways)]
        taught = {name: getattr(way, name) for name in Variant.model_fields}
        return self.model_copy(update=taught | {"ensemble_size": 1, "variants": (), "seed": self.seed + k})

    @property
    def ways(self) -> tuple["Recipe | Variant", ...]:
        """The ways in which its networks are taught."""
        return (self, *self.variants)

    @property
    def needs_pairs(self) -> bool:
        """Whether a network has batch norm of a dense layer, which can't learn from one image alone."""
        return any(needs_pairs(way.net) for way in self.ways)

    @model_validator(mode="after")
    def means_something_to_rows(self) -> Self:
        """What is for single digits alone must not be set, and silently do nothing, for a network that reads rows."""
        if isinstance(self.net, CTC):
            augment = self.augment.model_copy(update={"zoom": 0.0, "shift": 0.0})
            idle = [
                text
                for text, set_ in (
                    ("normalize", self.normalize != "scale"),
                    ("label_smoothing", self.label_smoothing > 0),
                    ("distillation_weight", self.distillation_weight > 0),
                    ("ensemble_size", self.ensemble_size > 1),
                    ("tta", self.tta > 1),
                    ("calibrate", self.calibrate),
                    ("int8", self.int8),
                    ("synthesis", self.synthesis.active),
                    ("augment but for zoom and shift", augment.active or augment.clean_fraction > 0),
                    ("a plateau schedule", self.schedule.kind == "plateau"),
                )
                if set_
            ]
            if idle:
                raise ValueError(f"net: {' and '.join(idle)} can't be had for a network that reads rows")
        return self

    @model_validator(mode="after")
    def can_be_trained(self) -> Self:
        if self.ensemble_size > 1 and self.calibrate:
            raise ValueError("calibrate: an ensemble's networks can't be calibrated one by one; set one of the two")
        if self.ensemble_size < len(self.ways) > 1:
            raise ValueError(
                f"ensemble_size: each way to teach needs one, so {len(self.ways)} or more, not {self.ensemble_size}"
            )
        if any(way.batch_size == 1 and needs_pairs(way.net) for way in self.ways):
            raise ValueError("batch_size: batch norm of a dense layer can't learn from one image a step; use 2 or more")
        if self.validation_split >= 1 and self.validation_split != int(self.validation_split):
            raise ValueError(
                f"validation_split: {self.validation_split} is neither a share below 1 nor a whole number of rows"
            )
        if self.validation_split == 0:
            needs = [
                text
                for text, needed in (
                    ("checkpoint = 'best'", self.checkpoint == "best"),
                    ("early_stopping", self.early_stopping > 0),
                    ("a plateau schedule", self.schedule.kind == "plateau"),
                    ("calibrate", self.calibrate),
                )
                if needed
            ]
            if needs:
                raise ValueError(
                    f"validation_split: {' and '.join(needs)} cannot work without held-out rows"
                    + ("; add --set calibrate=false" if needs == ["calibrate"] else "")
                )
        return self


def needs_pairs(net: Net) -> bool:
    return bool(net.dense) if isinstance(net, CNN) else isinstance(net, MLP) and net.norm
