"""How fast recipes train on a CUDA device, and whether CUDA graphs leave their weights unchanged.

    python benchmarks/cuda.py [--recipes flash,fast] [--seeds N]

Time is from the data in main memory to trained weights: the copy to the device, construction, graph capture,
augmentation, training, checkpoints. The first training of a process, listed separately, also loads PyTorch's
kernels. The peer is the one-epoch recipe of tuomaso's train_mnist_fast (peers/one_epoch.py) on the same device.
There is no validation set; the test set is read once for each training, after it.

Claims: flash reaches 99.0 % in 0.3 s; a seed gives the same weights each time, with CUDA graphs or without, in one
session or two. Exits with 1 where one fails, with 2 where there is no CUDA device.
"""

from tenfold.cpu import choose_wait_policy

choose_wait_policy()  # as the command line does, before PyTorch is loaded

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch._dynamo  # which the first optimizer would load
from peers import one_epoch
from rich.console import Console
from rich.table import Table

from tenfold.data import Dataset, load_data
from tenfold.nets import Network
from tenfold.recipes import find
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training import cuda_graph
from tenfold.training.callbacks import Callback
from tenfold.training.digits import DigitTask, validate
from tenfold.training.state import TrainState

SEEDS = {"flash": 20, "fast": 10, "strong": 5, "best": 5, "mlp": 3}
ACCURACY, SECONDS = 99.0, 0.3  # claimed of flash
PEER = "one epoch (tuomaso)"


class StopAfter(Callback):
    """Stops a training after some steps."""

    def __init__(self, steps: int) -> None:
        self.remaining = steps

    def on_step(self, state: TrainState) -> None:
        self.remaining -= 1

    def should_stop(self) -> bool:
        return self.remaining == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recipes", default=",".join(SEEDS), metavar="A,B,...")
    parser.add_argument("--seeds", type=int, help="instead of each recipe's own number")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("there is no CUDA device here", file=sys.stderr)
        return 2
    mnist = load_data("mnist")
    assert mnist.train is not None
    assert mnist.test is not None
    torch.zeros(1, device="cuda")  # the context

    table = Table("training", "n", "accuracy", "spread", "seconds", "first")
    figures = {}
    for name in [PEER, *arguments.recipes.split(",")]:
        seeds = arguments.seeds or SEEDS.get(name, 5)
        runs = [measured(name, seed, mnist.train, mnist.test) for seed in range(seeds + 1)]
        (first, _), rest = runs[0], runs[1:]
        accuracies = [100 * accuracy for _, accuracy in rest]
        accuracy, seconds = statistics.mean(accuracies), statistics.median(seconds for seconds, _ in rest)
        spread = f"± {statistics.stdev(accuracies):.3f}" if len(rest) > 1 else ""
        figures[name] = accuracy, seconds
        table.add_row(name, f"{len(rest)}", f"{accuracy:.3f}", spread, f"{seconds:.3f}", f"{first:.3f}")
    console = Console(width=100)
    console.print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    console.print(table)

    claims = exactness(mnist.train)
    if "flash" in figures:
        accuracy, seconds = figures["flash"]
        claims[f"flash: {ACCURACY} % in {SECONDS} s"] = accuracy >= ACCURACY and seconds <= SECONDS
    for claim, holds in claims.items():
        console.print(f"{claim}: {'holds' if holds else 'FAILS'}")
    return 0 if all(claims.values()) else 1


def measured(name: str, seed: int, train: Dataset, test: Dataset) -> tuple[float, float]:
    """(seconds, accuracy) of one training."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    if name == PEER:
        model = one_epoch.train(train, seed, device="cuda")
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        return seconds, 1 - one_epoch.errors(model, train, test, "cuda") / len(test)
    network = trained(find(name).recipe.model_copy(update={"seed": seed}), train)
    seconds = time.perf_counter() - start
    _, accuracy = validate(network.cuda(), test, torch.device("cuda"), "float32")
    return seconds, accuracy


def trained(recipe: Recipe, data: Dataset, stops: tuple[int, ...] = ()) -> Network:
    """The network, on the CPU, trained in several sessions: one for each number of steps in `stops`, and the rest."""
    recipe = recipe.model_copy(update={"validation_split": 0})
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.checkpoints.mkdir()
        for steps in stops:
            task = DigitTask(recipe, data, None, torch.device("cuda"))
            task.fit(run, task.select_precisions("auto"), [StopAfter(steps)])
        task = DigitTask(recipe, data, None, torch.device("cuda"))
        return task.fit(run, task.select_precisions("auto")).network


def exactness(data: Dataset) -> dict[str, bool]:
    recipe = find("fast").recipe.model_copy(update={"epochs": 2})
    graphed = trained(recipe, data)
    claims = {
        "the same weights, trained again": same(graphed, trained(recipe, data)),
        "the same weights, in two sessions": same(graphed, trained(recipe, data, stops=(300,))),
    }
    warm_up, cuda_graph.WARM_UP_STEPS = cuda_graph.WARM_UP_STEPS, sys.maxsize
    claims["the same weights, without CUDA graphs"] = same(graphed, trained(recipe, data))
    cuda_graph.WARM_UP_STEPS = warm_up
    return claims


def same(one: Network, other: Network) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
