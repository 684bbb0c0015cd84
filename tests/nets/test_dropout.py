import pytest
import torch

from tenfold.nets.dropout import Dropout


def dropped(rate, shape, seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    return Dropout(rate).train()(torch.ones(shape, dtype=dtype))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.25, 0.5, 0.9])
def test_the_kept_share_and_its_scale(rate):
    n = 200_000
    y = dropped(rate, (n,))
    kept = y != 0
    deviation = (rate * (1 - rate) / n) ** 0.5
    assert abs(kept.float().mean() - (1 - rate)) <= 4.5 * deviation
    torch.testing.assert_close(y[kept], torch.full((int(kept.sum()),), 1 / (1 - rate)))


def test_each_element_falls_for_itself():
    """Four elements share one 64-bit draw; none of them may follow another."""
    kept = (dropped(0.5, (400_000,)) != 0).float().reshape(-1, 4)
    correlation = torch.corrcoef(kept.T) - torch.eye(4)
    assert correlation.abs().max() < 4.5 / 100_000**0.5
    after = torch.corrcoef(torch.stack([kept[:-1, 3], kept[1:, 0]]))[0, 1]
    assert after.abs() < 4.5 / 100_000**0.5


def test_evaluation_and_a_rate_of_nothing_are_the_identity():
    x = torch.randn(5, 7)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_the_seed_decides():
    assert torch.equal(dropped(0.3, (4, 5, 6)), dropped(0.3, (4, 5, 6)))
    assert not torch.equal(dropped(0.3, (4, 5, 6)), dropped(0.3, (4, 5, 6), seed=1))


def test_the_gradient_passes_where_the_input_did():
    torch.manual_seed(0)
    x = torch.randn(1000, requires_grad=True)
    y = Dropout(0.4).train()(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(y != 0, 1 / 0.6, 0.0))


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 1), (2, 3, 5, 7), (0, 4)])
def test_any_shape_and_format(shape):
    assert dropped(0.5, shape).shape == shape
    assert dropped(0.5, shape, dtype=torch.bfloat16).dtype == torch.bfloat16
    if len(shape) == 4:
        x = torch.ones(shape).to(memory_format=torch.channels_last)
        assert Dropout(0.5).train()(x).shape == shape


@pytest.mark.parametrize("rate", [0.9999, 0.99999, 0.9999999])
def test_a_rate_near_one_drops_nearly_all(rate):
    assert (dropped(rate, (100_000,)) != 0).float().mean() < 0.001
