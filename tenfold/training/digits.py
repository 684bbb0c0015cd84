"""The task of learning single digits: each step's images, targets and loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.data.dataset import Dataset
from tenfold.errors import DataError
from tenfold.images import CLASSES, SIDE
from tenfold.model import Model
from tenfold.nets import Network
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.synthesis.augment import augment_images
from tenfold.synthesis.batch import Synthesizer
from tenfold.training.cuda_graph import Batch
from tenfold.training.device import autocast, choose_precision
from tenfold.training.loop import Fitted, Step, Watcher, begun, learn
from tenfold.training.randomness import epoch_order
from tenfold.training.state import Learner, State
from tenfold.training.teacher import Teacher, probabilities

SCORING_BATCH = 1000
AUGMENTED, CLEAN = "augmented", "clean"  # kinds of batches


def fit(
    recipe: Recipe,
    train: Dataset,
    held_out: Dataset | None,
    run: Run,
    device: torch.device,
    watcher: Watcher,
    teacher: Teacher | None = None,
) -> Fitted:
    """Train as `recipe` says, from the run's checkpoint where there is one; `learn` says what it leaves in `run`.

    Raises DataError for too few rows, RunError for a checkpoint of another recipe, TenfoldError where the training
    diverges.
    """
    digits = Digits(recipe, train, held_out, device, teacher)
    learner = begun(recipe, digits.images, run)
    state = learner.state
    state.precision = state.precision or _precision(learner.network, recipe, len(train), device)
    return learn(recipe, learner, digits, run, watcher, shown_an_epoch=len(train))


def check_row_count(recipe: Recipe, train: Dataset) -> None:
    """Raises DataError for a single row where batch norm needs two."""
    if len(train) < 2 and recipe.has_dense_batch_norm:
        raise DataError(f"{train.source}: one row is too few to train on with batch norm of a dense layer")


def precision_here(recipe: Recipe, train: Dataset, device: torch.device) -> str:
    """The number format that `fit` would choose for a new training."""
    return _precision(Learner(recipe, torch.tensor(train.images, device=device)).network, recipe, len(train), device)


def _precision(network: Network, recipe: Recipe, rows: int, device: torch.device) -> str:
    # A batch larger than the data may not even fit into memory.
    return choose_precision(network, recipe, (min(recipe.batch_size, rows), SIDE, SIDE), device)


class Digits:
    """The task: digits in each epoch's order, augmented as the recipe says, with pictures of no digit."""

    largest_gradient = None

    def __init__(
        self, recipe: Recipe, train: Dataset, held_out: Dataset | None, device: torch.device, teacher: Teacher | None
    ) -> None:
        check_row_count(recipe, train)
        self.recipe, self.held_out = recipe, held_out
        if isinstance(teacher, Network):
            teacher = teacher.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.teacher = teacher
        self.images = torch.tensor(train.images, device=device)  # (N, 28, 28)
        self.labels = torch.tensor(train.labels, dtype=torch.int64, device=device)  # (N,)
        made = recipe.synthesis.active
        self.synthesizer = Synthesizer(recipe.synthesis, self.images, self.labels, recipe.seed) if made else None

    def begin(self, epoch: int) -> int:
        order = epoch_order(self.recipe.seed, epoch, len(self.images)).to(self.images.device)
        self.batches = parts(order, self.recipe.batch_size)
        return len(self.batches)

    def batch(self, state: State, steps: int) -> Batch:
        recipe, rows = self.recipe, self.batches[state.step]
        changed = state.epoch * steps + state.step < recipe.epochs * steps * (1 - recipe.augment.clean_fraction)
        # An ONNX teacher runs on the CPU, and the synthesizer draws there.
        repeats = len(rows) == recipe.batch_size and not isinstance(self.teacher, Model) and not self.synthesizer
        return Batch(rows, AUGMENTED if changed else CLEAN, repeats)

    def step(self, network: Network, batch: Batch, precision: str) -> Step:
        recipe = self.recipe
        answers = self.labels[batch.rows]  # (B,)
        pixels = self.images[batch.rows].float()  # (B, 28, 28)
        if batch.kind == AUGMENTED:
            pixels = augment_images(pixels, recipe.augment)
        target = smoothed(answers, recipe.label_smoothing)  # (B, 10)
        if self.teacher:  # sees the same changed images as its student (Hinton et al. 2015; Beyer et al. 2022)
            target = torch.lerp(target, probabilities(self.teacher, pixels, precision), recipe.distillation_weight)
        if self.synthesizer:
            pixels = self.synthesizer.make_batch(pixels, answers)  # (B + M, 28, 28): the digits, then pictures of none
        with autocast(self.images.device, precision):
            logits, loss = losses(network, pixels, target)
        return Step(loss, (logits.detach().argmax(1) == answers).sum())

    def score(self, network: Network, state: State) -> tuple[float, float] | None:
        return score(network, self.held_out, self.images.device, state.precision) if self.held_out else None


def parts(order: Tensor, size: int) -> list[Tensor]:
    """`order` in parts of `size`, the last smaller; one image alone, of which batch norm can't learn, joins a part."""
    batches = list(torch.split(order, size))
    if size > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def smoothed(answers: Tensor, smoothing: float) -> Tensor:
    """Labels (B,) as probabilities (B, 10), of which a share is spread over all classes."""
    return F.one_hot(answers, CLASSES).float() * (1 - smoothing) + smoothing / CLASSES


def losses(network: Network, pixels: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The digits' logits (B, 10) and the loss of a step.

    pixels: (B + M, 28, 28), of which the first B are digits, to be read as `target` (B, 10) says. Where the network
    tells digits from other things, being wrong about that counts as much as taking one digit for another.
    """
    digits = len(target)
    if not network.has_digitness_head:
        logits = network(pixels).float()
        return logits, F.cross_entropy(logits, target)
    logits, digitness = (head.float() for head in network.forward_heads(pixels))
    is_digit = (torch.arange(len(pixels), device=pixels.device) < digits).float()
    loss = F.cross_entropy(logits[:digits], target)
    return logits[:digits], loss + F.binary_cross_entropy_with_logits(digitness, is_digit)


@torch.no_grad()
def score(network: Network, data: Dataset, device: torch.device, precision: str) -> tuple[float, float]:
    """(mean cross entropy, accuracy) on labeled images as they are."""
    assert data.labels is not None, "held-out rows come from labeled ones"
    network.eval()
    loss, correct = 0.0, 0
    for start in range(0, len(data), SCORING_BATCH):
        batch = slice(start, start + SCORING_BATCH)
        target = torch.tensor(data.labels[batch], dtype=torch.int64, device=device)
        with autocast(device, precision):
            logits: Tensor = network(torch.tensor(data.images[batch], device=device)).float()
        loss += F.cross_entropy(logits, target, reduction="sum").item()
        correct += int((logits.argmax(1) == target).sum().item())
    return loss / len(data), correct / len(data)
