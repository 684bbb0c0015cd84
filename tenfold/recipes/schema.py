"""`Recipe`: everything that decides a training run, as one frozen, typed value that TOML and JSON can hold."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tenfold.html import table
from tenfold.images import SIDE
from tenfold.recipes.networks import (
    CNN,
    CTC,
    MLP,
    Custom,
    DigitNet,
    Fraction,
    Net,
    PlainCNN,
    ResNet,
    Settings,
    normalizes_vectors,
)

BatchSize = Annotated[int, Field(ge=1, le=65_536)]
NegativeFamily = Literal[
    "print", "handwriting", "scripts", "words", "scribbles", "shapes", "scenes", "halves", "pairs", "turned"
]


class Augment(Settings):
    """Random changes of each training image; 0 is off. Geometric ranges are uniform, plus or minus the value."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Degrees."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the size, independently for width and height."""
    translation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the side, independently for x and y."""
    shear: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Degrees."""
    elastic_alpha: Annotated[float, Field(ge=0, le=14)] = 0.0
    """Standard deviation of a smooth displacement field's control points, in pixels."""
    cutout: Annotated[int, Field(ge=0, le=SIDE)] = 0
    """Side of a square that is blanked, in pixels."""
    clean_fraction: Fraction = 0.0
    """Fraction of the training steps, at the end, that see the images unchanged."""

    @property
    def is_geometric(self) -> bool:
        return any((self.rotation, self.zoom, self.translation, self.shear, self.elastic_alpha))

    @property
    def active(self) -> bool:
        return self.is_geometric or self.cutout > 0


class Synthesis(Settings):
    """Training images made from the labeled ones; 0 is off. Three digits in ten stay nearly clean."""

    handwriting: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of other pens, slants, regional shapes and scans."""
    corruption: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Fraction of the other digits and of the negatives that is corrupted."""
    negatives: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Pictures of something else per digit; they train a digitness head."""
    exclude_negatives: tuple[NegativeFamily, ...] = ()
    """Families of such pictures to leave out, to measure how a network does on what it has never seen."""
    outlier_exposure: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Weight of the loss that makes the digits' probabilities of such pictures equal."""

    @property
    def active(self) -> bool:
        return any((self.handwriting, self.corruption, self.negatives))


class Optimizer(Settings):
    """The update rule; muon is for hidden layers and leaves the first and last layer, biases and norms to AdamW."""

    name: Literal["adam", "adamw", "rmsprop", "sgd", "muon"]
    lr: Annotated[float, Field(gt=0)]
    adamw_lr: Annotated[float, Field(ge=0)] = 0.0
    """Of muon's AdamW part; 0: lr."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Not applied to biases, norms and weights that muon updates."""
    betas: tuple[Fraction, Annotated[float, Field(gt=0, lt=1)]] = (0.9, 0.999)
    """Of adam, adamw and muon's AdamW part."""
    momentum: Fraction = 0.9
    """Nesterov momentum of sgd and muon."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Of rmsprop (rho in Keras)."""

    @model_validator(mode="after")
    def check_adamw_lr(self) -> Self:
        if self.adamw_lr and self.name != "muon":
            raise ValueError(f"optimizer.adamw_lr: {self.name} has a single learning rate; set it to 0 or use muon")
        return self


class Constant(Settings):
    """The same learning rate for all steps."""

    kind: Literal["constant"] = "constant"


class Plateau(Settings):
    """Multiply the rate by `factor` once `monitor` has not improved for more than `patience` epochs."""

    kind: Literal["plateau"] = "plateau"
    monitor: Literal["accuracy", "loss"] = "accuracy"
    """On the validation split."""
    patience: Annotated[int, Field(ge=0)] = 3
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    min_lr: Annotated[float, Field(ge=0)] = 0.0


class OneCycle(Settings):
    """Cosine from lr / 25 up to lr, then cosine down to nearly 0."""

    kind: Literal["onecycle"] = "onecycle"
    warmup_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Fraction of all steps on the way up."""


class Linear(Settings):
    """Linear from 0 up to lr, then linear down to 0."""

    kind: Literal["linear"] = "linear"
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of all steps on the way up."""


Schedule = Annotated[Constant | Plateau | OneCycle | Linear, Field(discriminator="kind")]


KINDS: dict[str, dict[str, type[Settings]]] = {
    "net": {"plain_cnn": PlainCNN, "mlp": MLP, "cnn": CNN, "resnet": ResNet, "custom": Custom, "ctc": CTC},
    "schedule": {"constant": Constant, "plateau": Plateau, "onecycle": OneCycle, "linear": Linear},
}


class Variant(Settings):
    """What the members of an ensemble may differ in: the network and how it is trained."""

    net: DigitNet
    augment: Augment = Augment()
    optimizer: Optimizer
    batch_size: BatchSize
    label_smoothing: Fraction = 0.0


class Recipe(Settings):
    """One training run: the same recipe, seed, data, precision and machine give the same weights."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    normalize: Literal["scale", "standardize", "standardize_per_pixel", "l2_columns"] = "scale"
    """Divide by 255; mean 0 and deviation 1 over all pixels; the same per pixel; L2 norm 1 per image column."""
    batch_size: BatchSize
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    validation_split: Annotated[float, Field(ge=0)]
    """Below 1: fraction of the labeled samples; from 1: number of samples; 0: none."""
    checkpoint: Literal["best", "last"] = "last"
    """The weights to keep: those of the best validation accuracy, or the last ones."""
    early_stopping: Annotated[int, Field(ge=0)] = 0
    """Stop after this many epochs without a better validation accuracy; 0: never."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per step of the moving average of the weights; 0 is off."""
    label_smoothing: Fraction = 0.0
    """Fraction of each label's probability that is spread over all digits."""
    distillation_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weight of a teacher's probabilities in the targets; the labels have the rest."""
    ensemble_size: Annotated[int, Field(ge=1, le=100)] = 1
    """Networks, each with its own seed, whose probabilities are averaged."""
    folds: Annotated[int, Field(ge=0, le=100)] = 0
    """Cross-validation: networks that are each trained without one fold of the samples, and averaged; 0: off."""
    variants: tuple[Variant, ...] = ()
    """Other settings for members of the ensemble, taken in turn with the recipe's own."""
    tta: Literal[1, 5] = 1
    """Test-time augmentation, averaging logits: the image alone, or also moved by a pixel to each side."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    net: Net
    augment: Augment = Augment()
    synthesis: Synthesis = Synthesis()
    calibrate: bool = False
    """Fit a temperature on the validation split and store it in the model."""
    int8: bool = False
    """Quantize the exported model to 8 bits: a quarter of the size, and faster."""
    optimizer: Optimizer
    schedule: Schedule = Constant()

    def _repr_html_(self) -> str:
        """For notebooks: all settings that are not the defaults of their group, by their dotted names."""
        return table(["setting", "value"], [[name, str(value)] for name, value in _flatten(self).items()])

    def member(self, index: int) -> "Recipe":
        """The recipe of network number `index`, from 0, of an ensemble or of a cross-validation."""
        config = self.member_configs[index % len(self.member_configs)]
        settings = {name: getattr(config, name) for name in Variant.model_fields}
        return self.model_copy(
            update=settings | {"ensemble_size": 1, "folds": 0, "variants": (), "seed": self.seed + index}
        )

    @property
    def network_count(self) -> int:
        return self.folds or self.ensemble_size

    @property
    def uses_validation(self) -> bool:
        """Whether the validation set decides anything, rather than being measured alone."""
        return bool(self._validated_choices)

    @property
    def _validated_choices(self) -> list[str]:
        chosen_by_validation = {
            "checkpoint = 'best'": self.checkpoint == "best",
            "early_stopping": self.early_stopping > 0,
            "a plateau schedule": self.schedule.kind == "plateau",
            "calibrate": self.calibrate,
        }
        return [name for name, is_set in chosen_by_validation.items() if is_set]

    @property
    def member_configs(self) -> tuple["Recipe | Variant", ...]:
        """The recipe itself and its variants, which the ensemble's members take in turn."""
        return (self, *self.variants)

    @property
    def normalizes_vectors(self) -> bool:
        """Whether a network has batch norm that can't train on a single image."""
        return any(normalizes_vectors(config.net) for config in self.member_configs)

    @model_validator(mode="after")
    def check_line_settings(self) -> Self:
        """What applies to single digits only must not be set for a network that reads lines and silently ignored."""
        if not isinstance(self.net, CTC):
            return self
        other_augment = self.augment.model_copy(update={"zoom": 0.0, "translation": 0.0})
        is_set = {
            "normalize": self.normalize != "scale",
            "label_smoothing": self.label_smoothing > 0,
            "distillation_weight": self.distillation_weight > 0,
            "ensemble_size": self.ensemble_size > 1,
            "folds": self.folds > 0,
            "tta": self.tta > 1,
            "calibrate": self.calibrate,
            "int8": self.int8,
            "synthesis": self.synthesis.active,
            "augment other than zoom and translation": other_augment.active or other_augment.clean_fraction > 0,
            "a plateau schedule": self.schedule.kind == "plateau",
        }
        unusable = [name for name, value in is_set.items() if value]
        if unusable:
            raise ValueError(f"net: a network that reads lines can't be used with {' and '.join(unusable)}")
        return self

    @model_validator(mode="after")
    def check_custom(self) -> Self:
        if isinstance(self.net, Custom) and self.synthesis.negatives:
            raise ValueError("synthesis.negatives: only tenfold's own networks have a digitness head; set it to 0")
        if isinstance(self.net, Custom) and not self.net.factory and self.network_count > 1:
            key = "folds" if self.folds else "ensemble_size"
            raise ValueError(f"{key}: name the network as package.module:factory, to make several of it")
        return self

    @model_validator(mode="after")
    def check_ensemble(self) -> Self:
        if self.ensemble_size > 1 and self.calibrate:
            raise ValueError("calibrate: the networks of an ensemble can't be calibrated; set calibrate to false")
        if self.ensemble_size < len(self.member_configs) > 1:
            raise ValueError(
                f"ensemble_size: expected {len(self.member_configs)} or more, one for the recipe and one for each "
                f"variant, not {self.ensemble_size}"
            )
        return self

    @model_validator(mode="after")
    def check_folds(self) -> Self:
        if self.folds == 1:
            raise ValueError("folds: expected 2 or more, or 0 for no cross-validation, not 1")
        if self.folds and self.ensemble_size > 1:
            raise ValueError("folds: can't be used with ensemble_size; its networks are averaged as an ensemble's are")
        return self

    @model_validator(mode="after")
    def check_batch_size(self) -> Self:
        if any(config.batch_size == 1 and normalizes_vectors(config.net) for config in self.member_configs):
            raise ValueError(
                "batch_size: batch norm on a dense layer or a single pixel needs 2 or more images per step"
            )
        return self

    @model_validator(mode="after")
    def check_validation_split(self) -> Self:
        split = self.validation_split
        if split >= 1 and split != int(split):
            raise ValueError(f"validation_split: {split} is neither a fraction below 1 nor a whole number of samples")
        needs = self._validated_choices
        if split == 0 and needs:
            hint = "; add --set calibrate=false" if needs == ["calibrate"] else ""
            raise ValueError(f"validation_split: 0 can't be used with {' and '.join(needs)}{hint}")
        return self


@dataclass(frozen=True)
class Entry:
    """A named recipe with its origin and results."""

    recipe: Recipe
    source: str  # the write-up, or "tenfold"
    duration: str  # of a training on Kaggle's 42,000 labeled digits with two CPU cores, roughly
    published: str  # the source's own figures; "" for tenfold's recipes
    reproduced: str  # our figures and n; details are in docs/reproduction.md
    description: str  # what the source decides, what we had to choose, which of its mistakes are not repeated


def _flatten(settings: Settings, prefix: str = "") -> dict[str, object]:
    """The settings by dotted names, without those that have their default values."""
    flat: dict[str, object] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            flat |= _flatten(value, f"{prefix}{name}.")
        elif value != field.default or name in ("kind", "name"):
            flat[prefix + name] = value
    return flat
