"""Small digits that can be learned, small recipes, and a callback that records its calls."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from tenfold.data.dataset import Dataset
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training.callbacks import Callback

SMALL: dict[str, Any] = {
    "name": "small",
    "batch_size": 32,
    "epochs": 2,
    "validation_split": 0.2,
    "net": {"kind": "plain_cnn", "filters": [4, 8], "kernel_sizes": [3], "padding": ["same"], "dropout": 0.2},
    "optimizer": {"name": "adam", "lr": 0.003},
}


def make_digits(n: int = 200, seed: int = 0, classes: int = 10) -> Dataset:
    """Blurred noise: a pattern for each class, with more noise on each image."""
    patterns = ndimage.gaussian_filter(np.random.default_rng(99).normal(size=(10, 28, 28)), (0, 2, 2)) * 900
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % classes).astype(np.uint8)
    images = np.clip(patterns[labels] + rng.normal(size=(n, 28, 28)) * 40, 0, 255).astype(np.uint8)
    return Dataset(images, labels, "synthetic digits")


def make_recipe(**changes: Any) -> Recipe:
    return from_dict(SMALL | changes, "small")


@dataclass
class RecordingCallback(Callback):
    """Records when it was called, as (epoch, step); stops after the step for which `stops_after` is true."""

    stops_after: Callable[[int, int], bool] = lambda epoch, step: False
    steps: list[tuple[int, int]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)

    def on_step(self, state: Any) -> None:
        self.steps.append((state.epoch, state.step))

    def on_epoch(self, state: Any) -> None:
        self.epochs.append(state.epoch)

    def should_stop(self) -> bool:
        return bool(self.steps) and self.stops_after(*self.steps[-1])


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small train faster on one thread, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """No measurement of the faster precision: float32."""
    monkeypatch.setattr("tenfold.training.device.bfloat16_is_faster", lambda network, shape, device: False)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return make_digits()


@pytest.fixture(scope="session", name="make_digits")
def _make_digits() -> Callable[..., Dataset]:
    return make_digits


@pytest.fixture(scope="session", name="make_recipe")
def _make_recipe() -> Callable[..., Recipe]:
    return make_recipe


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[[], Run]:
    """Each call gives another run folder, as a training starts with."""
    indices = itertools.count()

    def make() -> Run:
        run = Run(tmp_path / f"run-{next(indices)}")
        run.checkpoints.mkdir(parents=True)
        return run

    return make
