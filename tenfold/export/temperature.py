"""Temperature scaling: a network's confidence made to match its accuracy."""

import numpy as np
import torch

from tenfold.data.dataset import Dataset
from tenfold.evaluation.calibration import fit_temperature
from tenfold.nets import Network

BATCH_SIZE = 1000


@torch.no_grad()
def calibrate(network: Network, held_out: Dataset) -> float:
    """Divide the logits of the digits by a temperature, inside the network; returns the temperature.

    It is fitted on `held_out`, labeled samples that the network was not trained on (Guo et al. 2017, "On calibration of
    modern neural networks").
    """
    assert held_out.labels is not None
    starts = range(0, len(held_out), BATCH_SIZE)
    logits = np.concatenate([network(torch.tensor(held_out.images[i : i + BATCH_SIZE])).numpy() for i in starts])
    temperature = fit_temperature(logits, held_out.labels)
    network.divide_logits(temperature)
    return temperature
