import pytest
import torch

from tenfold.synthesis import corruptions
from tenfold.synthesis.corruptions import CORRUPTIONS, corrupt, intensity, shape
from tenfold.synthesis.ops import dilate


def severities(value, n=30):
    return torch.full((n,), float(value))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruption_is_repeatable_and_finite(name, circles):
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
def test_severity_increases_distance(name, circles):
    distances = [(CORRUPTIONS[name](circles, severities(s)).clamp(0, 255) - circles).abs().mean() for s in (0.1, 1.0)]
    assert distances[0] < distances[1]
    assert distances[1] > 0.3


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_blank_picture(name):
    blank = torch.zeros(6, 28, 28)
    assert CORRUPTIONS[name](blank, severities(1, 6)).isfinite().all()


def test_inversion_at_severity_0_is_exact(circles):
    torch.testing.assert_close(intensity.inversion(circles, severities(0)), 255 - circles)


def test_thinning_and_thickening_keep_strokes_connected(circles):
    ink = circles.sum()
    thin = shape.thinning(circles, severities(1))
    assert 0.3 * ink < thin.sum() < 0.75 * ink
    assert shape.thickening(circles, severities(1)).sum() > 1.5 * ink
    # Every pixel of the ring's center line still has ink beside it.
    line = torch.arange(28) + 0.5 - 14
    center_line = (torch.hypot(line[:, None], line[None, :]) - 7).abs() < 0.5
    assert (dilate(thin)[:, center_line] > 60).all()


def test_edges_of_ring_are_two_rings(circles):
    hard = shape.edges(circles, severities(1))
    row = hard[:, 14]  # through the center, across four outlines
    assert ((row[:, 1:] > 100) & (row[:, :-1] <= 100)).sum(dim=1).float().mean() > 3.5


def test_binarization_has_two_levels(circles):
    assert set(intensity.binarization(circles, severities(1)).unique().tolist()) == {0.0, 255.0}


def test_jpeg_with_fine_steps_is_nearly_lossless(circles, monkeypatch):
    monkeypatch.setattr(intensity, "_quantization_table", lambda: torch.full((8, 8), 0.01))
    torch.testing.assert_close(intensity.jpeg(circles, severities(0)), circles, atol=0.1, rtol=0)


def test_shot_noise_keeps_mean(circles):
    noisy = intensity.shot_noise(circles, severities(0.2))
    expected = (circles + 0.05 * 255).mean()
    assert noisy.mean().item() == pytest.approx(expected.item(), rel=0.05)


def test_corrupt_fraction_and_exclude(circles, monkeypatch):
    kinds = dict.fromkeys(CORRUPTIONS, lambda pixels, severity: torch.full_like(pixels, 300.0))
    monkeypatch.setattr(corruptions, "CORRUPTIONS", kinds)
    corrupted = corrupt(circles, 0.4)
    is_corrupted = (corrupted == 255).all(dim=(1, 2))
    assert is_corrupted.sum() == 12
    assert torch.equal(corrupted[~is_corrupted], circles[~is_corrupted])
    assert torch.equal(corrupt(circles, 1.0, exclude=kinds), circles)
    assert torch.equal(corrupt(circles, 0.0), circles)
