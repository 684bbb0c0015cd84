"""One of our recipes on MNIST's 60,000 training digits, timed from data in memory to trained weights.

    python tenfold_recipe.py RECIPE SEED [JOBS]

Prints one JSON line. There is no validation set, so that the recipe is trained on all samples, as the other programs
are. The test set is read once, after the time is taken.
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
from tenfold.training.device import select_device
from tenfold.training.digits import validate
from tenfold.training.train import make_task


def main() -> None:
    name, seed, jobs = sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["1"])[0])
    recipe = find(name).recipe.model_copy(update={"seed": seed, "validation_split": 0})
    mnist = load_data("mnist")
    assert mnist.train is not None
    assert mnist.test is not None
    device = select_device()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.checkpoints.mkdir()
        start = time.perf_counter()
        task = make_task(recipe, mnist.train, None, device, jobs=jobs)
        result = task.fit(run, task.select_precisions("auto"), [])
        seconds = time.perf_counter() - start
    _, accuracy = validate(result.network.to(device), mnist.test, device, "float32")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "errors": round((1 - accuracy) * len(mnist.test)),
                "parameters": parameter_count(result.network),
                "precision": result.precision,
                "versions": f"PyTorch {torch.__version__}",
            }
        )
    )


if __name__ == "__main__":
    main()
