import numpy as np
import pytest
import torch

from tenfold.synthesis.negatives import (
    CHARACTERS,
    HALVES,
    draw_glyphs,
    draw_scribbles,
    font_files,
    make_pool,
    sample_halves,
    sample_negatives,
    sample_pairs,
)
from tenfold.synthesis.scenes import draw_scenes


def test_characters_like_digits_are_excluded():
    assert not set(CHARACTERS) & set("0123456789OoQDIil|/!'ZzSsBßGbgqPp")
    assert len(set(CHARACTERS)) > 100


def test_glyphs_are_framed_and_vary():
    made = draw_glyphs(80, np.random.default_rng(0))
    assert made.shape == (80, 28, 28)
    assert (made.max(axis=(1, 2)) == 255).all()
    assert len(np.unique(made.reshape(80, -1), axis=0)) > 60
    assert made[:, 0].max() == 0, "a box of 20 pixels leaves a margin"
    assert font_files()


def test_broken_font_is_skipped(tmp_path, monkeypatch):
    (good,) = [path for path in font_files() if path.name == "DejaVuSans.ttf"]
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    monkeypatch.setattr("tenfold.synthesis.negatives.font_files", lambda: [tmp_path / "broken.ttf", good])
    assert draw_glyphs(3, np.random.default_rng(0)).any(axis=(1, 2)).all()


def test_scribbles_have_ink_and_background():
    made = draw_scribbles(200, np.random.default_rng(0))
    assert (made.max(axis=(1, 2)) > 50).all()
    assert (made.mean(axis=(1, 2)) < 200).all()


def test_scenes_are_in_range_and_vary():
    made = draw_scenes(300)
    assert made.shape == (300, 28, 28)
    assert made.min() >= 0
    assert made.max() <= 255
    spread = made.std(dim=(1, 2))
    assert (spread < 10).any(), "blank"
    assert (spread > 80).any()


def test_halves_have_less_ink_than_digit(circles):
    images, labels = circles.to(torch.uint8), torch.zeros(30).long()
    made = sample_halves(40, images, labels)
    ink = made.sum(dim=(1, 2))
    of_zeros = sum(digit == 0 for digit, _ in HALVES) / len(HALVES)
    assert 0.1 * of_zeros < (ink > 0).float().mean() < 3 * of_zeros  # there are no digits for the other halves
    assert ink.max() < 0.85 * circles[0].sum()


def test_pairs_have_two_parts(circles):
    made = sample_pairs(20, circles.to(torch.uint8))
    gap = torch.minimum(made[:, :, 13:15].sum(dim=(1, 2)), made[:, 13:15].sum(dim=(1, 2)))
    assert (gap < 0.25 * made.sum(dim=(1, 2))).all()
    assert (made[:, :, :13].sum(dim=(1, 2)) > 0).all()
    assert (made[:, :, 15:].sum(dim=(1, 2)) > 0).all()


@pytest.mark.usefixtures("_small_pools")
def test_pool_follows_seed():
    torch.manual_seed(1)
    first = make_pool(5)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after), "the pool must not draw from the caller's generator"
    assert torch.equal(make_pool(5), first)
    assert not torch.equal(make_pool(6), first)
    assert first.shape == (180, 28, 28)
    assert first.dtype == torch.uint8


def test_negatives_count(circles):
    images, labels = circles.to(torch.uint8), torch.zeros(30).long()
    pool = torch.full((3, 28, 28), 7, dtype=torch.uint8)
    for count in (0, 1, 10, 100):
        assert sample_negatives(count, pool, images, labels).shape == (count, 28, 28)
    from_pool = (sample_negatives(100, pool, images, labels) == 7).all(dim=2).all(dim=1).sum()
    assert from_pool == 88
