import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tenfold.training.muon import Muon, zeropower_via_newton_schulz


@settings(deadline=None, max_examples=30)
@given(
    rows=st.integers(2, 40), columns=st.integers(2, 40), seed=st.integers(0, 99), size=st.sampled_from([1e-4, 1, 1e4])
)
def test_newton_schulz_keeps_singular_vectors_and_sets_values_to_1(rows, columns, seed, size):
    matrix = np.random.default_rng(seed).normal(size=(rows, columns)) * size
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    ours = zeropower_via_newton_schulz(torch.tensor(matrix)).numpy()
    turned = left.T @ ours @ right.T
    assert np.abs(turned - np.diag(np.diag(turned))).max() < 1e-6
    near = values / np.linalg.norm(values) > 0.01
    assert ((np.diag(turned)[near] > 0.5) & (np.diag(turned)[near] < 1.3)).all()


@pytest.mark.parametrize("shape", [(6, 2, 3, 3), (40, 3)])
def test_muon_steps_by_hand(shape):
    """momentum = 0.8 momentum + g; w -= lr sqrt(max(1, rows / columns)) * newton_schulz(g + 0.8 momentum)."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(shape))
    optimizer = Muon([{"params": [weight], "hidden": True}], lr=0.1, betas=(0.8, 0.9), weight_decay=0.5)
    expected, momentum = weight.detach().clone(), torch.zeros(shape)
    rows, columns = shape[0], weight[0].numel()
    for _ in range(3):
        gradient = torch.randn(shape)
        weight.grad = gradient.clone()
        optimizer.step()
        momentum = 0.8 * momentum + gradient
        direction = zeropower_via_newton_schulz((gradient + 0.8 * momentum).reshape(rows, columns)).reshape(shape)
        expected -= 0.1 * max(1, rows / columns) ** 0.5 * direction
        torch.testing.assert_close(weight.detach(), expected)


def test_muon_skips_weights_without_gradient():
    weight = nn.Parameter(torch.ones(3, 3))
    Muon([{"params": [weight], "hidden": True}], lr=0.1).step()
    assert torch.equal(weight, torch.ones(3, 3))
