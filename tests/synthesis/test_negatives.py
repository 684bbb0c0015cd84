import numpy as np
import pytest
import torch

from tenfold.synthesis import negatives
from tenfold.synthesis.negatives import (
    FAMILIES,
    FROM_DIGITS,
    HALVES,
    TURNS,
    make_pool,
    max_similarity,
    sample_halves,
    sample_negatives,
    sample_pairs,
    sample_turned,
)
from tenfold.synthesis.scenes import draw_scenes
from tenfold.synthesis.scribbles import draw_scribbles, draw_shapes


def test_scribbles_have_ink_and_background():
    made = np.concatenate([draw(200, np.random.default_rng(0)) for draw in (draw_scribbles, draw_shapes)])
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
    made = sample_pairs(20, circles.to(torch.uint8), torch.zeros(30))
    gap = torch.minimum(made[:, :, 13:15].sum(dim=(1, 2)), made[:, 13:15].sum(dim=(1, 2)))
    assert (gap < 0.25 * made.sum(dim=(1, 2))).all()
    assert (made[:, :, :13].sum(dim=(1, 2)) > 0).all()
    assert (made[:, :, 15:].sum(dim=(1, 2)) > 0).all()


def test_turned_digits_are_mirrored_or_rotated():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 3:20, 5:8] = 255
    made = sample_turned(60, image, torch.tensor([4]))
    images = {picture.numpy().tobytes() for picture in made}
    blank = torch.zeros(28, 28).numpy().tobytes()
    assert len(images - {blank}) == len(TURNS[4])
    assert image[0].float().numpy().tobytes() not in images


def test_max_similarity_is_one_for_a_digit_itself(circles):
    digits = circles.to(torch.uint8)
    straight = torch.zeros(1, 28, 28, dtype=torch.uint8)
    straight[0, 4:24, 13:15] = 255
    similarity = max_similarity(torch.cat([digits[:3], straight]), digits)
    torch.testing.assert_close(similarity[:3], torch.ones(3))
    assert similarity[3] < 0.8


@pytest.mark.usefixtures("_small_pools")
def test_pool_follows_seed(circles):
    digits = circles.to(torch.uint8)
    torch.manual_seed(1)
    first = make_pool(5, digits)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after), "the pool must not draw from the caller's generator"
    assert first.keys() <= set(FAMILIES) - FROM_DIGITS.keys()
    assert {"print", "scribbles", "shapes", "scenes"} <= first.keys()
    same, other = make_pool(5, digits), make_pool(6, digits)
    for family, pictures in first.items():
        assert pictures.dtype == torch.uint8
        assert pictures.shape[1:] == (28, 28)
        assert torch.equal(same[family], pictures)
        assert not torch.equal(other[family][: len(pictures)], pictures[: len(other[family])])


@pytest.mark.usefixtures("_small_pools")
def test_excluded_families_are_not_drawn(circles, monkeypatch):
    digits, labels = circles.to(torch.uint8), torch.zeros(30).long()
    pool = make_pool(0, digits, exclude=("scenes", "shapes"))
    assert not {"scenes", "shapes"} & pool.keys()
    monkeypatch.setattr(negatives, "FROM_DIGITS", {"halves": lambda count, *_: torch.full((count, 28, 28), 300.0)})
    made, _ = sample_negatives(500, pool, digits, labels, exclude=("halves", "pairs", "turned"))
    assert made.max() <= 255


def test_negatives_count_and_pens(circles):
    images, labels = circles.to(torch.uint8), torch.zeros(30).long()
    pool = {name: torch.full((3, 28, 28), level, dtype=torch.uint8) for name, level in (("print", 7), ("scenes", 9))}
    for count in (0, 1, 10, 400):
        pictures, is_written = sample_negatives(count, pool, images, labels)
        assert pictures.shape == (count, 28, 28)
        assert is_written.shape == (count,)
    is_scene = (pictures == 9).all(dim=2).all(dim=1)
    assert torch.equal(is_written, ~is_scene)
    assert 60 < is_scene.sum() < 200
