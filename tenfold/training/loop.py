"""The training loop, from top to bottom: fit -> train_epoch -> train_step."""

import functools
import math
import time
from collections.abc import Callable, Iterable, Sequence

import torch

from tenfold.errors import TenfoldError
from tenfold.recipes.schema import Plateau, Recipe
from tenfold.training.callbacks import Callback
from tenfold.training.checkpoint import load_weights
from tenfold.training.cuda_graph import GraphedStep
from tenfold.training.device import flush_denormals
from tenfold.training.optim import reduce_on_plateau, schedule_factor, set_learning_rate
from tenfold.training.randomness import seed_step
from tenfold.training.state import Progress, TrainState
from tenfold.training.task import Batch, FitResult, NetworkTask

CHECKPOINT_SECONDS = 30.0  # also within an epoch: the most work that a kill can cost
EPOCH_SECONDS = 1.0  # shorter epochs share a checkpoint: writing one may take longer than they do

TrainStep = Callable[[Batch], None]


@flush_denormals()
def fit(task: NetworkTask, state: TrainState, callbacks: Sequence[Callback] = ()) -> FitResult:
    """Train to the recipe's end, or until a callback stops it.

    The run gets history.csv, last.safetensors (every 30 s, and after each epoch of a second or more) and
    best.safetensors (the weights of the epoch with the best validation accuracy). Raises TenfoldError if the training
    diverges.
    """
    train_step: TrainStep = functools.partial(run_train_step, task, state)
    if state.device.type == "cuda":
        train_step = GraphedStep(train_step)
    for callback in callbacks:
        callback.on_train_begin(state)
    try:
        while not is_done(state):
            completed = train_epoch(task, state, train_step, callbacks)
            check_finite(state)
            if not completed:
                break
            end_epoch(task, state)
            for callback in callbacks:
                callback.on_epoch(state)
    finally:
        for callback in callbacks:
            callback.on_train_end(state)
    state.run.write_history(state.history)  # a kill may have come between the last checkpoint and its row
    return fit_result(task, state)


def is_done(state: TrainState) -> bool:
    recipe = state.recipe
    stops_early = bool(recipe.early_stopping) and state.epoch - state.best_epoch >= recipe.early_stopping
    return state.epoch >= recipe.epochs or stops_early


def train_epoch(task: NetworkTask, state: TrainState, train_step: TrainStep, callbacks: Sequence[Callback]) -> bool:
    """Train the rest of the current epoch; False if a callback stopped it, with a checkpoint saved."""
    seconds_before, start = state.seconds, time.monotonic()
    state.steps_per_epoch = task.begin_epoch(state.epoch)
    state.network.train()
    while state.step < state.steps_per_epoch:
        seed_step(state.recipe.seed, state.epoch, state.step, state.device)
        set_learning_rate(state.optimizer, learning_rate(state, state.step))
        batch = task.batch(state)
        train_step(batch)
        if state.ema:
            state.ema.update(state.network, state.epoch * state.steps_per_epoch + state.step)

        state.step += 1
        state.samples += len(batch.indices)
        state.seconds = seconds_before + time.monotonic() - start
        for callback in callbacks:
            callback.on_step(state)
        stop = any(callback.should_stop() for callback in callbacks)
        if stop or state.seconds_since_save > CHECKPOINT_SECONDS:
            state.save()
        if stop:
            return False
    return True


def run_train_step(task: NetworkTask, state: TrainState, batch: Batch) -> None:
    """From a batch to new weights."""
    result = task.step(state.network, batch, state.precision)
    state.optimizer.zero_grad(set_to_none=True)
    result.loss.backward()  # type: ignore[no-untyped-call]
    if task.max_grad_norm is not None:
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), task.max_grad_norm)
    state.optimizer.step()
    state.loss_sum += result.loss.detach() * len(batch.indices)
    state.correct += result.correct


def learning_rate(state: TrainState, step: int) -> float:
    """The learning rate in step `step` of the current epoch."""
    recipe, steps = state.recipe, state.steps_per_epoch
    return state.lr * schedule_factor(recipe, state.epoch * steps + step, recipe.epochs * steps)


def end_epoch(task: NetworkTask, state: TrainState) -> None:
    """Validate, add the epoch to the history, and save a checkpoint if it is time for one."""
    start = time.monotonic()
    row = training_metrics(state)
    validation = task.validate(state.evaluation_network(), state)
    if validation is not None:
        row |= validation_metrics(state.recipe, state, *validation)
        if row["best"]:
            state.keep_best()
        check_finite(state, row.values())
    state.epoch += 1
    state.seconds += time.monotonic() - start
    state.history.append(row | {"seconds": state.seconds})
    state.begin_epoch()
    if is_done(state) or state.seconds_since_save > EPOCH_SECONDS:
        state.save()
    state.run.write_history(state.history)


def training_metrics(state: TrainState) -> dict[str, float]:
    """The columns of the history that the training samples give."""
    return {
        "epoch": state.epoch + 1,
        "step": (state.epoch + 1) * state.step,
        "learning_rate": learning_rate(state, state.step - 1),
        "train_loss": state.loss_sum.item() / state.samples,
        "train_accuracy": state.correct.item() / state.samples,
    }


def validation_metrics(recipe: Recipe, state: Progress, loss: float, accuracy: float) -> dict[str, float]:
    """The columns of the history that the validation set gives; a plateau may lower the learning rate."""
    improved = accuracy > state.best_accuracy
    if improved:
        state.best_accuracy, state.best_epoch = accuracy, state.epoch + 1
    if isinstance(recipe.schedule, Plateau):
        score = accuracy if recipe.schedule.monitor == "accuracy" else -loss
        state.lr, state.plateau_best, state.plateau_bad_epochs = reduce_on_plateau(
            recipe.schedule, state.lr, score, state.plateau_best, state.plateau_bad_epochs
        )
    return {"val_loss": loss, "val_accuracy": accuracy, "best": int(improved)}


def check_finite(state: TrainState, metrics: Iterable[float] = ()) -> None:
    """Raise TenfoldError if the loss, a metric or a weight is not finite."""
    tensors = (state.loss_sum, *state.network.state_dict().values())
    if not all(map(math.isfinite, metrics)) or not all(tensor.isfinite().all() for tensor in tensors):
        raise TenfoldError(
            f"the training diverged in epoch {state.epoch + 1}: the loss is not finite; "
            f"try a learning rate below {state.recipe.optimizer.lr:g} (--set optimizer.lr=...)"
        )


def fit_result(task: NetworkTask, state: TrainState) -> FitResult:
    network = state.evaluation_network().cpu().eval()
    if state.recipe.checkpoint == "best" and state.best_epoch:
        network.load_state_dict(load_weights(state.run.best))
    return FitResult(
        network=network,
        history=state.history,
        epochs=state.epoch,
        best_epoch=state.best_epoch,
        samples=state.epoch * task.samples_per_epoch + state.samples,
        seconds=state.seconds,
        precision=state.precision,
        finished=is_done(state),
    )
