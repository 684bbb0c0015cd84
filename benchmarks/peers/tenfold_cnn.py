"""`cnn-887k` as `tenfold train` trains it: with augmentation, checkpoints and the faster precision.

    python tenfold_cnn.py DATA.npz

DATA.npz: images uint8 (N, 28, 28), labels uint8 (N,).
"""

from tenfold.cpu import choose_wait_policy

choose_wait_policy()  # as the command line does, before PyTorch is loaded

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rounds import next_turn, say
from torch.utils.flop_counter import FlopCounterMode

from tenfold import __version__
from tenfold.data import Dataset
from tenfold.nets import Network, build
from tenfold.recipes import RECIPES
from tenfold.run import Run
from tenfold.training.callbacks import Callback
from tenfold.training.digits import DigitTask
from tenfold.training.state import TrainState


class Turns(Callback):
    """Lets the training run for as many steps as it is asked for, then waits."""

    def __init__(self, network: Network, batch: int) -> None:
        self.description = {
            "versions": f"tenfold {__version__}, PyTorch {torch.__version__}",
            "threads": torch.get_num_threads(),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "batch_size": batch,
            "flops_per_image": flops_per_image(network, batch),
        }
        self.left = self.turn = 0

    def on_step(self, state: TrainState) -> None:
        self.left -= 1
        if self.left > 0:
            return
        # The very first step belongs to no turn.
        say(time.perf_counter() - self.start if self.turn else self.description | {"precision": state.precision})
        self.left = self.turn = next_turn()
        self.start = time.perf_counter()

    def should_stop(self) -> bool:
        return self.turn == 0


def flops_per_image(network: Network, batch: int) -> float:
    """Of one step's convolutions and matrix products, forward and backward; a multiply-add is two."""
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(batch, 28, 28)).sum().backward()
    return counter.get_total_flops() / batch


recipe = RECIPES["cnn-887k"].recipe.model_copy(update={"epochs": 100_000})  # until there are no more turns
data = np.load(sys.argv[1])
digits = Dataset(data["images"], data["labels"], "benchmark")
with tempfile.TemporaryDirectory() as folder:
    run = Run(Path(folder))
    run.checkpoints.mkdir()
    # On the CPU even where there is a better device: that is where the peers train.
    task = DigitTask(recipe, digits, None, torch.device("cpu"))
    task.fit(run, task.select_precisions("auto"), [Turns(build(recipe), recipe.batch_size)])
