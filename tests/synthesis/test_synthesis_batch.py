import pytest
import torch

from tenfold.recipes.schema import Synthesis
from tenfold.synthesis.batch import Mixture

pytestmark = pytest.mark.usefixtures("_small_pools")


def mixture(circles, **settings):
    return Mixture(Synthesis(**settings), circles.to(torch.uint8), torch.zeros(30).long(), seed=0)


def test_a_batch_is_its_digits_and_then_negatives(circles):
    mixed = mixture(circles, handwriting=0.5, corruption=0.5, negatives=0.4)
    torch.manual_seed(4)
    first = mixed.batch(circles, torch.zeros(30).long())
    torch.manual_seed(4)
    assert torch.equal(mixed.batch(circles, torch.zeros(30).long()), first)
    assert first.shape == (30 + 12, 28, 28)
    assert first.min() >= 0
    assert first.max() <= 255
    ring = circles[0] / circles[0].norm()
    alike = (first * ring).sum(dim=(1, 2)) / first.norm(dim=(1, 2)).clamp(min=1)
    assert alike[:30].median() > 0.6
    assert alike[30:].median() < 0.5


def test_without_negatives_there_is_no_pool(circles):
    mixed = mixture(circles, corruption=1.0)
    assert mixed.pool is None
    assert mixed.batch(circles, torch.zeros(30).long()).shape == circles.shape


def test_three_in_ten_stay_nearly_clean(circles):
    """All others are damaged here, some of them beyond likeness."""
    out = mixture(circles, corruption=1.0, handwriting=1.0).batch(circles, torch.zeros(30).long())
    far = (out - circles).abs().mean(dim=(1, 2))
    assert far[:9].max() < 25
    assert far[9:].max() > 25


def test_the_callers_images_are_left_alone(circles):
    before = circles.clone()
    mixture(circles, handwriting=1.0, corruption=1.0, negatives=1.0).batch(circles, torch.zeros(30).long())
    assert torch.equal(circles, before)


def test_some_digits_are_drawn_by_strokes(circles):
    """Seen on pictures that were black before; a few more get a piece of such a digit as a neighbor."""
    mixed = mixture(circles, handwriting=1.0)
    drawn = mixed.digits(torch.zeros(1000, 28, 28), torch.full((1000,), 4))[300:]  # the first three in ten stay clean
    share = (drawn.amax(dim=(1, 2)) > 100).float().mean()
    assert 0.45 / 2 - 0.05 < share < 0.45 / 2 + 0.12, "half as often as a row's hand draws its 4s so"
