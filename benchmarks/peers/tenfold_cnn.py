"""`cnn-887k` as `tenfold train` trains it: one long `fit` with augmentation, checkpoints and the precision it chooses.

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
from tenfold.training.digits import fit
from tenfold.training.state import State


class Turns:
    """A watcher who lets the training go on for as many steps as it is told, then waits."""

    def __init__(self, network: Network, batch: int) -> None:
        self.about = {
            "versions": f"tenfold {__version__}, PyTorch {torch.__version__}",
            "threads": torch.get_num_threads(),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "batch_size": batch,
            "flops_per_image": flops_per_image(network, batch),
        }
        self.left = self.turn = 0

    def step(self, state: State, steps: int) -> None:
        self.left -= 1
        if self.left > 0:
            return
        # The first step of all is nobody's turn: before it, the precision is not known.
        say(time.perf_counter() - self.start if self.turn else self.about | {"precision": state.precision})
        self.left = self.turn = next_turn()
        self.start = time.perf_counter()

    def epoch(self, state: State) -> None: ...

    def stop(self) -> bool:
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
    fit(recipe, digits, None, run, torch.device("cpu"), Turns(build(recipe), recipe.batch_size))
