"""How accurate our recipes are and how long they take, compared with others, on MNIST's 60,000 and 10,000 digits.

    python benchmarks/time_to_accuracy.py [--quick] [--recipes flash,fast] [--peer PYTHON] [--report-only]

- The unit of time is T: the time of the one-epoch recipe of tuomaso's train_mnist_fast (peers/one_epoch.py, plain
  PyTorch). It is run before each training, so that both run under the same load.
- Time is from the data in memory to trained weights: construction, the choice of precision, warm-up, augmentation,
  training, checkpoints. Each training is a new process. The test set is read once, after it.
- Each result is appended to time_to_accuracy.jsonl at once; the same command continues after an interruption. Delete
  the file to measure again. `--quick` measures flash and fast with three seeds in a file of its own.

The table CLAIMS holds mean accuracy and median time in T. Exits with 1 if a measured claim fails.
Keras' example needs its own environment (`make keras-peer`); without it, a line gives the reason.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from tenfold.data import load_data
from tenfold.evaluation.statistics import wilson_interval
from tenfold.recipes import RECIPES
from tenfold.training.device import device_name

HERE = Path(__file__).parent
PEERS = HERE / "peers"
RESULTS = HERE / "time_to_accuracy.jsonl"
PLOT = HERE.parent / "docs" / "time-to-accuracy.svg"
KERAS_PYTHON = HERE.parent / ".venv-keras" / "bin" / "python"
TEST_DIGITS = 10_000
UNIT = "one epoch (tuomaso)"


@dataclass(frozen=True)
class Claim:
    accuracy: float  # least mean, percent
    times: float  # most median seconds, in T
    seeds: int


CLAIMS = {
    "flash": Claim(99.0, 1 / 4, 20),
    "fast": Claim(99.5, 1.3, 10),
    "strong": Claim(99.7, 6, 5),
    "best": Claim(99.75, 60, 5),
    "ensemble": Claim(99.83, 400, 1),
    "mlp": Claim(99.4, 60, 3),
}


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]  # its last words are put after the seed
    seeds: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="flash and fast with three seeds, no other peer than T")
    parser.add_argument("--recipes", default=",".join(name for name in CLAIMS if name in RECIPES), metavar="A,B,...")
    parser.add_argument("--seeds", type=int, help="instead of each claim's own number")
    parser.add_argument("--ours", action="store_true", help="no other peer than T")
    parser.add_argument("--peer", type=Path, default=os.environ.get("TENFOLD_KERAS_PYTHON", KERAS_PYTHON))
    parser.add_argument("--report-only", action="store_true", help="measure nothing, show the results in the file")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "quick.jsonl" if arguments.quick else RESULTS
        if not arguments.report_only:
            measure(file, programs(arguments, Path(folder)))
        results = read(file)
    show(results)
    if not arguments.quick:
        draw(results)
    return judge(results)


def programs(arguments: argparse.Namespace, folder: Path) -> list[Program]:
    recipes = ["flash", "fast"] if arguments.quick else arguments.recipes.split(",")
    seeds = 3 if arguments.quick else arguments.seeds
    ours = [
        Program(name, [sys.executable, str(PEERS / "tenfold_recipe.py"), name], seeds or CLAIMS[name].seeds)
        for name in recipes
    ]
    if arguments.quick or arguments.ours:
        return ours
    others = [
        Program("one epoch, channels last", [sys.executable, str(PEERS / "one_epoch.py"), "channels_last"], 5),
        Program("PyTorch example, 1 epoch", [sys.executable, str(PEERS / "pytorch_example.py"), "1"], 3),
        Program("PyTorch example, 5 epochs", [sys.executable, str(PEERS / "pytorch_example.py"), "5"], 1),
    ]
    python = Path(arguments.peer)
    if not python.exists():
        print(f"peer skipped: there is no {python}; `make keras-peer` makes .venv-keras")
        return ours + others
    data = keras_file(folder)
    convnet = [str(python), str(PEERS / "keras_convnet.py"), str(data)]
    others += [
        Program(f"Keras example, {epochs} epoch{'s' * (epochs > 1)}", [*convnet, str(epochs)], n)
        for epochs, n in ((1, 3), (5, 1), (15, 1))
    ]
    return ours + others


def keras_file(folder: Path) -> Path:
    mnist = load_data("mnist")
    assert mnist.train is not None
    assert mnist.test is not None
    path = folder / "mnist.npz"
    train, test = mnist.train, mnist.test
    np.savez(path, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)
    return path


def measure(file: Path, programs: list[Program]) -> None:
    """Add to `file` a line for each program and seed that is not in it yet."""
    done = {(result["program"], result["seed"]) for result in read(file)}
    for program in programs:
        for seed in range(program.seeds):
            if (program.name, seed) in done:
                continue
            unit = run(Program(UNIT, [sys.executable, str(PEERS / "one_epoch.py")], 1), seed)
            result = run(program, seed)
            machine = device_name(torch.device("cpu"))
            lines = [
                {"program": UNIT, "seed": f"{program.name} {seed}", "T": unit["seconds"], **unit},
                {"program": program.name, "seed": seed, "T": unit["seconds"], "machine": machine, **result},
            ]
            with file.open("a") as out:
                out.writelines(json.dumps(line) + "\n" for line in lines)
            print(
                f"{program.name} seed {seed}: {result['errors']} errors, {result['seconds']:.1f} s = "
                f"{result['seconds'] / unit['seconds']:.2f} T",
                file=sys.stderr,
            )


def run(program: Program, seed: int) -> dict[str, Any]:
    python, script, *rest = program.command
    # Keras' program takes the data before the seed, ours the recipe; the others take settings after it.
    first, last = (rest[:1], rest[1:]) if script.endswith(("keras_convnet.py", "tenfold_recipe.py")) else ([], rest)
    done = subprocess.run([python, script, *first, str(seed), *last], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def by_program(results: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name in dict.fromkeys(result["program"] for result in results):
        yield name, [result for result in results if result["program"] == name]


def accuracies(runs: list[dict[str, Any]]) -> list[float]:
    return [100 * (1 - run["errors"] / TEST_DIGITS) for run in runs]


def times(runs: list[dict[str, Any]]) -> float:
    return statistics.median(run["seconds"] / run["T"] for run in runs)


def show(results: list[dict[str, Any]]) -> None:
    table = Table("program", "n", "test accuracy", "errors", "seconds", "in T", "parameters", "")
    for name, runs in by_program(results):
        percentages, errors = accuracies(runs), [run["errors"] for run in runs]
        spread = (
            f" ± {statistics.stdev(percentages):.3f}"
            if len(runs) > 1
            else "{:.2f} to {:.2f}".format(
                *(100 * end for end in wilson_interval(TEST_DIGITS - errors[0], TEST_DIGITS))
            ).join((" (", ")"))
        )
        table.add_row(
            name,
            str(len(runs)),
            f"{statistics.mean(percentages):.3f}{spread}",
            f"{min(errors)} to {max(errors)}" if len(runs) > 1 else str(errors[0]),
            f"{statistics.median(run['seconds'] for run in runs):.1f}",
            f"{times(runs):.2f}",
            f"{runs[0]['parameters']:,}",
            runs[0].get("precision", ""),
        )
    Console(width=120).print(table)
    for versions in dict.fromkeys(result["versions"] for result in results):
        print(versions)
    print(*dict.fromkeys(result["machine"] for result in results if "machine" in result), sep="\n")


def judge(results: list[dict[str, Any]]) -> int:
    failed = 0
    for name, runs in by_program(results):
        if name not in CLAIMS:
            continue
        claim, mean, taken = CLAIMS[name], statistics.mean(accuracies(runs)), times(runs)
        for holds, text in (
            (mean >= claim.accuracy, f"{name}: at least {claim.accuracy:g} % ({mean:.3f}, n = {len(runs)})"),
            (taken <= claim.times, f"{name}: at most {claim.times:g} T ({taken:.2f})"),
        ):
            print("holds" if holds else "FAILS", text)
            failed += not holds
    return 1 if failed else 0


def draw(results: list[dict[str, Any]]) -> None:
    """Error against seconds, both on logarithmic scales, a point a program."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "tenfold", "font.family": "sans-serif", "svg.fonttype": "none"}
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator

    points = {
        name: (statistics.median(run["seconds"] for run in runs), 100 - statistics.mean(accuracies(runs)))
        for name, runs in by_program(results)
    }
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, (seconds, error) in points.items():
        shape, color = ("o", "#c2410c") if name in CLAIMS else ("s", "#64748b")
        axes.plot(seconds, error, shape, color=color, markersize=7)
        crowded = any(1 < x / seconds < 6 and 0.85 < y / error < 1.15 for x, y in points.values())
        at, side = ((-6, 4), "right") if crowded else ((6, 4), "left")
        axes.annotate(name, (seconds, error), xytext=at, textcoords="offset points", ha=side, fontsize=9)
    axes.set(xscale="log", yscale="log", xlabel="seconds of training on two cores", ylabel="test errors, %")
    axes.set_xlim(min(x for x, _ in points.values()) / 3, max(x for x, _ in points.values()) * 8)
    for axis, ticks in ((axes.xaxis, (1, 3, 10, 30, 100, 300, 1000, 3000)), (axes.yaxis, (0.2, 0.3, 0.5, 0.7, 1, 2))):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.25)
    axes.set_title("MNIST: the time it takes to be right", loc="left", fontsize=11)
    figure.savefig(PLOT, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
