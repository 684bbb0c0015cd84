"""The training loop, from top to bottom, whatever is learned: single digits (`fit.py`) or whole rows (`line.py`)."""

import functools
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tenfold.errors import TenfoldError
from tenfold.nets import Network
from tenfold.recipes.schema import Plateau, Recipe
from tenfold.run import Run
from tenfold.training import checkpoint
from tenfold.training.cuda_graph import Batch, Recorder, Work
from tenfold.training.device import denormals_flushed
from tenfold.training.optim import after_plateau, scheduled, set_rate
from tenfold.training.randomness import seed_step
from tenfold.training.state import Learner, State

CHECKPOINT_SECONDS = 30.0  # also within an epoch: the most work that a kill can cost
EPOCH_SECONDS = 1.0  # epochs that are shorter share a checkpoint: writing one may take longer than they do


class Watcher(Protocol):
    """Is told how a training goes, and may end it after any step."""

    def step(self, state: State, steps: int) -> None: ...
    def epoch(self, state: State) -> None: ...
    def stop(self) -> bool: ...


class Unwatched:
    """A watcher of trainings that nobody follows."""

    def step(self, state: State, steps: int) -> None: ...
    def epoch(self, state: State) -> None: ...
    def stop(self) -> bool:
        return False


@dataclass(frozen=True)
class Step:
    """What one batch came to."""

    loss: Tensor  # mean over the batch
    correct: Tensor | int  # how many of its examples the network answered rightly


class Task(Protocol):
    """What is learned. All that it draws must follow from the recipe's seed, the epoch and the step."""

    @property
    def largest_gradient(self) -> float | None:
        """The norm to which gradients are clipped; None: they are not."""

    def begin(self, epoch: int) -> int:
        """Make an epoch ready; how many steps it has."""

    def batch(self, state: State, steps: int) -> Batch:
        """What step `state.step` of `steps` shows."""

    def step(self, network: Network, batch: Batch, precision: str) -> Step:
        """Loss and correct count of it. If it repeats, nothing may wait for the device or come from elsewhere."""

    def score(self, network: Network, state: State) -> tuple[float, float] | None:
        """(loss, accuracy) on what was held out; None where nothing was."""


@dataclass(frozen=True)
class Fitted:
    network: Network  # with the weights that the recipe keeps, on the CPU, in evaluation mode
    state: State
    images: int  # that it was trained on, in all
    finished: bool  # False: stopped before the recipe's end; the checkpoint goes on from here


def begun(recipe: Recipe, images: Tensor, run: Run) -> Learner:
    """A learner as the run's checkpoint has it, or a new one. Raises RunError for a checkpoint of another recipe.

    images: uint8 (N, ...), from which the network takes its normalization; on the device to train on.
    """
    learner = Learner(recipe, images)
    if run.last.exists():
        learner.restore(run.last)
    return learner


@denormals_flushed()
def learn(recipe: Recipe, learner: Learner, task: Task, run: Run, watcher: Watcher, shown_an_epoch: int) -> Fitted:
    """Train as `recipe` says from where `learner` stands.

    run: gets history.csv, and in its checkpoints last.safetensors (every 30 s, and after each epoch of a second or
    more) and best.safetensors (the weights of the epoch with the best held-out accuracy). Raises TenfoldError where the
    training diverges.
    """
    state = learner.state
    work: Work = functools.partial(advance, learner, task)
    if learner.loss_sum.device.type == "cuda":
        work = Recorder(work)
    while not done(recipe, state):
        whole = train_epoch(recipe, learner, task, work, run, watcher)
        refuse_divergence(recipe, learner)
        if not whole:
            break
        began = time.monotonic()
        row = training_figures(recipe, learner)
        network = learner.evaluation_network()
        if (scored := task.score(network, state)) is not None:
            row |= held_out_figures(recipe, state, *scored)
            if row["best"]:
                learner.remember_best()
            refuse_divergence(recipe, learner, row.values())
        state.epoch += 1
        state.seconds += time.monotonic() - began
        state.history.append(row | {"seconds": state.seconds})
        learner.begin_epoch()
        if done(recipe, state) or learner.unsaved > EPOCH_SECONDS:
            learner.save(run)
        run.write_history(state.history)
        watcher.epoch(state)

    run.write_history(state.history)  # a kill may have come between the last checkpoint and its line
    network = learner.evaluation_network().cpu().eval()
    if recipe.checkpoint == "best" and state.best_epoch:
        network.load_state_dict(checkpoint.load_weights(run.best))
    return Fitted(network, state, state.epoch * shown_an_epoch + state.images, done(recipe, state))


def done(recipe: Recipe, state: State) -> bool:
    stopped_early = bool(recipe.early_stopping) and state.epoch - state.best_epoch >= recipe.early_stopping
    return state.epoch >= recipe.epochs or stopped_early


def train_epoch(recipe: Recipe, learner: Learner, task: Task, work: Work, run: Run, watcher: Watcher) -> bool:
    """The rest of the present epoch; False if the watcher ended it before, with a checkpoint saved."""
    network, state = learner.network, learner.state
    before, began = state.seconds, time.monotonic()
    steps = task.begin(state.epoch)
    network.train()
    while state.step < steps:
        seed_step(recipe.seed, state.epoch, state.step, learner.loss_sum.device)
        set_rate(learner.optimizer, learning_rate(recipe, state, state.step, steps))
        batch = task.batch(state, steps)
        work(batch)
        if learner.average:
            learner.average.update(network, state.epoch * steps + state.step)

        state.step += 1
        state.images += len(batch.rows)
        state.seconds = before + time.monotonic() - began
        watcher.step(state, steps)
        stop = watcher.stop()
        if stop or learner.unsaved > CHECKPOINT_SECONDS:
            learner.save(run)
        if stop:
            return False
    return True


def advance(learner: Learner, task: Task, batch: Batch) -> None:
    """The work of a step: from the examples to new weights."""
    result = task.step(learner.network, batch, learner.state.precision)
    learner.optimizer.zero_grad(set_to_none=True)
    result.loss.backward()  # type: ignore[no-untyped-call]
    if task.largest_gradient is not None:
        torch.nn.utils.clip_grad_norm_(learner.network.parameters(), task.largest_gradient)
    learner.optimizer.step()
    learner.loss_sum += result.loss.detach() * len(batch.rows)
    learner.correct += result.correct


def learning_rate(recipe: Recipe, state: State, step: int, steps: int) -> float:
    """The rate of step `step` of the present epoch's `steps`."""
    return state.rate * scheduled(recipe, state.epoch * steps + step, recipe.epochs * steps)


def refuse_divergence(recipe: Recipe, learner: Learner, figures: Iterable[float] = ()) -> None:
    """Raises TenfoldError where the loss, the figures or the weights are no longer finite numbers."""
    tensors = (learner.loss_sum, *learner.network.state_dict().values())
    if not all(map(math.isfinite, figures)) or not all(tensor.isfinite().all() for tensor in tensors):
        raise TenfoldError(
            f"the training diverged in epoch {learner.state.epoch + 1}: its loss is no longer a finite number; "
            f"a learning rate below {recipe.optimizer.lr:g} (optimizer.lr) helps"
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


def held_out_figures(recipe: Recipe, state: State, loss: float, accuracy: float) -> dict[str, float]:
    """The history's row of an epoch, as far as the held-out rows tell; a plateau may lower the rate."""
    better = accuracy > state.best_accuracy
    if better:
        state.best_accuracy, state.best_epoch = accuracy, state.epoch + 1
    if isinstance(recipe.schedule, Plateau):
        figure = accuracy if recipe.schedule.monitor == "accuracy" else -loss
        state.rate, state.plateau_best, state.plateau_waited = after_plateau(
            recipe.schedule, state.rate, figure, state.plateau_best, state.plateau_waited
        )
    return {"val_loss": loss, "val_accuracy": accuracy, "best": int(better)}
