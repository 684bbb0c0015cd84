import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.interpolate import BSpline

from tenfold.recipes.schema import Augment
from tenfold.synthesis import augment
from tenfold.synthesis.augment import affine_matrices, augmented

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    """float (5, 28, 28): smooth strokes, some of them up to the border."""
    noise = np.random.default_rng(0).normal(size=(5, 28, 28))
    smooth = ndimage.gaussian_filter(noise, sigma=(0, 1.5, 1.5))
    return torch.tensor(np.clip(smooth / smooth.std() * 128, 0, 255)).float()


@pytest.fixture
def draw(monkeypatch):
    """Decide what is drawn: turn, shear, width, height, shift x, shift y, each -1 to 1, for every image alike."""

    def decide(**amounts):
        names = ("turn", "shear", "width", "height", "x", "y")
        assert set(amounts) <= set(names)
        row = torch.tensor([(amounts.get(name, 0.0) + 1) / 2 for name in names])
        monkeypatch.setattr(augment.torch, "rand", lambda k, n, device: row[:, None].expand(k, n))

    return decide


def resampled(images, old_from_new, shift=(0.0, 0.0)):
    """SciPy's bilinear resampling: each place (y, x) from the center is taken from `old_from_new` of it."""
    matrix, center = np.asarray(old_from_new), np.full(2, 13.5)
    offset = center - matrix @ center + np.asarray(shift)
    return np.stack(
        [ndimage.affine_transform(image, matrix, offset, order=1, mode="grid-constant") for image in images.numpy()]
    )


def agrees(ours, theirs):
    np.testing.assert_allclose(ours.numpy(), theirs, atol=0.02)  # of 255


def test_without_ranges_the_images_come_back_and_nothing_is_drawn(digits):
    torch.manual_seed(0)
    assert augmented(digits, Augment()) is digits
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_the_identity_gives_the_same_images(digits, draw):
    draw()
    torch.testing.assert_close(
        augmented(digits, Augment(rotation=10, zoom=0.1, translation=0.1, shear=5)), digits, atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("share", [1, -0.5])
def test_rotation_is_scipys(digits, draw, share):
    draw(turn=share)
    ours = augmented(digits, Augment(rotation=30))
    theirs = ndimage.rotate(
        digits.numpy(), 30 * share, axes=(1, 2), reshape=False, order=1, mode="grid-constant", prefilter=False
    )
    agrees(ours, theirs)


def test_a_quarter_turn_is_exact(digits, draw):
    draw(turn=1)
    torch.testing.assert_close(
        augmented(digits, Augment(rotation=90)), torch.rot90(digits, 1, (1, 2)), atol=0.01, rtol=0
    )


def test_a_shift_by_whole_pixels_moves_them_and_leaves_black(digits, draw):
    draw(x=1, y=-0.5)
    ours = augmented(digits, Augment(translation=4 / 28))
    expected = torch.zeros_like(digits)
    expected[:, 2:, :-4] = digits[:, :-2, 4:]  # seen from 4 pixels further right and 2 further up
    torch.testing.assert_close(ours, expected, atol=0.01, rtol=0)


def test_a_shift_is_a_share_of_the_side(digits, draw):
    draw(x=1)
    agrees(augmented(digits, Augment(translation=0.1)), resampled(digits, np.eye(2), (0, 2.8)))


@pytest.mark.parametrize("share", [1, -1])
def test_zoom_changes_each_axis_by_itself(digits, draw, share):
    draw(width=share)
    agrees(augmented(digits, Augment(zoom=0.2)), resampled(digits, np.diag([1, 1 + 0.2 * share])))
    draw(height=share)
    agrees(augmented(digits, Augment(zoom=0.2)), resampled(digits, np.diag([1 + 0.2 * share, 1])))


def test_shear_moves_x_with_y(digits, draw):
    draw(shear=1)
    agrees(augmented(digits, Augment(shear=20)), resampled(digits, [[1, 0], [math.tan(math.radians(20)), 1]]))


def test_all_together_are_one_after_the_other(digits, draw):
    """Seen from the new image: scaled, then sheared, then turned, then shifted."""
    draw(turn=1, shear=-1, width=0.5, height=-1, x=0.25, y=-1)
    turn, tan = math.radians(15), math.tan(math.radians(-8))
    scale = np.diag([0.9, 1.05])  # y, x
    shear = np.array([[1, 0], [tan, 1]])
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    ours = augmented(digits, Augment(rotation=15, shear=8, zoom=0.1, translation=0.2))
    agrees(ours, resampled(digits, rotation @ shear @ scale, (-0.2 * 28, 0.05 * 28)))


def test_amounts_fill_their_ranges_and_no_more():
    torch.manual_seed(0)
    n = 20_000
    turns = affine_matrices(n, Augment(rotation=12), CPU)
    angles = torch.rad2deg(torch.atan2(turns[:, 1, 0], turns[:, 0, 0]))
    zooms = affine_matrices(n, Augment(zoom=0.3), CPU)
    shifts = affine_matrices(n, Augment(translation=0.2), CPU)
    shears = affine_matrices(n, Augment(shear=10), CPU)
    for drawn, limit in (
        (angles, 12),
        (zooms[:, 0, 0] - 1, 0.3),
        (zooms[:, 1, 1] - 1, 0.3),
        (shifts[:, 0, 2] / 2, 0.2),  # half a side is 1
        (shifts[:, 1, 2] / 2, 0.2),
        (torch.rad2deg(torch.atan(shears[:, 0, 1])), 10),
    ):
        assert drawn.abs().max() <= limit * 1.0001
        assert drawn.min() < -0.99 * limit
        assert drawn.max() > 0.99 * limit
        assert abs(drawn.mean()) < 4.5 * limit / math.sqrt(3 * n)  # uniform
    for pair in ((zooms[:, 0, 0], zooms[:, 1, 1]), (shifts[:, 0, 2], shifts[:, 1, 2])):
        assert torch.corrcoef(torch.stack(pair))[0, 1].abs() < 4.5 / math.sqrt(n)


def test_each_image_is_changed_by_its_own_amount(digits):
    torch.manual_seed(0)
    same = digits[:1].expand(6, 28, 28)
    changed = augmented(same, Augment(rotation=20))
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 6


def test_the_seed_decides_and_values_stay_in_range(digits):
    everything = Augment(rotation=180, zoom=0.9, translation=0.5, shear=60)
    torch.manual_seed(3)
    first = augmented(digits, everything)
    torch.manual_seed(3)
    assert torch.equal(augmented(digits, everything), first)
    assert not torch.equal(augmented(digits, everything), first)
    assert first.min() >= 0
    assert first.max() <= 255.001
    assert first.shape == digits.shape


def test_an_elastic_field_is_a_cubic_spline_of_its_points():
    """SciPy's B-splines on the same knots, at the same places."""
    points = 7 * np.arange(-1, 6)  # where the control points are, in pixels
    drawn = torch.random.manual_seed(4).initial_seed()
    torch.manual_seed(drawn)
    field = augment.displacements(3, 1.5, CPU).numpy()
    torch.manual_seed(drawn)
    moves = torch.randn(3, 2, 7, 7).numpy() * 1.5
    places = np.arange(28) + 0.5
    basis = np.stack([BSpline.basis_element(p + 7 * np.arange(-2, 3), False)(places) for p in points], axis=1)
    basis = np.nan_to_num(basis)
    np.testing.assert_allclose(basis.sum(axis=1), 1)
    np.testing.assert_allclose(field, np.einsum("yp,bcpq,xq->bcyx", basis, moves, basis), atol=1e-5)


def test_an_elastic_change_bends_but_keeps_most_of_the_ink(digits):
    torch.manual_seed(0)
    bent = augmented(digits, Augment(elastic_alpha=1))
    assert not torch.allclose(bent, digits, atol=20)
    correlation = torch.corrcoef(torch.stack([bent.flatten(), digits.flatten()]))[0, 1]
    assert 0.7 < correlation < 0.99


def test_cutout_blanks_one_square_of_each_image_wherever_it_falls():
    torch.manual_seed(0)
    ones = torch.ones(4000, 28, 28)
    blank = augmented(ones, Augment(cutout=8)) == 0
    rows, columns = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(blank.sum((1, 2)), rows * columns)  # a rectangle
    assert rows.max() == columns.max() == 8
    assert 4 <= rows.min() <= 5  # at the edge: half of it, or a pixel more
    covered = blank.float().mean(0)
    assert covered[4:-4, 4:-4].std() < 0.02  # anywhere alike
    assert blank.flatten(1).unique(dim=0).shape[0] > 100
