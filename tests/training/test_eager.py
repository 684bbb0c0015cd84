import subprocess
import sys

import pytest
import torch

from tenfold.training import eager

OPTIONS = {
    "Adam": {"lr": 0.01, "betas": (0.8, 0.9), "fused": True},
    "AdamW": {"lr": 0.01, "weight_decay": 0.1, "fused": True},
    "RMSprop": {"lr": 0.01, "alpha": 0.9, "foreach": True},
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "fused": True},
}


def train_steps(optimizer_type, options, resume=None):
    """The weights after three steps and the optimizer's state, continuing from another state if given."""
    torch.manual_seed(0)
    weights = torch.randn(4, 3, requires_grad=True)
    optimizer = optimizer_type([{"params": [weights], "own": 1}], **options)
    if resume is not None:
        optimizer.load_state_dict(resume)
    for step in range(3):
        optimizer.zero_grad(set_to_none=True)
        (weights.sin() * (step + 1)).sum().backward()
        optimizer.step()
    return weights.detach(), optimizer.state_dict()


@pytest.mark.parametrize("name", OPTIONS)
def test_eager_optimizer_computes_the_same_bits_as_pytorch(name):
    ours, theirs = getattr(eager, name), getattr(torch.optim, name)
    weights, state = train_steps(ours, OPTIONS[name])
    expected, expected_state = train_steps(theirs, OPTIONS[name])
    assert torch.equal(weights, expected)
    assert state["param_groups"] == expected_state["param_groups"]
    assert torch.equal(
        train_steps(ours, OPTIONS[name], expected_state)[0], train_steps(theirs, OPTIONS[name], state)[0]
    )


SCRIPT = """
import sys, torch
from tenfold.nets import build
from tenfold.recipes import find
from tenfold.training.optim import make_optimizer
for name in sys.argv[1:]:
    recipe = find("flash").recipe
    network = build(recipe)
    settings = recipe.optimizer.model_copy(update={"name": name, "weight_decay": 0.0})
    optimizer = make_optimizer(network, settings)
    network(torch.zeros(2, 28, 28)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.state_dict()
assert "torch._dynamo" not in sys.modules
"""


def test_optimizers_do_not_import_torch_compile():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "adam", "adamw", "muon", "rmsprop", "sgd"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
