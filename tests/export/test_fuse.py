import pytest
import torch
from torch import nn

from tenfold.export.fuse import pooled_last
from tenfold.nets import build


@pytest.fixture
def network(make_recipe, make_digits):
    """Stages with a pool in each of its two first convolutions, and figures of batch norm as after a training."""
    recipe = make_recipe(net={"kind": "cnn", "stem": 4, "filters": [6, 8], "depth": 2, "head": "avgmax"})
    network = build(recipe, torch.tensor(make_digits(50).images))
    torch.manual_seed(0)
    for norm in norms(network):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.2, 2)
        nn.init.normal_(norm.bias, 0, 0.5)
    return network.eval()


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def kinds(network):
    return [type(layer).__name__ for layer in network.body]


def test_pooling_moves_behind_relu_and_nothing_else_changes(network, make_digits):
    images, before = torch.tensor(make_digits(20, seed=3).images), kinds(network)
    moved = pooled_last(network)
    assert kinds(moved)[:4] == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert sorted(kinds(moved)) == sorted(before)
    assert kinds(network) == before, "the network itself stays as it was"
    torch.testing.assert_close(moved(images), network(images))


def test_a_maximum_that_batch_norm_would_make_a_minimum_stays_before_it(network, make_digits):
    images = torch.tensor(make_digits(20, seed=3).images)
    nn.init.constant_(norms(network)[0].weight[:1], -0.5)
    moved = pooled_last(network)
    assert kinds(moved)[:4] == ["Conv2d", "MaxPool2d", "BatchNorm2d", "ReLU"]
    assert kinds(moved)[7:11] != kinds(network)[7:11], "the second pool still moves"
    torch.testing.assert_close(moved(images), network(images))
