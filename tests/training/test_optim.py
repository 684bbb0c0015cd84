import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tenfold.nets import build
from tenfold.recipes import find
from tenfold.recipes.schema import Constant, Linear, OneCycle, Optimizer, Plateau
from tenfold.training import eager
from tenfold.training.optim import (
    ExponentialMovingAverage,
    linear,
    make_optimizer,
    one_cycle,
    reduce_on_plateau,
    schedule_factor,
    set_learning_rate,
)


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.3), (937, 0.2), (10, 0.5), (1000, 0.05), (40, 0.9)])
def test_one_cycle_matches_pytorch(steps, warmup):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    peer = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1, total_steps=steps, pct_start=warmup)
    for step in range(steps):
        assert one_cycle(step, steps, warmup) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-12)
        optimizer.step()
        if step < steps - 1:
            peer.step()


def test_one_cycle_by_hand():
    factors = [one_cycle(step, 9, 5 / 9) for step in range(9)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[2] == pytest.approx((1 / 25 + 1) / 2)  # half way up
    assert factors[4] == 1
    assert factors[6] == pytest.approx((1 + 1 / 250_000) / 2)
    assert factors[8] == pytest.approx(1 / 250_000)


def test_linear_by_hand():
    assert [linear(step, 8, 0.25) for step in range(8)] == [0.5, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    assert [linear(step, 4, 0) for step in range(4)] == [1, 0.75, 0.5, 0.25]


@given(steps=st.integers(1, 5000), warmup=st.floats(0.001, 0.999), data=st.data())
def test_schedule_factors_are_in_range(steps, warmup, data):
    step = data.draw(st.integers(0, steps - 1))
    for factor in (one_cycle(step, steps, warmup), linear(step, steps, warmup)):
        assert 0 < factor <= 1


def test_schedule_factor_follows_recipe():
    recipe = find("dense-s").recipe
    for schedule, expected in (
        (OneCycle(warmup_fraction=0.4), one_cycle(3, 20, 0.4)),
        (Linear(warmup_fraction=0.4), linear(3, 20, 0.4)),
        (Constant(), 1.0),
        (Plateau(), 1.0),  # changes the learning rate itself
    ):
        assert schedule_factor(recipe.model_copy(update={"schedule": schedule}), 3, 20) == expected


def test_plateau_by_hand():
    """Keras 2.0's ReduceLROnPlateau with patience 2: two epochs without 1e-4 more are tolerated."""
    plateau = Plateau(patience=2, factor=0.5, min_lr=0.3)
    lr, best, bad_epochs = 1.0, None, 0
    rates = []
    for score in (0.5, 0.5, 0.50005, 0.6, 0.59, 0.61, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6):
        lr, best, bad_epochs = reduce_on_plateau(plateau, lr, score, best, bad_epochs)
        rates.append(lr)
    assert rates == [1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.3, 0.3]
    assert best == 0.61


def test_plateau_never_raises_learning_rate():
    assert reduce_on_plateau(Plateau(patience=1, min_lr=1e-3), 1e-4, 0.5, 0.5, 1) == (1e-4, 0.5, 1)


@settings(deadline=None)
@given(
    scores=st.lists(st.integers(0, 30).map(lambda n: n / 10_000 * 0.7), min_size=1, max_size=40),
    patience=st.integers(0, 4),
    factor=st.floats(0.1, 0.9),
    min_lr=st.sampled_from([0, 0.2]),
)
def test_first_plateau_reduction_matches_pytorch(scores, patience, factor, min_lr):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max", factor, patience, threshold=1e-4, threshold_mode="abs", min_lr=min_lr, eps=0
    )
    plateau = Plateau(patience=patience, factor=factor, min_lr=min_lr)
    lr, best, bad_epochs = 1.0, None, 0
    for score in scores:
        peer.step(score)
        lr, best, bad_epochs = reduce_on_plateau(plateau, lr, score, best, bad_epochs)
        assert lr == pytest.approx(optimizer.param_groups[0]["lr"])
        if lr < 1:  # PyTorch waits patience + 1 epochs again, Keras 2.0 only patience
            break


class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.norm = nn.BatchNorm1d(1)


def test_moving_average_by_hand():
    """decay = min(0.5, (1 + step) / (10 + step)): 1/10, 2/11, ... up to 1/2 at step 8."""
    network = TwoLayers()
    nn.init.constant_(network.linear.weight, 0)
    ema = ExponentialMovingAverage(network, 0.5)
    expected, decays = 0.0, []
    for step in range(12):
        nn.init.constant_(network.linear.weight, step + 1)
        network.norm.num_batches_tracked += 1
        ema.update(network, step)
        decays.append(min(0.5, (1 + step) / (10 + step)))
        expected = decays[-1] * expected + (1 - decays[-1]) * (step + 1)
        assert ema.tensors["linear.weight"][0, 0].item() == pytest.approx(expected, rel=1e-6)
    assert decays[0] == 0.1
    assert decays[8:] == [0.5] * 4
    assert ema.tensors["norm.num_batches_tracked"] == 12  # counters are copied
    assert network.linear.weight[0, 0] == 12  # and the network itself is left alone


def test_moving_average_holds_copies():
    network = TwoLayers()
    ema = ExponentialMovingAverage(network, 0.9)
    before = ema.tensors["linear.weight"].clone()
    nn.init.constant_(network.linear.weight, 99)
    assert torch.equal(ema.tensors["linear.weight"], before)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("adam", torch.optim.Adam, {"betas": (0.8, 0.99), "eps": 1e-7}),
        ("adamw", torch.optim.AdamW, {"betas": (0.8, 0.99), "eps": 1e-7}),
        ("rmsprop", torch.optim.RMSprop, {"alpha": 0.99, "momentum": 0, "eps": 1e-7}),
        ("sgd", torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
    ],
)
def test_make_optimizer_passes_settings(name, kind, expected):
    network = TwoLayers()
    optimizer = make_optimizer(
        network, Optimizer(name=name, lr=0.3, weight_decay=0.01, betas=(0.8, 0.99), momentum=0.8)
    )
    assert type(optimizer) is getattr(eager, kind.__name__)
    decayed, others = optimizer.param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(1, 2)]
    assert len(others["params"]) == 3  # bias, and the norm's weight and bias
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0)
    for group in optimizer.param_groups:
        assert group["lr"] == 0.3
        assert {key: group[key] for key in expected} == expected


def test_muon_updates_hidden_weights_and_adamw_the_others(make_recipe):
    net = {"kind": "cnn", "stem_filters": 4, "filters": [4, 8], "depth": 1, "dense": [6]}
    network = build(make_recipe(net=net))
    muon = Optimizer(name="muon", lr=0.04, adamw_lr=0.01, weight_decay=0.1, betas=(0.8, 0.99), momentum=0.8)
    optimizer = make_optimizer(network, muon)
    others, _, hidden = optimizer.param_groups
    assert [tuple(p.shape) for p in others["params"]] == [(4, 1, 5, 5), (10, 6)]  # the first and the last layer
    assert [tuple(p.shape) for p in hidden["params"]] == [(4, 4, 3, 3), (8, 4, 3, 3), (6, 8)]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(network.parameters()))
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01, 0.04]
    set_learning_rate(optimizer, 0.02)
    assert [group["lr"] for group in optimizer.param_groups] == [0.005, 0.005, 0.02]

    twin = build(make_recipe(net=net))
    adamw = make_optimizer(twin, muon.model_copy(update={"name": "adamw", "lr": 0.005, "adamw_lr": 0.0}))
    images, labels = torch.rand(8, 28, 28) * 255, torch.arange(8)
    for one, of in ((network, optimizer), (twin, adamw)):
        torch.nn.functional.cross_entropy(one(images), labels).backward()
        of.step()
    moved = {id(p) for p in hidden["params"]}
    for p, q in zip(network.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q) == (id(p) not in moved)


def test_rmsprop_matches_keras():
    """ms = rho ms + (1 - rho) g²; w -= lr g / (sqrt(ms) + eps), by hand over three steps."""
    weight = nn.Parameter(torch.tensor([[1.0]]))
    holder = nn.Module()
    holder.weight = weight
    optimizer = make_optimizer(holder, Optimizer(name="rmsprop", lr=0.1, alpha=0.9))
    mean_square, w = 0.0, 1.0
    for gradient in (0.5, -2.0, 0.1):
        weight.grad = torch.tensor([[gradient]])
        optimizer.step()
        mean_square = 0.9 * mean_square + 0.1 * gradient**2
        w -= 0.1 * gradient / (math.sqrt(mean_square) + 1e-7)
        assert weight.item() == pytest.approx(w, rel=1e-5)


def test_sgd_without_momentum():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer = make_optimizer(TwoLayers(), Optimizer(name="sgd", lr=0.1, momentum=0))
    assert not optimizer.param_groups[0]["nesterov"]


def test_one_cycle_with_a_single_step():
    assert one_cycle(0, 1, 0.3) == 1.0
