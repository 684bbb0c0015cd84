import pytest
import torch

from tenfold.synthesis import corruptions as module
from tenfold.synthesis.corruptions import CORRUPTIONS, corrupted
from tenfold.synthesis.lines.drawing import widened


def severities(value, n=30):
    return torch.full((n,), float(value))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_kind_is_repeatable_finite_and_leaves_its_input_alone(name, circles):
    before = circles.clone()
    torch.manual_seed(3)
    first = CORRUPTIONS[name](circles, severities(0.7))
    torch.manual_seed(3)
    assert torch.equal(CORRUPTIONS[name](circles, severities(0.7)), first)
    assert torch.equal(circles, before)
    assert first.shape == circles.shape
    assert first.dtype == torch.float32
    assert first.isfinite().all()


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"edges", "inversion", "stripes", "brightness"}))
def test_more_severe_is_farther_from_the_original(name, circles):
    far = [(CORRUPTIONS[name](circles, severities(s)).clamp(0, 255) - circles).abs().mean() for s in (0.1, 1.0)]
    assert far[0] < far[1]
    assert far[1] > 0.3


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_empty_picture_gives_no_trouble(name):
    blank = torch.zeros(6, 28, 28)
    assert CORRUPTIONS[name](blank, severities(1, 6)).isfinite().all()


def test_inversion_at_its_mildest_is_exact(circles):
    torch.testing.assert_close(module.inversion(circles, severities(0)), 255 - circles)


def test_thinner_and_thicker_change_the_ink_and_break_nothing(circles):
    ink = circles.sum()
    thin = module.thinner(circles, severities(1))
    assert 0.3 * ink < thin.sum() < 0.75 * ink
    assert module.thicker(circles, severities(1)).sum() > 1.5 * ink
    # Every pixel of the ring's middle line still has ink beside it.
    line = torch.arange(28) + 0.5 - 14
    middle = (torch.hypot(line[:, None], line[None, :]) - 7).abs() < 0.5
    assert (widened(thin)[:, middle] > 60).all()


def test_edges_of_a_ring_are_two_rings(circles):
    hard = module.edges(circles, severities(1))
    row = hard[:, 14]  # through the middle: it crosses four outlines
    assert ((row[:, 1:] > 100) & (row[:, :-1] <= 100)).sum(dim=1).float().mean() > 3.5


def test_binarized_has_two_levels(circles):
    assert set(module.binarized(circles, severities(1)).unique().tolist()) == {0.0, 255.0}


def test_jpeg_at_fine_steps_is_nearly_the_picture(circles, monkeypatch):
    """The transform and its inverse belong together."""
    monkeypatch.setattr(module, "_luminance", lambda: torch.full((8, 8), 0.01))
    torch.testing.assert_close(module.jpeg(circles, severities(0)), circles, atol=0.1, rtol=0)


def test_shot_noise_keeps_the_mean(circles):
    noisy = module.shot_noise(circles, severities(0.2))
    expected = (circles + 0.05 * 255).mean()
    assert noisy.mean().item() == pytest.approx(expected.item(), rel=0.05)


def test_a_share_is_damaged_and_some_kinds_can_be_left_out(circles, monkeypatch):
    kinds = dict.fromkeys(CORRUPTIONS, lambda pixels, severity: torch.full_like(pixels, 300.0))
    monkeypatch.setattr(module, "CORRUPTIONS", kinds)
    damaged = corrupted(circles, 0.4)
    touched = (damaged == 255).all(dim=(1, 2))
    assert touched.sum() == 12
    assert torch.equal(damaged[~touched], circles[~touched])
    assert torch.equal(corrupted(circles, 1.0, without=kinds), circles)
    assert torch.equal(corrupted(circles, 0.0), circles)
