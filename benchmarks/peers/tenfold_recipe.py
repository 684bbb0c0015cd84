"""One of our recipes on MNIST's 60,000 training digits, timed from data in memory to trained weights.

    python tenfold_recipe.py RECIPE SEED [AT_ONCE]

Prints one JSON line. Nothing is held out, so that the recipe sees all rows as the other programs do; the test digits
are read once, after the clock has stopped.
"""

from tenfold.cpu import choose_wait_policy

choose_wait_policy()  # as the command line does, before PyTorch is loaded

import json
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch._dynamo  # which the first optimizer would load

from tenfold.data import load_data
from tenfold.nets import parameter_count
from tenfold.recipes import find
from tenfold.run import Run
from tenfold.training.device import find_device
from tenfold.training.digits import fit, score
from tenfold.training.ensemble import fit_members
from tenfold.training.loop import Unwatched


def main() -> None:
    name, seed, jobs = sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["1"])[0])
    recipe = find(name).recipe.model_copy(update={"seed": seed, "validation_split": 0})
    mnist = load_data("mnist")
    assert mnist.train is not None
    assert mnist.test is not None
    device = find_device()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.checkpoints.mkdir()
        start = time.perf_counter()
        if recipe.ensemble_size > 1:
            fitted = fit_members(recipe, mnist.train, None, run, device, Unwatched(), jobs=jobs)
        else:
            fitted = fit(recipe, mnist.train, None, run, device, Unwatched())
        seconds = time.perf_counter() - start
    _, accuracy = score(fitted.network.to(device), mnist.test, device, "float32")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "errors": round((1 - accuracy) * len(mnist.test)),
                "parameters": parameter_count(fitted.network),
                "precision": fitted.state.precision,
                "versions": f"PyTorch {torch.__version__}",
            }
        )
    )


if __name__ == "__main__":
    main()
