"""`DigitTask`: to learn single digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tenfold import __version__
from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding
from tenfold.errors import DataError
from tenfold.export.onnx import export
from tenfold.export.quantize import quantize
from tenfold.export.temperature import calibrate
from tenfold.images import CLASSES, SIDE
from tenfold.model import Model
from tenfold.nets import Network, build
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.synthesis.augment import augment_images
from tenfold.synthesis.batch import Synthesizer
from tenfold.training.artifacts import DigitEvaluation, evaluate_digits, write_digit_artifacts
from tenfold.training.callbacks import Callback
from tenfold.training.checkpoint import save_weights
from tenfold.training.device import autocast, select_precision
from tenfold.training.loop import fit
from tenfold.training.randomness import epoch_order
from tenfold.training.state import TrainState
from tenfold.training.task import Batch, FitResult, StepResult
from tenfold.training.teacher import Teacher, teacher_probabilities

VALIDATION_BATCH = 1000
AUGMENTED, CLEAN = "augmented", "clean"  # kinds of batches


class DigitModel:
    """Export and evaluation of a digit model, whether one network or an ensemble."""

    recipe: Recipe
    train_set: Dataset
    val_set: Dataset | None
    device: torch.device

    def export(self, network: Network, run: Run) -> None:
        if self.recipe.calibrate and self.val_set:
            calibrate(network, self.val_set)
        save_weights(run.weights, network.state_dict())
        export(network, run.model, {"tenfold": __version__, "recipe": self.recipe.model_dump_json()})
        if self.recipe.int8:
            quantize(run.model, self.train_set.images)

    def write_artifacts(
        self, run: Run, result: FitResult, unlabeled: Dataset | None, findings: Sequence[Finding] = ()
    ) -> dict[str, Any]:
        evaluation = self.evaluate(run, result)
        return write_digit_artifacts(
            self.recipe, result, self.train_set, evaluation, run, self.device, unlabeled, findings
        )

    def evaluate(self, run: Run, result: FitResult) -> DigitEvaluation | None:
        """The run's model.onnx on the validation set; None without one."""
        return evaluate_digits(run, self.val_set) if self.val_set else None


class DigitTask(DigitModel):
    """One network that reads single digits, augmented and mixed with other pictures as the recipe says.

    module: for a recipe whose network was given in Python. Raises DataError for too few samples.
    """

    max_grad_norm: float | None = None

    def __init__(
        self,
        recipe: Recipe,
        train_set: Dataset,
        val_set: Dataset | None,
        device: torch.device,
        teacher: Teacher | None = None,
        name: str = "",
        module: nn.Module | None = None,
    ) -> None:
        check_sample_count(recipe, train_set)
        self.recipe, self.train_set, self.val_set, self.device, self.name = recipe, train_set, val_set, device, name
        self.module = module
        self.samples_per_epoch = len(train_set)
        if isinstance(teacher, Network):
            teacher = teacher.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.teacher = teacher
        self.images = torch.tensor(train_set.images, device=device)  # (N, 28, 28)
        self.labels = torch.tensor(train_set.labels, dtype=torch.int64, device=device)  # (N,)
        synthesis = recipe.synthesis
        self.synthesizer = Synthesizer(synthesis, self.images, self.labels, recipe.seed) if synthesis.active else None

    def select_precisions(self, precision: str) -> list[str]:
        return [select_digit_precision(precision, self.recipe, self.train_set, self.device, self.module)]

    def fit(self, run: Run, precisions: Sequence[str], callbacks: Sequence[Callback] = ()) -> FitResult:
        state = TrainState.resume_or_create(self.recipe, self.images, run, precisions[0], self.name, self.module)
        return fit(self, state, callbacks)

    def begin_epoch(self, epoch: int) -> int:
        order = epoch_order(self.recipe.seed, epoch, len(self.images)).to(self.device)
        self.batches = split_batches(order, self.recipe.batch_size)
        return len(self.batches)

    def batch(self, state: TrainState) -> Batch:
        recipe, steps, indices = self.recipe, state.steps_per_epoch, self.batches[state.step]
        first_clean_step = recipe.epochs * steps * (1 - recipe.augment.clean_fraction)
        is_augmented = state.epoch * steps + state.step < first_clean_step
        # An ONNX teacher runs on the CPU, and the synthesizer draws there.
        # A module of the user's own may do anything.
        on_device = not isinstance(self.teacher, Model) and not self.synthesizer and recipe.net.kind != "custom"
        capturable = on_device and len(indices) == recipe.batch_size
        return Batch(indices, AUGMENTED if is_augmented else CLEAN, capturable)

    def step(self, network: Network, batch: Batch, precision: str) -> StepResult:
        recipe = self.recipe
        labels = self.labels[batch.indices]  # (B,)
        pixels = self.images[batch.indices].float()  # (B, 28, 28)
        if batch.kind == AUGMENTED:
            pixels = augment_images(pixels, recipe.augment)
        target = smooth_labels(labels, recipe.label_smoothing)  # (B, 10)
        if self.teacher:  # sees the same augmented images as its student (Hinton et al. 2015; Beyer et al. 2022)
            distilled = teacher_probabilities(self.teacher, pixels, precision)
            target = torch.lerp(target, distilled, recipe.distillation_weight)
        if self.synthesizer:
            pixels = self.synthesizer.make_batch(pixels, labels)  # (B + M, 28, 28): the digits, then pictures of none
        with autocast(self.device, precision):
            logits, loss = digit_loss(network, pixels, target, recipe.synthesis.outlier_exposure)
        return StepResult(loss, (logits.detach().argmax(1) == labels).sum())

    def validate(self, network: Network, state: TrainState) -> tuple[float, float] | None:
        return validate(network, self.val_set, self.device, state.precision) if self.val_set else None


def check_sample_count(recipe: Recipe, train_set: Dataset) -> None:
    """Raise DataError for a single sample if batch norm needs two."""
    if len(train_set) < 2 and recipe.normalizes_vectors:
        raise DataError(f"{train_set.source}: one sample is not enough to train this network's batch norm")


def select_digit_precision(
    precision: str, recipe: Recipe, train_set: Dataset, device: torch.device, module: nn.Module | None = None
) -> str:
    """As `select_precision`, for the network and the batches of a digit recipe."""
    batch_size = min(recipe.batch_size, len(train_set))  # a batch larger than the data may not even fit into memory

    def make_network() -> Network:
        network = build(recipe, torch.tensor(train_set.images[:batch_size]), module).to(device)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    return select_precision(precision, make_network, (batch_size, SIDE, SIDE), device)


def split_batches(order: Tensor, size: int) -> list[Tensor]:
    """`order` in batches of `size`, the last one smaller; a single leftover joins the batch before it.

    Batch norm can't train on one image.
    """
    batches = list(torch.split(order, size))
    if size > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def smooth_labels(labels: Tensor, smoothing: float) -> Tensor:
    """Labels (B,) as probabilities (B, 10), of which `smoothing` is spread evenly over all classes."""
    return F.one_hot(labels, CLASSES).float() * (1 - smoothing) + smoothing / CLASSES


def digit_loss(
    network: Network, pixels: Tensor, target: Tensor, outlier_exposure: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The logits (B, 10) of the digits, and the loss of a step.

    pixels: (B + M, 28, 28): B digits with probabilities `target` (B, 10), then M other pictures. If the network has a
    digitness head, its binary cross entropy has the same weight as that of the digits. outlier_exposure: the weight of
    the cross entropy of the other pictures to equal probabilities (Hendrycks et al. 2019).
    """
    count = len(target)
    if not network.has_digitness_head:
        logits = network(pixels).float()
        return logits, F.cross_entropy(logits, target)
    logits, digitness = (head.float() for head in network.forward_heads(pixels))
    is_digit = (torch.arange(len(pixels), device=pixels.device) < count).float()
    loss = F.cross_entropy(logits[:count], target)
    loss = loss + F.binary_cross_entropy_with_logits(digitness, is_digit)
    if outlier_exposure:
        loss = loss - outlier_exposure * logits[count:].log_softmax(1).mean()
    return logits[:count], loss


@torch.no_grad()
def validate(network: Network, data: Dataset, device: torch.device, precision: str) -> tuple[float, float]:
    """(mean cross entropy, accuracy) on labeled images, not augmented."""
    assert data.labels is not None, "a validation set comes from labeled samples"
    network.eval()
    loss, correct = 0.0, 0
    for start in range(0, len(data), VALIDATION_BATCH):
        batch = slice(start, start + VALIDATION_BATCH)
        target = torch.tensor(data.labels[batch], dtype=torch.int64, device=device)
        with autocast(device, precision):
            logits: Tensor = network(torch.tensor(data.images[batch], device=device)).float()
        loss += F.cross_entropy(logits, target, reduction="sum").item()
        correct += int((logits.argmax(1) == target).sum().item())
    return loss / len(data), correct / len(data)
