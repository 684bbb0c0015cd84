"""Optimizers, learning-rate schedules and the moving average of weights."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from tenfold.recipes.schema import Linear, OneCycle, Optimizer, Plateau, Recipe
from tenfold.training.eager import SGD, Adam, AdamW, RMSprop
from tenfold.training.muon import Muon

KERAS_EPSILON = 1e-7  # of the write-ups' optimizers; PyTorch's 1e-8 makes no difference to our own recipes
PLATEAU_THRESHOLD = 1e-4  # the smallest improvement that counts, as in Keras
ADAMS: dict[str, type[torch.optim.Adam]] = {"adam": Adam, "adamw": AdamW, "muon": Muon}


def make_optimizer(network: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """The optimizer over all parameters; each group's `lr_scale` is its learning rate relative to the recipe's."""
    device = next(network.parameters()).device
    on_cuda = device.type == "cuda"
    groups = parameter_groups(network, settings)
    for group in groups:
        # A step captured as a CUDA graph reads its learning rate from the device.
        lr = settings.lr * group["lr_scale"]
        group["lr"] = torch.tensor(lr, device=device) if on_cuda else lr
    if settings.name == "rmsprop":
        return RMSprop(groups, alpha=settings.alpha, eps=KERAS_EPSILON, foreach=True, capturable=on_cuda)
    if settings.name == "sgd":
        return SGD(groups, momentum=settings.momentum, nesterov=settings.momentum > 0, fused=True)
    optimizer = ADAMS[settings.name]
    return optimizer(groups, betas=settings.betas, eps=KERAS_EPSILON, fused=True, capturable=on_cuda)


def parameter_groups(network: nn.Module, settings: Optimizer) -> list[dict[str, Any]]:
    """Weights, parameters without weight decay (biases and norms), and Muon's hidden weights.

    Hidden weights are all but those of the first and the last layer.
    """
    parameters = list(network.parameters())
    weights = [p for p in parameters if p.ndim > 1]
    biases = [p for p in parameters if p.ndim <= 1]
    hidden = weights[1:-1] if settings.name == "muon" else []
    others = [weights[0], weights[-1]] if hidden else weights
    scale = (settings.adamw_lr or settings.lr) / settings.lr
    groups: list[dict[str, Any]] = [
        {"params": others, "weight_decay": settings.weight_decay, "lr_scale": scale, "hidden": False},
        {"params": biases, "weight_decay": 0.0, "lr_scale": scale, "hidden": False},
    ]
    if hidden:
        betas = settings.momentum, settings.betas[1]
        groups.append({"params": hidden, "weight_decay": 0.0, "lr_scale": 1.0, "hidden": True, "betas": betas})
    return groups


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of each parameter group from the recipe's."""
    for group in optimizer.param_groups:
        group_lr = lr * group["lr_scale"]
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(group_lr)
        else:
            group["lr"] = group_lr


def schedule_factor(recipe: Recipe, step: int, steps: int) -> float:
    """What the schedule multiplies the learning rate by in step `step` of `steps`; 1 for constant and plateau."""
    schedule = recipe.schedule
    if isinstance(schedule, OneCycle):
        return one_cycle(step, steps, schedule.warmup_fraction)
    if isinstance(schedule, Linear):
        return linear(step, steps, schedule.warmup_fraction)
    return 1.0


def one_cycle(step: int, steps: int, warmup: float) -> float:
    """Cosine from 1/25 up to 1, then down to 1/250,000 at the last step (Smith & Topin 2018, fastai's ends).

    A single step gets the maximum.
    """
    if steps == 1:
        return 1.0
    peak = warmup * steps - 1
    if step <= peak:
        return _cosine(1 / 25, 1.0, step / max(peak, 1))
    return _cosine(1.0, 1 / 250_000, (step - peak) / max(steps - 1 - peak, 1e-9))


def linear(step: int, steps: int, warmup: float) -> float:
    """Linear from 0 up to 1 over the first `warmup` of all steps, then down to 0."""
    warmup_steps = warmup * steps
    if step + 1 <= warmup_steps:
        return (step + 1) / warmup_steps
    return min((steps - step) / max(steps - warmup_steps, 1.0), 1.0)


def _cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(fraction, 1.0))) / 2


def reduce_on_plateau(
    plateau: Plateau, lr: float, score: float, best: float | None, bad_epochs: int
) -> tuple[float, float, int]:
    """(lr, best, bad_epochs) after an epoch with `score`, higher being better.

    Counts as Keras' ReduceLROnPlateau did when the write-ups used it (2.0 and 2.1): the learning rate falls in the
    epoch after `patience` epochs without improvement, and again after every `patience` more; today's Keras is one
    epoch faster.
    """
    if best is None or score > best + PLATEAU_THRESHOLD:
        return lr, score, 0
    if bad_epochs < plateau.patience:
        return lr, best, bad_epochs + 1
    return min(lr, max(lr * plateau.factor, plateau.min_lr)), best, 1


class ExponentialMovingAverage:
    """Moving average of weights; its decay warms up, so that the random initial weights are soon forgotten."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors: dict[str, Tensor] = {name: t.detach().clone() for name, t in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Average in the network's weights after step `step`, from 0; counters are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1 - decay)
            else:
                self.tensors[name].copy_(tensor)
