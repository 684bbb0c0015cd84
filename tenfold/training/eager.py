"""PyTorch's optimizers without their hooks for torch.compile, whose import takes longer than a short training.

PyTorch wraps the public methods of its optimizers to hide them from torch.compile, and imports all of it, 0.8 s of
processor time, when one of them is called first. The wrapped methods are the same code.
"""

from inspect import unwrap
from typing import Any

import torch
from torch.optim import Optimizer


def eager_step(optimizer: type[Optimizer]) -> Any:
    return torch.no_grad()(unwrap(optimizer.step))


class EagerMethods:
    add_param_group: Any = unwrap(Optimizer.add_param_group)
    zero_grad: Any = unwrap(Optimizer.zero_grad)
    state_dict: Any = unwrap(Optimizer.state_dict)
    load_state_dict: Any = unwrap(Optimizer.load_state_dict)


class Adam(EagerMethods, torch.optim.Adam):
    step = eager_step(torch.optim.Adam)


class AdamW(EagerMethods, torch.optim.AdamW):
    step = eager_step(torch.optim.AdamW)


class RMSprop(EagerMethods, torch.optim.RMSprop):
    step = eager_step(torch.optim.RMSprop)


class SGD(EagerMethods, torch.optim.SGD):
    step = eager_step(torch.optim.SGD)
