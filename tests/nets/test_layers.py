import numpy as np
import pytest
import torch

from tenfold.nets.layers import AvgMaxPool, ChannelsLastFlatten, Dropout


def drop(rate, shape, seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    return Dropout(rate).train()(torch.ones(shape, dtype=dtype))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.25, 0.5, 0.9])
def test_dropout_rate_and_scale(rate):
    n = 200_000
    y = drop(rate, (n,))
    kept = y != 0
    deviation = (rate * (1 - rate) / n) ** 0.5
    assert abs(kept.float().mean() - (1 - rate)) <= 4.5 * deviation
    torch.testing.assert_close(y[kept], torch.full((int(kept.sum()),), 1 / (1 - rate)))


def test_dropout_is_independent_per_element():
    """Four elements share one 64-bit number; they must not be correlated."""
    kept = (drop(0.5, (400_000,)) != 0).float().reshape(-1, 4)
    correlation = torch.corrcoef(kept.T) - torch.eye(4)
    assert correlation.abs().max() < 4.5 / 100_000**0.5
    across = torch.corrcoef(torch.stack([kept[:-1, 3], kept[1:, 0]]))[0, 1]
    assert across.abs() < 4.5 / 100_000**0.5


def test_dropout_is_identity_in_evaluation_and_at_rate_0():
    x = torch.randn(5, 7)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_dropout_follows_seed():
    assert torch.equal(drop(0.3, (4, 5, 6)), drop(0.3, (4, 5, 6)))
    assert not torch.equal(drop(0.3, (4, 5, 6)), drop(0.3, (4, 5, 6), seed=1))


def test_dropout_gradient():
    torch.manual_seed(0)
    x = torch.randn(1000, requires_grad=True)
    y = Dropout(0.4).train()(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(y != 0, 1 / 0.6, 0.0))


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 1), (2, 3, 5, 7), (0, 4)])
def test_dropout_shapes_and_formats(shape):
    assert drop(0.5, shape).shape == shape
    assert drop(0.5, shape, dtype=torch.bfloat16).dtype == torch.bfloat16
    if len(shape) == 4:
        x = torch.ones(shape).to(memory_format=torch.channels_last)
        assert Dropout(0.5).train()(x).shape == shape


@pytest.mark.parametrize("rate", [0.9999, 0.99999, 0.9999999])
def test_dropout_rate_near_1(rate):
    assert (drop(rate, (100_000,)) != 0).float().mean() < 0.001


def test_avg_max_pool_is_mean_and_maximum_of_each_map():
    x = torch.tensor(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    expected = np.concatenate([x.numpy().mean((2, 3)), x.numpy().max((2, 3))], axis=1)
    np.testing.assert_allclose(AvgMaxPool()(x).numpy(), expected)


def test_channels_last_flatten_is_memory_order():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    flat = ChannelsLastFlatten()(x)
    assert flat.data_ptr() == x.data_ptr()  # a view
    assert torch.equal(flat, torch.tensor(np.moveaxis(x.numpy(), 1, -1).reshape(2, -1)))
