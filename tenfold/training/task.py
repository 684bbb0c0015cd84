"""`Task`: what is learned, as `train` and the training loop know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding
from tenfold.nets import Network
from tenfold.recipes.networks import CTC
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training.callbacks import Callback
from tenfold.training.state import TrainState


@dataclass(frozen=True)
class Batch:
    """The samples of one step."""

    indices: Tensor  # int64 (B,): into the training samples
    kind: str = ""
    capturable: bool = False
    """Whether all steps of this kind do the same with as many other samples, and on the device alone."""


@dataclass(frozen=True)
class StepResult:
    loss: Tensor  # mean over the batch
    correct: Tensor | int  # number of samples read correctly


@dataclass(frozen=True)
class FitResult:
    """A trained network, or the trained networks of an ensemble."""

    network: Network  # with the weights that the recipe keeps, on the CPU, in evaluation mode
    history: list[dict[str, float]]  # as in history.csv
    epochs: int
    best_epoch: int  # 0 without validation
    samples: int  # trained on, over all epochs
    seconds: float
    precision: str
    finished: bool  # False: stopped before the recipe's end; the checkpoint resumes from here


class Task(Protocol):
    """What `train` needs: one network or an ensemble, of digits or lines."""

    recipe: Recipe

    def select_precisions(self, precision: str) -> list[str]:
        """The precision of each of the recipe's variants; "auto" measures which is faster."""

    def fit(self, run: Run, precisions: Sequence[str], callbacks: Sequence[Callback]) -> FitResult:
        """Train from the run's checkpoint if it has one, else from scratch.

        Raises RunError for a checkpoint of another recipe, TenfoldError if the training diverges.
        """

    def export(self, network: Network, run: Run) -> None:
        """Write the run's model.onnx and model.safetensors."""

    def write_artifacts(
        self, run: Run, result: FitResult, unlabeled: Dataset | None, findings: Sequence[Finding] = ()
    ) -> dict[str, Any]:
        """Evaluate the exported model, and write metrics, report and model card; returns the metrics."""


class NetworkTask(Protocol):
    """What the training loop needs. All that a task draws must follow from the recipe's seed, the epoch and the step.

    max_grad_norm: gradients are clipped to it; None for no clipping. samples_per_epoch: of all batches together.
    """

    recipe: Recipe
    max_grad_norm: float | None
    samples_per_epoch: int

    def begin_epoch(self, epoch: int) -> int:
        """Prepare an epoch; returns its number of steps."""

    def batch(self, state: TrainState) -> Batch:
        """The batch of step `state.step`."""

    def step(self, network: Network, batch: Batch, precision: str) -> StepResult:
        """Forward pass and loss. For a capturable batch, nothing may wait for the device or come from elsewhere."""

    def validate(self, network: Network, state: TrainState) -> tuple[float, float] | None:
        """(loss, accuracy) on the validation set; None without one."""


def reads_lines(recipe: Recipe) -> bool:
    """Whether the recipe trains a model of lines, not of single digits."""
    return isinstance(recipe.net, CTC)
