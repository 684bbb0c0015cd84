"""Optimizers, learning-rate schedules and the running average of weights."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from tenfold.recipes.schema import Linear, OneCycle, Optimizer, Plateau, Recipe
from tenfold.training.eager import SGD, Adam, AdamW, RMSprop
from tenfold.training.muon import Muon

KERAS_EPSILON = 1e-7  # the write-ups' optimizers; PyTorch's 1e-8 makes no difference to our own recipes


def make_optimizer(network: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """The optimizer over all parameters; weight decay spares biases and norms (what has one dimension).

    Each group says how many times the recipe's rate is its own. Muon's hidden weights are all but the first layer's and
    the last one's.
    """
    parameters = list(network.parameters())
    device = parameters[0].device
    on_cuda = device.type == "cuda"
    weights = [p for p in parameters if p.ndim > 1]
    hidden = weights[1:-1] if settings.name == "muon" else []
    rest = [weights[0], weights[-1]] if hidden else weights
    times = (settings.adamw_lr or settings.lr) / settings.lr
    groups: list[dict[str, Any]] = [
        {"params": rest, "weight_decay": settings.weight_decay, "times": times, "hidden": False},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "times": times, "hidden": False},
    ]
    if hidden:
        groups.append(
            {
                "params": hidden,
                "weight_decay": 0.0,
                "times": 1.0,
                "hidden": True,
                "betas": (settings.momentum, settings.betas[1]),
            }
        )
    for group in groups:
        # A step that is recorded on CUDA reads the rate, and counts its steps, there.
        lr = settings.lr * group["times"]
        group["lr"] = torch.tensor(lr, device=device) if on_cuda else lr
    if settings.name == "rmsprop":
        return RMSprop(groups, alpha=settings.alpha, eps=KERAS_EPSILON, foreach=True, capturable=on_cuda)
    if settings.name == "sgd":
        return SGD(groups, momentum=settings.momentum, nesterov=settings.momentum > 0, fused=True)
    kinds: dict[str, type[torch.optim.Adam]] = {"adam": Adam, "adamw": AdamW, "muon": Muon}
    return kinds[settings.name](groups, betas=settings.betas, eps=KERAS_EPSILON, fused=True, capturable=on_cuda)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group of parameters its share of the recipe's rate."""
    for group in optimizer.param_groups:
        own = rate * group["times"]
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(own)
        else:
            group["lr"] = own


def scheduled(recipe: Recipe, step: int, steps: int) -> float:
    """The share of the recipe's rate that its schedule gives to step `step` of `steps`; a plateau is not among them."""
    schedule = recipe.schedule
    if isinstance(schedule, OneCycle):
        return one_cycle(step, steps, schedule.warmup_fraction)
    if isinstance(schedule, Linear):
        return linear(step, steps, schedule.warmup_fraction)
    return 1.0


def one_cycle(step: int, steps: int, warmup: float) -> float:
    """Cosine from 1/25 up to 1, then down to 1/250,000 at the last step (Smith & Topin 2018, fastai's ends).

    A single step is the top.
    """
    if steps == 1:
        return 1.0
    top = warmup * steps - 1
    if step <= top:
        return _cosine(1 / 25, 1.0, step / max(top, 1))
    return _cosine(1.0, 1 / 250_000, (step - top) / max(steps - 1 - top, 1e-9))


def linear(step: int, steps: int, warmup: float) -> float:
    rising = warmup * steps
    if step + 1 <= rising:
        return (step + 1) / rising
    return min((steps - step) / max(steps - rising, 1.0), 1.0)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def after_plateau(
    plateau: Plateau, rate: float, score: float, best: float | None, waited: int
) -> tuple[float, float, int]:
    """(rate, best, waited) after an epoch with `score`, of which more is better.

    As Keras' ReduceLROnPlateau counted when the write-ups used it (2.0 and 2.1): the rate falls in the epoch after
    `patience` ones without improvement, and again after every `patience` more; today's Keras is one epoch quicker.
    Improvements of no more than 1e-4 do not count.
    """
    if best is None or score > best + 1e-4:
        return rate, score, 0
    if waited < plateau.patience:
        return rate, best, waited + 1
    return min(rate, max(rate * plateau.factor, plateau.min_lr)), best, 1


class Average:
    """Exponential moving average of weights; it warms up, so that the first, random weights are soon forgotten."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors: dict[str, Tensor] = {name: t.detach().clone() for name, t in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network's weights after its `step`-th step; counters are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1 - decay)
            else:
                self.tensors[name].copy_(tensor)
