"""`cnn-635k` in Keras itself, on the rows that the recipe trains on and holds out, beside what the recipe reached.

    python benchmarks/write_up_in_keras.py digit-recognizer.zip --seeds 2

For the one published figure that the recipe does not reach: is it the recipe that falls short, or would Keras, too?
Each training takes ten minutes, leaves a JSON file in benchmarks/reproduction/keras, and is not done again. Exits with
1 when Keras makes fewer errors on the test rows than the recipe by more than chance explains: two standard errors of
the difference, binomial. `make keras-peer` makes the environment.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from mnist_labels import mnist_labels

from tenfold.data import load_data
from tenfold.data.split import stratified_split, training_data, without_labels
from tenfold.files import write_json
from tenfold.recipes import RECIPES

HERE = Path(__file__).parent
OURS, KERAS = HERE / "reproduction", HERE / "reproduction" / "keras"
NAME = "cnn-635k"


def trained(seed: int, epochs: int, source: str, python: str) -> dict:
    """Keras' training of this seed, and how many of the test rows it reads wrong."""
    data = load_data(source)
    labeled, test = training_data(data), without_labels(data.test)
    rows, held = stratified_split(labeled.labels, RECIPES[NAME].recipe.validation_split, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        np.savez(
            file,
            images=labeled.images[rows],
            labels=labeled.labels[rows],
            held_images=labeled.images[held],
            held_labels=labeled.labels[held],
            test_images=test.images,
        )
        command = [python, HERE / "peers" / "keras_635k.py", file, seed, epochs]
        ran = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE)
    result = json.loads(ran.stdout)
    errors = int((np.array(result.pop("predictions")) != mnist_labels(test)).sum())
    return result | {"seed": seed, "epochs": epochs, "test_rows": len(test), "test_errors": errors}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="digit-recognizer.zip, or whatever `tenfold train` takes")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=RECIPES[NAME].recipe.epochs)
    parser.add_argument("--keras", default=".venv-keras/bin/python", help="a Python that has Keras, TensorFlow, SciPy")
    arguments = parser.parse_args()
    if not Path(arguments.keras).exists():
        sys.exit("Keras is not there: `make keras-peer` makes its environment")
    for seed in range(arguments.seeds):
        file = KERAS / f"{NAME}-seed{seed}.json"
        if not file.exists():
            write_json(file, trained(seed, arguments.epochs, arguments.data, arguments.keras))
    error_rates = {}
    for who, folder in (("tenfold", OURS), ("Keras", KERAS)):
        runs = [json.loads(file.read_text()) for file in sorted(folder.glob(f"{NAME}-seed*.json"))]
        errors, rows = (sum(run[what] for run in runs) for what in ("test_errors", "test_rows"))
        error_rates[who] = errors / rows, rows
        alone = ", ".join(str(run["test_errors"]) for run in runs)
        held = ", ".join(f"{100 * run['validation_accuracy']:.2f}" for run in runs)
        print(f"{who:8} {100 - 100 * errors / rows:.2f} % of the test rows right (errors: {alone}); held out {held} %")
    (ours, n), (theirs, m) = error_rates["tenfold"], error_rates["Keras"]
    noise = 2 * math.sqrt(ours * (1 - ours) / n + theirs * (1 - theirs) / m)
    holds = ours - theirs <= noise
    print(f"{'holds' if holds else 'FAILS'}  no more errors than Keras makes, by chance "
          f"({100 * (ours - theirs):+.3f} points, noise {100 * noise:.3f})")  # fmt: skip
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
