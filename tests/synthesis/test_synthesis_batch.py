import pytest
import torch

from tenfold.recipes.schema import Synthesis
from tenfold.synthesis.batch import Synthesizer

pytestmark = pytest.mark.usefixtures("_small_pools")


def make_synthesizer(circles, **settings):
    return Synthesizer(Synthesis(**settings), circles.to(torch.uint8), torch.zeros(30).long(), seed=0)


def test_batch_is_digits_then_negatives(circles):
    synthesizer = make_synthesizer(circles, handwriting=0.5, corruption=0.5, negatives=0.4)
    torch.manual_seed(4)
    first = synthesizer.make_batch(circles, torch.zeros(30).long())
    torch.manual_seed(4)
    assert torch.equal(synthesizer.make_batch(circles, torch.zeros(30).long()), first)
    assert first.shape == (30 + 12, 28, 28)
    assert first.min() >= 0
    assert first.max() <= 255
    template = circles[0] / circles[0].norm()
    similarity = (first * template).sum(dim=(1, 2)) / first.norm(dim=(1, 2)).clamp(min=1)
    assert similarity[:30].median() > 0.6
    assert similarity[30:].median() < 0.5


def test_no_pool_without_negatives(circles):
    synthesizer = make_synthesizer(circles, corruption=1.0)
    assert synthesizer.pool is None
    assert synthesizer.make_batch(circles, torch.zeros(30).long()).shape == circles.shape


def test_three_in_ten_stay_nearly_clean(circles):
    """All others are corrupted here."""
    out = make_synthesizer(circles, corruption=1.0, handwriting=1.0).make_batch(circles, torch.zeros(30).long())
    distances = (out - circles).abs().mean(dim=(1, 2))
    assert distances[:9].max() < 25
    assert distances[9:].max() > 25


def test_input_is_not_modified(circles):
    before = circles.clone()
    synthesizer = make_synthesizer(circles, handwriting=1.0, corruption=1.0, negatives=1.0)
    synthesizer.make_batch(circles, torch.zeros(30).long())
    assert torch.equal(circles, before)


def test_some_digits_are_drawn_by_strokes(circles):
    """Visible on black images; a few more get the edge of such a digit as a neighbor."""
    synthesizer = make_synthesizer(circles, handwriting=1.0)
    fours = synthesizer.make_digits(torch.zeros(1000, 28, 28), torch.full((1000,), 4))
    drawn = fours[300:]  # the first three in ten stay clean
    fraction = (drawn.amax(dim=(1, 2)) > 100).float().mean()
    assert 0.45 / 2 - 0.05 < fraction < 0.45 / 2 + 0.12, "half as often as a line's writer draws 4s"
