"""The whole job as a person does it, timed and scored: train `fast` on Kaggle's files, write the submission.

    python benchmarks/kaggle_job.py digit-recognizer.zip [--seeds 3] [--recipe fast]

Claims: a valid submission with a line for every test row, at least 99.5 % of them right on average over the seeds. The
truth is found in public MNIST by the pixels (TENFOLD_MNIST or `tenfold data download mnist`), after each training.
Time is that of the command line's own training; it is printed, not judged. Exits with 1 when a claim fails.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from answers import answers
from rich.console import Console
from rich.table import Table

from tenfold.data import load_data
from tenfold.data.split import prediction_data
from tenfold.evaluation.statistics import wilson_interval
from tenfold.submission import read_submission

LEAST = 0.995


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    truth = answers(prediction_data(load_data(arguments.data)))
    table = Table("seed", "held out", "test", "95 % interval", "errors", "training", "images/s", "precision")
    shares, seconds = [], []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            run, submission = Path(folder) / "run", Path(folder) / "submission.csv"
            wanted = ["--recipe", arguments.recipe, "--seed", str(seed), "--out", str(run)]
            metrics = tenfold("train", arguments.data, *wanted)
            tenfold("submit", str(run), arguments.data, "--out", str(submission))
            wrong = int((read_submission(submission, rows=len(truth)) != truth).sum())
        shares.append(1 - wrong / len(truth))
        seconds.append(metrics["seconds"])
        low, high = wilson_interval(len(truth) - wrong, len(truth))
        table.add_row(
            str(seed),
            f"{100 * metrics['held_out']['accuracy']:.2f} %",
            f"{100 * shares[-1]:.2f} %",
            f"{100 * low:.2f} to {100 * high:.2f}",
            f"{wrong} of {len(truth):,}",
            f"{seconds[-1]:.0f} s",
            f"{metrics['images_per_second']:,.0f}",
            metrics["precision"],
        )
    Console(width=110).print(table)
    spread = f" ± {100 * statistics.stdev(shares):.2f}" if len(shares) > 1 else ""
    mean = statistics.fmean(shares)
    median = f"median {statistics.median(seconds):.0f} s"
    print(f"{arguments.recipe}: mean {100 * mean:.3f}{spread} %, n = {len(shares)}, {median}")
    print(f"{metrics['device']}; {metrics['versions']}")
    if mean < LEAST:
        sys.exit(f"the claim of {100 * LEAST:.1f} % fails")


def tenfold(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tenfold", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
