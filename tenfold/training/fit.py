"""The training loop, read from top to bottom."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from tenfold.data.dataset import CLASSES, Dataset
from tenfold.errors import TenfoldError
from tenfold.nets import Network
from tenfold.recipes.schema import Plateau, Recipe
from tenfold.run import Run
from tenfold.synthesis.mixture import Mixture
from tenfold.training import checkpoint
from tenfold.training.augment import augmented
from tenfold.training.device import autocast, choose_precision, denormals_flushed
from tenfold.training.learner import Learner, State
from tenfold.training.optim import after_plateau, scheduled
from tenfold.training.randomness import epoch_order, seed_step

CHECKPOINT_SECONDS = 30.0  # also within an epoch: the most work that a kill can cost
SCORING_BATCH = 1000


Teacher = Callable[[Tensor], Tensor]  # pixels (B, 28, 28), 0 to 255, to probabilities (B, 10)


class Watcher(Protocol):
    """Who is told how a training goes, and may end it after any step."""

    def step(self, state: State, steps: int) -> None: ...
    def epoch(self, state: State) -> None: ...
    def stop(self) -> bool: ...


@dataclass(frozen=True)
class Fitted:
    network: Network  # with the weights that the recipe keeps, on the CPU, in evaluation mode
    state: State
    images: int  # that it was trained on, in all
    finished: bool  # False: stopped before the recipe's end; the checkpoint goes on from here


@denormals_flushed()
def fit(
    recipe: Recipe,
    train: Dataset,
    held_out: Dataset | None,
    run: Run,
    device: torch.device,
    watcher: Watcher,
    teacher: Teacher | None = None,
) -> Fitted:
    """Train as `recipe` says, from the run's checkpoint where there is one.

    run: gets history.csv, and in its checkpoints last.safetensors (after every epoch and every 30 s) and
    best.safetensors (the weights of the epoch with the best held-out accuracy). Raises RunError for a checkpoint of
    another recipe, TenfoldError where the training diverges.
    """
    images = torch.tensor(train.images, device=device)  # (N, 28, 28)
    labels = torch.tensor(train.labels, dtype=torch.int64, device=device)  # (N,)
    mixture = Mixture(recipe.synthesis, images, labels, recipe.seed) if recipe.synthesis.active else None
    learner = Learner(recipe, images)
    last, best = run.checkpoints / "last.safetensors", run.checkpoints / "best.safetensors"
    if last.exists():
        learner.restore(last)
    state = learner.state
    state.precision = state.precision or choose_precision(learner.network, recipe, len(images), device)

    while not done(recipe, state):
        whole = train_epoch(recipe, learner, images, labels, mixture, run, watcher, teacher)
        refuse_divergence(recipe, learner)
        if not whole:
            break
        began = time.monotonic()
        row = training_figures(recipe, learner)
        if held_out:
            row |= held_out_figures(recipe, learner, held_out, run)
            refuse_divergence(recipe, learner, row.values())
        state.epoch += 1
        state.seconds += time.monotonic() - began
        state.history.append(row | {"seconds": state.seconds})
        learner.begin_epoch()
        learner.save(last)
        run.write_history(state.history)
        watcher.epoch(state)

    run.write_history(state.history)  # a kill may have come between the last checkpoint and its line
    network = learner.scored().cpu().eval()
    if recipe.keep == "best" and state.best_epoch:
        network.load_state_dict(checkpoint.load_weights(best))
    return Fitted(network, state, state.epoch * len(images) + state.images, done(recipe, state))


def done(recipe: Recipe, state: State) -> bool:
    stopped_early = bool(recipe.early_stop) and state.epoch - state.best_epoch >= recipe.early_stop
    return state.epoch >= recipe.epochs or stopped_early


def train_epoch(
    recipe: Recipe,
    learner: Learner,
    images: Tensor,
    labels: Tensor,
    mixture: Mixture | None,
    run: Run,
    watcher: Watcher,
    teacher: Teacher | None = None,
) -> bool:
    """The rest of the present epoch; False if the watcher ended it before, with a checkpoint saved."""
    network, optimiser, state = learner.network, learner.optimiser, learner.state
    steps = -(-len(images) // recipe.batch)  # the last batch may be smaller
    order = epoch_order(recipe.seed, state.epoch, len(images)).to(images.device)
    network.train()
    before, began = state.seconds, time.monotonic()
    saved = began
    while state.step < steps:
        seed_step(recipe.seed, state.epoch, state.step, images.device)
        rows = order[state.step * recipe.batch : (state.step + 1) * recipe.batch]
        answers = labels[rows]  # (B,)
        pixels = images[rows].float()  # (B, 28, 28)
        if state.epoch * steps + state.step < recipe.epochs * steps * (1 - recipe.augment.clean):
            pixels = augmented(pixels, recipe.augment)
        target = softened(answers, pixels, recipe, teacher)  # (B, 10)
        if mixture:
            pixels = mixture.batch(pixels, answers)  # (B + M, 28, 28): the digits, then pictures of none
        with autocast(images.device, state.precision):
            logits, loss = losses(network, pixels, target)

        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, state, state.step, steps)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if learner.average:
            learner.average.update(network, state.epoch * steps + state.step)

        learner.loss_sum += loss.detach() * len(rows)
        learner.correct += (logits.detach().argmax(1) == answers).sum()
        state.step += 1
        state.images += len(rows)
        now = time.monotonic()
        state.seconds = before + now - began
        watcher.step(state, steps)
        stop = watcher.stop()
        if stop or now - saved > CHECKPOINT_SECONDS:
            learner.save(run.checkpoints / "last.safetensors")
            saved = now
        if stop:
            return False
    return True


def softened(answers: Tensor, pixels: Tensor, recipe: Recipe, teacher: Teacher | None) -> Tensor:
    """What the network is to say of each digit, (B, 10): its label, smoothed, or so far the teacher's probabilities.

    A teacher sees the same changed image as its pupil (Hinton et al. 2015; Beyer et al. 2022).
    """
    smoothing = recipe.label_smoothing
    target = F.one_hot(answers, CLASSES).float() * (1 - smoothing) + smoothing / CLASSES
    return torch.lerp(target, teacher(pixels), recipe.distil) if teacher else target


def losses(network: Network, pixels: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The digits' logits (B, 10) and the loss of a step.

    pixels: (B + M, 28, 28), of which the first B are digits, to be read as `target` (B, 10) says. Where the network
    tells digits from other things, being wrong about that counts as much as taking one digit for another.
    """
    digits = len(target)
    if not network.tells_digits:
        logits = network(pixels).float()
        return logits, F.cross_entropy(logits, target)
    logits, digitness = (head.float() for head in network.heads(pixels))
    is_digit = (torch.arange(len(pixels), device=pixels.device) < digits).float()
    loss = F.cross_entropy(logits[:digits], target)
    return logits[:digits], loss + F.binary_cross_entropy_with_logits(digitness, is_digit)


def learning_rate(recipe: Recipe, state: State, step: int, steps: int) -> float:
    """The rate of step `step` of the present epoch's `steps`."""
    return state.rate * scheduled(recipe, state.epoch * steps + step, recipe.epochs * steps)


def refuse_divergence(recipe: Recipe, learner: Learner, figures: Iterable[float] = ()) -> None:
    """Raises TenfoldError where the loss, the figures or the weights are no longer finite numbers."""
    tensors = (learner.loss_sum, *learner.network.state_dict().values())
    if not all(map(math.isfinite, figures)) or not all(tensor.isfinite().all() for tensor in tensors):
        raise TenfoldError(
            f"the training diverged in epoch {learner.state.epoch + 1}: its loss is no longer a finite number; "
            f"a learning rate below {recipe.optimiser.lr:g} (optimiser.lr) helps"
        )


def training_figures(recipe: Recipe, learner: Learner) -> dict[str, float]:
    """The history's row of an epoch, as far as the training rows tell."""
    state = learner.state
    return {
        "epoch": state.epoch + 1,
        "step": (state.epoch + 1) * state.step,
        "learning_rate": learning_rate(recipe, state, state.step - 1, state.step),
        "train_loss": learner.loss_sum.item() / state.images,
        "train_accuracy": learner.correct.item() / state.images,
    }


def held_out_figures(recipe: Recipe, learner: Learner, held_out: Dataset, run: Run) -> dict[str, float]:
    """Score the held-out rows, keep the weights if they are the best so far, and let a plateau lower the rate."""
    state, network = learner.state, learner.scored()
    loss, accuracy = score(network, held_out, learner.loss_sum.device, state.precision)
    better = accuracy > state.best_accuracy
    if better:
        state.best_accuracy, state.best_epoch = accuracy, state.epoch + 1
        checkpoint.save_weights(run.checkpoints / "best.safetensors", network)
    if isinstance(recipe.schedule, Plateau):
        figure = accuracy if recipe.schedule.monitor == "accuracy" else -loss
        state.rate, state.plateau_best, state.plateau_waited = after_plateau(
            recipe.schedule, state.rate, figure, state.plateau_best, state.plateau_waited
        )
    return {"val_loss": loss, "val_accuracy": accuracy, "best": int(better)}


@torch.no_grad()
def score(network: Network, data: Dataset, device: torch.device, precision: str) -> tuple[float, float]:
    """(mean cross entropy, accuracy) on labelled images as they are."""
    assert data.labels is not None, "held-out rows come from labelled ones"
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
