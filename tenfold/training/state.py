"""`TrainState`: all that a checkpoint must hold to resume a training bit for bit."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor, nn

from tenfold.errors import RunError
from tenfold.nets import Network, build
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training.checkpoint import (
    Tensors,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
    save_weights,
    with_prefix,
    without_prefix,
)
from tenfold.training.optim import ExponentialMovingAverage, make_optimizer


@dataclass
class Progress:
    """The numbers of a training; JSON keeps them exactly."""

    lr: float  # before the schedule's factor; a plateau lowers it
    precision: str
    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the current epoch
    steps_per_epoch: int = 0
    samples: int = 0  # of the current epoch
    seconds: float = 0.0  # of training, over all sessions
    plateau_best: float | None = None
    plateau_bad_epochs: int = 0
    best_accuracy: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)  # as in history.csv


class TrainState(Progress):
    """Network, optimizer, averaged weights and progress of one network's training; callbacks get it.

    name: what progress displays call it.
    """

    def __init__(
        self, recipe: Recipe, images: Tensor, run: Run, precision: str, name: str = "", module: nn.Module | None = None
    ) -> None:
        """A state before the first step.

        images: uint8 (N, ...) on the device to train on; normalization is fitted to them. module: as for `build`.
        """
        super().__init__(lr=recipe.optimizer.lr, precision=precision)
        self.recipe, self.run, self.name = recipe, run, name or recipe.name
        self.device = images.device
        network = build(recipe, images, module).to(images.device)
        self.network: Network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(self.network, recipe.optimizer)
        self.ema = ExponentialMovingAverage(self.network, recipe.ema) if recipe.ema else None
        # Sums over the current epoch stay on the device, so that a GPU never waits for Python.
        self.loss_sum = torch.zeros((), device=images.device)
        self.correct = torch.zeros((), dtype=torch.int64, device=images.device)
        self._saved_at = time.monotonic()
        self._unsaved_best: Tensors = {}

    @classmethod
    def resume_or_create(
        cls, recipe: Recipe, images: Tensor, run: Run, precision: str, name: str = "", module: nn.Module | None = None
    ) -> TrainState:
        """The state of the run's checkpoint, or a new one. Raises RunError for a checkpoint of another recipe."""
        state = cls(recipe, images, run, precision, name, module)
        if run.last.exists():
            state.load()
        return state

    def evaluation_network(self) -> Network:
        """The network to validate and keep: with averaged weights if the recipe averages them."""
        if self.ema is None:
            return self.network
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.ema.tensors)
        return network

    def begin_epoch(self) -> None:
        self.step = self.samples = 0
        self.loss_sum.zero_()
        self.correct.zero_()

    @property
    def seconds_since_save(self) -> float:
        return time.monotonic() - self._saved_at

    def keep_best(self) -> None:
        """Keep the current weights as the best; the next checkpoint writes them, so that neither file is ahead."""
        self._unsaved_best = {name: tensor.clone() for name, tensor in self.evaluation_network().state_dict().items()}

    def save(self) -> None:
        """Write the run's last.safetensors, and best.safetensors if there is something new for it."""
        if self._unsaved_best:
            save_weights(self.run.best, self._unsaved_best)
            self._unsaved_best = {}
        tensors = with_prefix("network", self.network.state_dict())
        tensors |= with_prefix("optimizer", optimizer_tensors(self.optimizer))
        tensors |= with_prefix("ema", self.ema.tensors if self.ema else {})
        tensors |= {"sums.loss": self.loss_sum, "sums.correct": self.correct}
        save_checkpoint(self.run.last, tensors, {key.name: getattr(self, key.name) for key in fields(Progress)})
        self._saved_at = time.monotonic()

    def load(self) -> None:
        """Restore the run's last.safetensors. Raises RunError for a file that is damaged or of another recipe."""
        path = self.run.last
        tensors, progress = load_checkpoint(path)
        try:
            self.network.load_state_dict(without_prefix("network", tensors))
            restore_optimizer(self.optimizer, without_prefix("optimizer", tensors))
            if self.ema:
                for name, tensor in without_prefix("ema", tensors).items():
                    self.ema.tensors[name].copy_(tensor)
            self.loss_sum.copy_(tensors["sums.loss"])
            self.correct.copy_(tensors["sums.correct"])
            vars(self).update(vars(Progress(**progress)))
        except (RuntimeError, KeyError, IndexError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{path}: checkpoint of another recipe ({reason})") from None
