"""Whom a student learns from: a run's network, on the device where the student is trained, or any model's file."""

from pathlib import Path

import torch
from torch import Tensor

from tenfold.model import Model, load_model
from tenfold.nets import Network
from tenfold.run import Run
from tenfold.training.device import autocast
from tenfold.training.trained import network_of

Teacher = Model | Network


def load_teacher(name: str) -> Teacher:
    """The network of a run folder, else the model that `name` stands for. Raises as `load_model` and `network_of`."""
    model, run = load_model(name), Run(Path(name))
    if not run.weights.exists():
        return model
    if run.manifest.exists():
        run.verify_files(run.recipe, run.weights, run.rows)
    network = network_of(run)
    for module in network.modules():
        if isinstance(module, Network):
            module.tta = 1  # it sees many changed images of each digit: one look at each is enough
    return network


def probabilities(teacher: Teacher, pixels: Tensor, precision: str) -> Tensor:
    """What a teacher says of changed images (B, 28, 28), 0 to 255: (B, 10)."""
    if isinstance(teacher, Model):
        images = pixels.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return torch.from_numpy(teacher.predict_proba(images)).to(pixels.device)
    with torch.no_grad(), autocast(pixels.device, precision):
        said: Tensor = teacher(pixels)
    return said.float().softmax(1)
