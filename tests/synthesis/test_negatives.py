import numpy as np
import pytest
import torch

from tenfold.synthesis.glyphs import CHARACTERS, font_files, glyphs
from tenfold.synthesis.negatives import HALVES, negatives, pairs, pieces, pool
from tenfold.synthesis.scenes import scenes
from tenfold.synthesis.scribbles import scribbles


def test_letters_that_may_be_digits_are_no_letters_here():
    assert not set(CHARACTERS) & set("0123456789OoQDIil|/!'ZzSsBßGbgqPp")
    assert len(set(CHARACTERS)) > 100


def test_glyphs_are_framed_inked_and_differ():
    made = glyphs(80, np.random.default_rng(0))
    assert made.shape == (80, 28, 28)
    assert (made.max(axis=(1, 2)) == 255).all()
    assert len(np.unique(made.reshape(80, -1), axis=0)) > 60
    assert made[:, 0].max() == 0, "a box of twenty pixels leaves a rim"
    assert font_files()


def test_fonts_that_cannot_be_used_are_left_out(tmp_path, monkeypatch):
    (good,) = [path for path in font_files() if path.name == "DejaVuSans.ttf"]
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr("tenfold.synthesis.glyphs.font_files", lambda: [tmp_path / "broken.ttf", good])
    assert glyphs(3, np.random.default_rng(0)).any(axis=(1, 2)).all()


def test_scribbles_have_ink_and_are_never_full():
    made = scribbles(200, np.random.default_rng(0))
    assert (made.max(axis=(1, 2)) > 50).all()
    assert (made.mean(axis=(1, 2)) < 200).all()


def test_scenes_hold_every_kind_within_the_range():
    made = scenes(300)
    assert made.shape == (300, 28, 28)
    assert made.min() >= 0
    assert made.max() <= 255
    spread = made.std(dim=(1, 2))
    assert (spread < 10).any(), "blank ones"
    assert (spread > 80).any()


def test_pieces_hold_less_ink_than_their_digit(circles):
    images, labels = circles.to(torch.uint8), torch.zeros(30).long()
    made = pieces(40, images, labels)
    ink = made.sum(dim=(1, 2))
    of_zeros = sum(digit == 0 for digit, _ in HALVES) / len(HALVES)
    assert 0.1 * of_zeros < (ink > 0).float().mean() < 3 * of_zeros  # the other halves have no digit to come from
    assert ink.max() < 0.85 * circles[0].sum()


def test_pairs_have_two_parts(circles):
    made = pairs(20, circles.to(torch.uint8))
    gap = torch.minimum(made[:, :, 13:15].sum(dim=(1, 2)), made[:, 13:15].sum(dim=(1, 2)))
    assert (gap < 0.25 * made.sum(dim=(1, 2))).all()
    assert (made[:, :, :13].sum(dim=(1, 2)) > 0).all()
    assert (made[:, :, 15:].sum(dim=(1, 2)) > 0).all()


@pytest.mark.usefixtures("_small_pools")
def test_the_pool_follows_from_its_seed_alone():
    torch.manual_seed(1)
    first = pool(5)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after), "making the pool must not draw from the caller's generator"
    assert torch.equal(pool(5), first)
    assert not torch.equal(pool(6), first)
    assert first.shape == (180, 28, 28)
    assert first.dtype == torch.uint8


def test_negatives_are_as_many_as_asked_for(circles):
    images, labels = circles.to(torch.uint8), torch.zeros(30).long()
    made = torch.full((3, 28, 28), 7, dtype=torch.uint8)
    for count in (0, 1, 10, 100):
        assert negatives(count, made, images, labels).shape == (count, 28, 28)
    of_pool = (negatives(100, made, images, labels) == 7).all(dim=2).all(dim=1).sum()
    assert of_pool == 88
