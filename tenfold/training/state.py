"""The state of a training: all that a checkpoint must hold to resume it."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from tenfold.errors import RunError
from tenfold.nets import Network, build
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training import checkpoint
from tenfold.training.checkpoint import with_prefix, without_prefix
from tenfold.training.optim import Average, make_optimizer


@dataclass
class State:
    """Where a training stands, all but its tensors; plain numbers, which JSON holds exactly."""

    rate: float  # the learning rate before the schedule's share; a plateau lowers it
    epoch: int = 0  # epochs finished
    step: int = 0  # steps done in the present epoch
    images: int = 0  # images seen in the present epoch
    seconds: float = 0.0  # spent training, over all sittings
    plateau_best: float | None = None
    plateau_waited: int = 0
    best_accuracy: float = -1.0
    best_epoch: int = 0
    precision: str = ""
    history: list[dict[str, float]] = field(default_factory=list)


class Learner:
    """The network, its optimizer, the average of its weights where the recipe wants one, and the state."""

    def __init__(self, recipe: Recipe, images: Tensor) -> None:
        network = build(recipe, images).to(images.device)
        self.network: Network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(self.network, recipe.optimizer)
        self.average = Average(self.network, recipe.ema) if recipe.ema else None
        self.state = State(rate=recipe.optimizer.lr)
        self._saved = time.monotonic()
        self._best: checkpoint.Tensors = {}  # the best epoch's weights, until they are written
        # Sums over the present epoch stay on the device, so that a GPU never waits for Python.
        self.loss_sum = torch.zeros((), device=images.device)
        self.correct = torch.zeros((), dtype=torch.int64, device=images.device)

    def evaluation_network(self) -> Network:
        """The network that is scored and kept: with averaged weights where the recipe averages."""
        if self.average is None:
            return self.network
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.average.tensors)
        return network

    def begin_epoch(self) -> None:
        self.state.step = self.state.images = 0
        self.loss_sum.zero_()
        self.correct.zero_()

    @property
    def unsaved(self) -> float:
        """Seconds since the last checkpoint."""
        return time.monotonic() - self._saved

    def remember_best(self) -> None:
        """Take the present weights for the best; they are written with the next checkpoint, whose state says so."""
        self._best = {name: tensor.clone() for name, tensor in self.evaluation_network().state_dict().items()}

    def save(self, run: Run) -> None:
        if self._best:
            checkpoint.save_weights(run.best, self._best)
            self._best = {}
        checkpoint.save(run.last, self._tensors(), asdict(self.state))
        self._saved = time.monotonic()

    def restore(self, path: Path) -> None:
        """Raises RunError for a checkpoint that is damaged or of another recipe."""
        tensors, state = checkpoint.load(path)
        try:
            self.network.load_state_dict(without_prefix("network", tensors))
            checkpoint.restore_optimizer(self.optimizer, without_prefix("optimizer", tensors))
            if self.average:
                for name, tensor in without_prefix("average", tensors).items():
                    self.average.tensors[name].copy_(tensor)
            self.loss_sum.copy_(tensors["sums.loss"])
            self.correct.copy_(tensors["sums.correct"])
            self.state = State(**state)
        except (RuntimeError, KeyError, IndexError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{path}: this checkpoint belongs to another recipe ({reason})") from None

    def _tensors(self) -> checkpoint.Tensors:
        tensors = with_prefix("network", self.network.state_dict())
        tensors |= with_prefix("optimizer", checkpoint.optimizer_tensors(self.optimizer))
        tensors |= with_prefix("average", self.average.tensors if self.average else {})
        return tensors | {"sums.loss": self.loss_sum, "sums.correct": self.correct}
