"""How many images a second `cnn-887k` trains on, compared with Keras 3 on TensorFlow and a plain PyTorch loop.

    python benchmarks/training_speed.py [DATA] [--peer .venv-keras/bin/python] [--quick]

Claim: at least 4 times the images a second of Keras 3 + TensorFlow, on the CPU of the same machine in the same run. It
fails on a Zen 4, where default Keras reaches 44 % of the bfloat16 peak. Two smaller claims, slightly below the first
measurement there (1.65 and 1.02), catch regressions: 1.4 times default Keras and 0.9 times its fastest form. They are
for processors whose bfloat16 doubles the rate of a matrix product (AMD's since Zen 4, Intel's with AMX).

- tenfold runs its training loop with everything: augmentation, dropout, checkpoints, and the faster precision. Default
  Keras is the faster of two: without augmentation (less work than ours) and with it. Its other forms are mixed bfloat16
  and XLA. All train the same layers, 887,530 parameters, with RMSprop in batches of 86 on the same digits; their
  programs are in benchmarks/peers and leave the number of threads to the libraries.
- Each is a process that runs for the entire benchmark, after a warm-up. They take turns, one at a time, so that other
  load on the machine affects all of them. The claim is about the ratio of the medians.
- FLOP/s counts convolutions and matrix products, forward and backward, and is compared with the fastest product of two
  2048x2048 matrices in PyTorch, measured before every round.
- DATA is any source of labeled digits, repeated until there are enough; by default the embedded ones.

Keras runs in its own environment (`make keras-peer`; --peer or TENFOLD_KERAS_PYTHON names another). Without it, a line
"peer skipped" gives the reason, and nothing is claimed. Exits with 1 if a measured claim fails.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peak import matrix_product

from tenfold.data import load_data
from tenfold.training.device import PRECISIONS, device_name

FACTOR, AS_IT_COMES, AS_FAST = 4.0, 1.4, 0.9
SAMPLES = 440 * 86  # an epoch of nine tenths of Kaggle's samples, in full batches
WARM_UP = 5  # batches
PEERS = Path(__file__).parent / "peers"
KERAS_PYTHON = PEERS.parents[1] / ".venv-keras" / "bin" / "python"
OURS = "tenfold, augmented"


class Skipped(Exception):
    """A program that can't be measured here, and why."""


class Program:
    """One of the programs that train, waiting for its turn; they speak as benchmarks/peers/rounds.py says."""

    def __init__(self, python: Path, script: str, *arguments: str | Path) -> None:
        if not python.exists():
            raise Skipped(f"there is no {python}; `make keras-peer` makes .venv-keras")
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the process
        command = [python, PEERS / script, *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1
        )
        self.description: dict[str, Any] = self._answer()

    def train(self, batches: int) -> float:
        """Seconds for so many batches."""
        assert self.process.stdin
        self.process.stdin.write(f"{batches}\n")
        return float(self._answer())

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.log.seek(0)
            last = (self.log.read().strip() or f"exit code {self.process.returncode}").splitlines()[-1]
            raise Skipped(f"{self.process.args[1].name} ended: {last}")  # type: ignore[index,union-attr]
        return json.loads(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="?", default="digits", help="labeled digits; default: the embedded ones")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 20 batches, not 7 of 60, and no XLA (slow)")
    parser.add_argument("--peer", type=Path, default=os.environ.get("TENFOLD_KERAS_PYTHON", KERAS_PYTHON))
    arguments = parser.parse_args()
    rounds, batches = (3, 20) if arguments.quick else (7, 60)
    variants = ("plain", "augmented", "bfloat16") if arguments.quick else ("plain", "augmented", "bfloat16", "xla")

    with tempfile.TemporaryDirectory() as folder:
        data = digits(arguments.data, Path(folder))
        programs, skipped = start(data, Path(arguments.peer), variants)
        seconds, peaks = measure(programs, rounds, batches)
        for program in programs.values():
            program.end()
    batch = programs[OURS].description["batch_size"]
    rates = {name: [batches * batch / each for each in measured] for name, measured in seconds.items()}
    show(programs, rates, peaks, f"{rounds} rounds of {batches} batches of {batch}")
    return report(rates, skipped)


def digits(spec: str, folder: Path) -> Path:
    train = load_data(spec).train
    if train is None or train.labels is None:
        sys.exit(f"{spec}: these digits have no labels to train on")
    indices = np.arange(SAMPLES) % len(train)
    np.savez(folder / "digits.npz", images=train.images[indices], labels=train.labels[indices])
    return folder / "digits.npz"


def start(data: Path, keras_python: Path, variants: tuple[str, ...]) -> tuple[dict[str, Program], str]:
    """The programs by name, and why Keras is not among them ("" where it is)."""
    python = Path(sys.executable)
    programs = {
        OURS: Program(python, "tenfold_cnn.py", data),
        "PyTorch, plain loop": Program(python, "torch_cnn.py", data),
    }
    try:
        for variant in variants:
            programs[f"Keras, {variant}"] = Program(keras_python, "keras_cnn.py", data, variant)
    except Skipped as reason:
        return programs, str(reason)
    return programs, ""


def measure(
    programs: dict[str, Program], rounds: int, batches: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds by program and FLOP/s of a matrix product by precision, a figure a round."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    peaks: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for program in programs.values():
        program.train(WARM_UP)
    for _ in range(rounds):
        for precision in PRECISIONS:
            peaks[precision].append(matrix_product(PRECISIONS[precision]))
        for name, program in programs.items():
            seconds[name].append(program.train(batches))
    return seconds, peaks


def show(
    programs: dict[str, Program], rates: dict[str, list[float]], peaks: dict[str, list[float]], rounds: str
) -> None:
    ours = programs[OURS].description
    best = {precision: max(measured) for precision, measured in peaks.items()}
    print(f"{device_name(torch.device('cpu'))} of {os.cpu_count()} cores; {rounds}, taken in turns after a warm-up")
    print("matrix product: " + ", ".join(f"{precision} {peak / 1e9:,.0f} GFLOP/s" for precision, peak in best.items()))
    print(f"tenfold trains in {ours['precision']}; {ours['flops_per_image'] / 1e6:.0f} MFLOP an image\n")
    fractions = "".join(f"{'of ' + precision:>14}" for precision in best)
    print(f"{'':22}{'images/s':>9}{'min':>8}{'max':>8}{'tenfold is':>12}{'pairwise':>16}{'GFLOP/s':>9}{fractions}")
    for name, measured in rates.items():
        rate = statistics.median(measured)
        flops = rate * ours["flops_per_image"]
        columns = f"{rate:>9,.0f}{min(measured):>8,.0f}{max(measured):>8,.0f}"
        if name == OURS:
            columns += f"{'':28}"
        else:
            pairs = [mine / theirs for mine, theirs in zip(rates[OURS], measured, strict=True)]
            columns += f"{ratio(rates, name):>11.2f}x{f'{min(pairs):.2f} to {max(pairs):.2f}':>16}"
        print(f"{name:22}{columns}{flops / 1e9:>9,.0f}" + "".join(f"{flops / peak:>14.0%}" for peak in best.values()))
    print()
    for name, program in programs.items():
        parameters, threads, versions = (program.description[key] for key in ("parameters", "threads", "versions"))
        print(f"{name:22}{parameters:,} parameters, {threads} threads, {versions}")
    print()


def ratio(rates: dict[str, list[float]], name: str) -> float:
    return statistics.median(rates[OURS]) / statistics.median(rates[name])


def report(rates: dict[str, list[float]], skipped: str) -> int:
    if skipped:
        print(f"peer skipped: {skipped}")
        return 0
    plain = min(("Keras, plain", "Keras, augmented"), key=lambda name: ratio(rates, name))
    fastest = min((name for name in rates if name.startswith("Keras")), key=lambda name: ratio(rates, name))
    failed = 0
    claims = (
        (fastest, FACTOR, "the fastest Keras"),
        (plain, AS_IT_COMES, "Keras as it comes"),
        (fastest, AS_FAST, "the fastest Keras"),
    )
    for name, factor, what in claims:
        holds = ratio(rates, name) >= factor
        failed += not holds
        print(
            f"{'holds' if holds else 'FAILS'}  at least {factor:g} times the images a second of {what} ({name}): ",
            end="",
        )
        print(f"{ratio(rates, name):.2f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
