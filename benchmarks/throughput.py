"""How many images a second each recipe trains on, what that is in FLOP/s, and where a step's time goes.

    python benchmarks/throughput.py [--recipes flash,fast,...] [--quick] [--profile RECIPE]

Times the steps of the training loop, with augmentation, optimizer and the faster precision, in turns after a warm-up.
FLOP/s counts convolutions and matrix products, forward and backward, a multiply-add as two, and is compared with the
fastest product of two 2048x2048 matrices, measured before every round. `--profile` prints the operations that take most
of one recipe's steps. Claims nothing: how much a network reaches depends on its shapes.
"""

from tenfold.cpu import choose_wait_policy

choose_wait_policy()  # as the command line does, before PyTorch is loaded

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from peak import matrix_product
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from tenfold.data import Dataset
from tenfold.nets import build, parameter_count
from tenfold.recipes import RECIPES, find
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training.callbacks import Callback
from tenfold.training.device import PRECISIONS, device_name
from tenfold.training.digits import DigitTask
from tenfold.training.state import TrainState

CPU = torch.device("cpu")
WARM_UP = 3  # steps
SAMPLES = 20_000


class Stopwatch(Callback):
    """Stops the training after some steps and measures the seconds of all but the first few."""

    def __init__(self, steps: int) -> None:
        self.remaining, self.start = WARM_UP + steps, 0.0
        self.steps, self.precision = steps, ""

    def on_step(self, state: TrainState) -> None:
        self.remaining -= 1
        if self.remaining == self.steps:
            self.start = time.perf_counter()
        self.seconds, self.precision = time.perf_counter() - self.start, state.precision

    def should_stop(self) -> bool:
        return self.remaining <= 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recipes", help="names with commas between; by default all that are trained on digits alone")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 10 steps, not 7 of 30")
    parser.add_argument("--profile", metavar="RECIPE")
    arguments = parser.parse_args()
    rounds, steps = (3, 10) if arguments.quick else (7, 30)
    if arguments.profile:
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
            train(find(arguments.profile).recipe, steps)
        print(profiled.key_averages(group_by_input_shape=True).table("self_cpu_time_total", row_limit=25))
        return
    names = arguments.recipes.split(",") if arguments.recipes else list(RECIPES)
    recipes = [recipe for name in names if not (recipe := find(name).recipe).synthesis.active]

    rates: dict[str, list[float]] = {recipe.name: [] for recipe in recipes}
    peaks: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    precisions = {}
    for _ in range(rounds):
        for precision, measured in peaks.items():
            measured.append(matrix_product(PRECISIONS[precision]))
        for recipe in recipes:
            stopwatch = train(recipe, steps)
            rates[recipe.name].append(steps * recipe.batch_size / stopwatch.seconds)
            precisions[recipe.name] = stopwatch.precision
    best = {precision: max(measured) for precision, measured in peaks.items()}
    table = Table(
        "recipe", "parameters", "MFLOP an image", "images/s", "min", "max", "GFLOP/s", "precision", "of its peak"
    )
    for recipe in recipes:
        measured, network = rates[recipe.name], build(alone(recipe))
        flops, rate = flops_per_image(network, recipe.batch_size), statistics.median(measured)
        precision = precisions[recipe.name]
        table.add_row(
            recipe.name,
            f"{parameter_count(network):,}",
            f"{flops / 1e6:.1f}",
            f"{rate:,.0f}",
            f"{min(measured):,.0f}",
            f"{max(measured):,.0f}",
            f"{rate * flops / 1e9:,.0f}",
            precision,
            f"{rate * flops / best[precision]:.0%}",
        )
    Console(width=130).print(table)
    print("matrix product: " + ", ".join(f"{precision} {peak / 1e9:,.0f} GFLOP/s" for precision, peak in best.items()))
    print(f"{device_name(CPU)}; PyTorch {torch.__version__}; {rounds} rounds of {steps} steps")


def alone(recipe: Recipe) -> Recipe:
    """One network of the recipe without validation set or teacher, for practically endless epochs."""
    return recipe.model_copy(
        update={
            "ensemble_size": 1,
            "epochs": 100_000,
            "validation_split": 0.0,
            "distillation_weight": 0.0,
            "checkpoint": "last",
        }
    )


def train(recipe: Recipe, steps: int) -> Stopwatch:
    count = max(SAMPLES, recipe.batch_size)
    rng = np.random.default_rng(0)
    digits = Dataset(
        rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count).astype(np.uint8), "noise"
    )
    stopwatch = Stopwatch(steps)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.checkpoints.mkdir()
        task = DigitTask(alone(recipe), digits, None, CPU)
        task.fit(run, task.select_precisions("auto"), [stopwatch])
    return stopwatch


def flops_per_image(network: torch.nn.Module, batch: int) -> float:
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(batch, 28, 28)).sum().backward()
    return counter.get_total_flops() / batch


if __name__ == "__main__":
    main()
