"""The teacher of a distillation: a run's network on the student's device, or any model file."""

from pathlib import Path

import torch
from torch import Tensor

from tenfold.model import Model, load_model
from tenfold.nets import Network
from tenfold.run import Run
from tenfold.training.checkpoint import load_network
from tenfold.training.device import autocast

Teacher = Model | Network


def load_teacher(name: str) -> Teacher:
    """The network of a run folder, else the model that `name` stands for. Raises as `load_model`, `load_network`."""
    model, run = load_model(name), Run(Path(name))
    if not run.weights.exists() or run.read_json(run.recipe)["net"]["kind"] == "custom":
        return model  # of a network of the user's own, too: nothing is imported to read a model
    if run.manifest.exists():
        run.verify_files(run.recipe, run.weights, run.image_hashes)
    network = load_network(run)
    for module in network.modules():
        if isinstance(module, Network):
            module.tta = 1  # it is shown many augmented images of each digit, so test-time augmentation adds nothing
    return network


def teacher_probabilities(teacher: Teacher, pixels: Tensor, precision: str) -> Tensor:
    """The teacher's probabilities (B, 10) for augmented images (B, 28, 28), 0 to 255."""
    if isinstance(teacher, Model):
        images = pixels.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return torch.from_numpy(teacher.predict_proba(images)).to(pixels.device)
    with torch.no_grad(), autocast(pixels.device, precision):
        logits: Tensor = teacher(pixels)
    return logits.float().softmax(1)
