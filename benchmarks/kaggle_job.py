"""The job from Kaggle's files to a scored submission, as a user does it: `tenfold train`, then `tenfold submit`.

    python benchmarks/kaggle_job.py digit-recognizer.zip [--seeds 3] [--recipe fast]

Claim: valid submissions with a mean accuracy of at least 99.5 % over the seeds. The labels come from public MNIST,
found by the pixels (TENFOLD_MNIST or `tenfold data download mnist`), after each training. Training time is printed
but not claimed. Exits with 1 when the claim fails.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from mnist_labels import mnist_labels
from rich.console import Console
from rich.table import Table

from tenfold.data import load_data
from tenfold.data.split import prediction_data
from tenfold.evaluation.statistics import wilson_interval
from tenfold.submission import read_submission

MIN_ACCURACY = 0.995


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    labels = mnist_labels(prediction_data(load_data(arguments.data)))
    table = Table("seed", "held out", "test", "95 % interval", "errors", "training", "images/s", "precision")
    accuracies, seconds = [], []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            run, submission = Path(folder) / "run", Path(folder) / "submission.csv"
            options = ["--recipe", arguments.recipe, "--seed", str(seed), "--out", str(run)]
            metrics = tenfold("train", arguments.data, *options)
            tenfold("submit", str(run), arguments.data, "--out", str(submission))
            errors = int((read_submission(submission, rows=len(labels)) != labels).sum())
        accuracies.append(1 - errors / len(labels))
        seconds.append(metrics["seconds"])
        low, high = wilson_interval(len(labels) - errors, len(labels))
        table.add_row(
            str(seed),
            f"{100 * metrics['validation']['accuracy']:.2f} %",
            f"{100 * accuracies[-1]:.2f} %",
            f"{100 * low:.2f} to {100 * high:.2f}",
            f"{errors} of {len(labels):,}",
            f"{seconds[-1]:.0f} s",
            f"{metrics['images_per_second']:,.0f}",
            metrics["precision"],
        )
    Console(width=110).print(table)
    deviation = f" ± {100 * statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    mean = statistics.fmean(accuracies)
    median = f"median {statistics.median(seconds):.0f} s"
    print(f"{arguments.recipe}: mean {100 * mean:.3f}{deviation} %, n = {len(accuracies)}, {median}")
    print(f"{metrics['device']}; {metrics['versions']}")
    if mean < MIN_ACCURACY:
        sys.exit(f"FAILS: a mean accuracy of at least {100 * MIN_ACCURACY:.1f} %")


def tenfold(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tenfold", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
