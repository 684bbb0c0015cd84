"""How accurate recipes are on writers whose digits they were not trained on, measured on MNIST's training set alone.

    python benchmarks/held_out_writers.py [--recipes strong,best] [--blocks 5] [--seeds 1] [--set epochs=2 ...]

MNIST's training samples are ordered by writer (in two streams, at even and odd positions), so a block of 10,000
consecutive samples holds writers of its own, as the test set does. Random samples share their writers with the training
samples, and look too accurate. Recipes are chosen with this benchmark; it never reads the test set. There are six
blocks, 0 to 5; `--blocks 0,1,2` leaves out each of them in turn. A single block has much noise: it hides a tenth fewer
errors.

Prints errors and log loss of each network, with the recipe's test-time augmentation, and of all networks averaged. The
log loss is for the temperature that fits these very samples best: it compares recipes, and is less noisy than the
errors, whose standard deviation is about four. Exits with 1 if its claim fails: that neighbors have the same writer.
"""

from tenfold.cpu import choose_wait_policy

choose_wait_policy()  # as the command line does, before PyTorch is loaded

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from tenfold.data import load_data
from tenfold.data.dataset import Dataset
from tenfold.evaluation.calibration import fit_temperature
from tenfold.nets import Network
from tenfold.recipes import find
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import with_settings
from tenfold.run import Run
from tenfold.training.device import select_device
from tenfold.training.digits import DigitTask

BLOCK = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recipes", default="strong,best", metavar="A,B,...")
    parser.add_argument("--blocks", default="5", metavar="N,N,...")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of every recipe")
    arguments = parser.parse_args()

    mnist = load_data("mnist").train
    assert mnist is not None
    holds = writers_stand_together(mnist)
    blocks = [range(int(n) * BLOCK, (int(n) + 1) * BLOCK) for n in arguments.blocks.split(",")]
    others = mnist.subset(np.concatenate(blocks))
    table = Table("recipe", "seed", "parameters", "seconds", "errors", "log loss")
    for name in arguments.recipes.split(","):
        logits = []
        for seed in range(arguments.seeds):
            recipe = with_settings(find(name).recipe, [*arguments.set, f"seed={seed}"])
            for k in range(recipe.ensemble_size):
                member, began = recipe.member(k), time.perf_counter()
                networks = [trained(member, mnist.subset(np.delete(np.arange(len(mnist)), block))) for block in blocks]
                seconds = (time.perf_counter() - began) / len(blocks)
                held = [
                    predict_logits(one, mnist.subset(np.array(block)))
                    for one, block in zip(networks, blocks, strict=True)
                ]
                logits.append(np.concatenate(held))
                size = f"{sum(p.numel() for p in networks[0].parameters()):,}"
                table.add_row(name, f"{seed + k}", size, f"{seconds:.1f}", *figures(logits[-1], others))
        if len(logits) > 1:
            table.add_row(name, "all", "", "", *figures(together(logits), others))
    Console(width=100).print(table)
    return 0 if holds else 1


def writers_stand_together(mnist: Dataset) -> bool:
    """Whether the slant of a digit, beside others of its value, goes with that of the next digit of its stream."""
    slant = standardized(slants(mnist.images), mnist.labels)
    near, far = (float(np.mean(slant[:-lag] * slant[lag:])) for lag in (2, 20_000))
    holds = near > 2 * far
    print(
        f"slants of samples 2 apart correlate by {near:.2f}, 20,000 apart by {far:.2f}: writers stand together", end=""
    )
    print(": holds" if holds else ": FAILS")
    return holds


def slants(images: np.ndarray) -> np.ndarray:
    """How far each digit leans: the covariance of x and y of its ink over the variance of y; (N, 28, 28) -> (N,)."""
    ink = images.astype(np.float64)
    y, x = np.mgrid[:28, :28]
    mass = ink.sum((1, 2))
    off_x = x - ((ink * x).sum((1, 2)) / mass)[:, None, None]
    off_y = y - ((ink * y).sum((1, 2)) / mass)[:, None, None]
    return (ink * off_x * off_y).sum((1, 2)) / (ink * off_y**2).sum((1, 2))


def standardized(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 among the digits of each value."""
    result = np.empty_like(values)
    for digit in range(10):
        of = labels == digit
        result[of] = (values[of] - values[of].mean()) / values[of].std()
    return result


def trained(recipe: Recipe, train_set: Dataset) -> Network:
    """The trained network without a temperature, as there is no validation set."""
    recipe = recipe.model_copy(update={"validation_split": 0, "calibrate": False})
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.checkpoints.mkdir()
        task = DigitTask(recipe, train_set, None, select_device())
        return task.fit(run, task.select_precisions("auto")).network


@torch.no_grad()
def predict_logits(network: Network, data: Dataset) -> np.ndarray:
    """Logits (N, 10)."""
    return np.concatenate([network(torch.tensor(images)).numpy() for images in np.array_split(data.images, 20)])


def together(logits: list[np.ndarray]) -> np.ndarray:
    """The logarithm of the networks' mean probabilities, (N, 10)."""
    each = torch.tensor(np.array(logits)).log_softmax(2)
    return each.logsumexp(0).numpy()


def figures(logits: np.ndarray, data: Dataset) -> tuple[str, str]:
    assert data.labels is not None
    scaled = torch.tensor(logits / fit_temperature(logits, data.labels))
    loss = torch.nn.functional.cross_entropy(scaled, torch.tensor(data.labels, dtype=torch.int64))
    return str(int((logits.argmax(1) != data.labels).sum())), f"{loss:.5f}"


if __name__ == "__main__":
    sys.exit(main())
