import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.interpolate import BSpline

from tenfold.recipes.schema import Augment
from tenfold.synthesis import augment
from tenfold.synthesis.augment import augment_images, random_affine_matrices

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    """float (5, 28, 28): smooth strokes, some of them up to the border."""
    noise = np.random.default_rng(0).normal(size=(5, 28, 28))
    smooth = ndimage.gaussian_filter(noise, sigma=(0, 1.5, 1.5))
    return torch.tensor(np.clip(smooth / smooth.std() * 128, 0, 255)).float()


@pytest.fixture
def draw(monkeypatch):
    """Set the random numbers, each -1 to 1, to the same values for all images."""

    def decide(**amounts):
        names = ("rotation", "shear", "width", "height", "x", "y")
        assert set(amounts) <= set(names)
        row = torch.tensor([(amounts.get(name, 0.0) + 1) / 2 for name in names])
        monkeypatch.setattr(augment.torch, "rand", lambda k, n, device: row[:, None].expand(k, n))

    return decide


def resampled(images, old_from_new, shift=(0.0, 0.0)):
    """SciPy's bilinear resampling: the pixel at (y, x) from the center comes from `old_from_new` times it."""
    matrix, center = np.asarray(old_from_new), np.full(2, 13.5)
    offset = center - matrix @ center + np.asarray(shift)
    return np.stack(
        [ndimage.affine_transform(image, matrix, offset, order=1, mode="grid-constant") for image in images.numpy()]
    )


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours.numpy(), theirs, atol=0.02)  # of 255


def test_default_settings_change_and_draw_nothing(digits):
    torch.manual_seed(0)
    assert augment_images(digits, Augment()) is digits
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_identity(digits, draw):
    draw()
    torch.testing.assert_close(
        augment_images(digits, Augment(rotation=10, zoom=0.1, translation=0.1, shear=5)), digits, atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("fraction", [1, -0.5])
def test_rotation_matches_scipy(digits, draw, fraction):
    draw(rotation=fraction)
    ours = augment_images(digits, Augment(rotation=30))
    theirs = ndimage.rotate(
        digits.numpy(), 30 * fraction, axes=(1, 2), reshape=False, order=1, mode="grid-constant", prefilter=False
    )
    assert_close(ours, theirs)


def test_rotation_by_90_degrees_is_exact(digits, draw):
    draw(rotation=1)
    torch.testing.assert_close(
        augment_images(digits, Augment(rotation=90)), torch.rot90(digits, 1, (1, 2)), atol=0.01, rtol=0
    )


def test_translation_by_integer_pixels(digits, draw):
    draw(x=1, y=-0.5)
    ours = augment_images(digits, Augment(translation=4 / 28))
    expected = torch.zeros_like(digits)
    expected[:, 2:, :-4] = digits[:, :-2, 4:]  # from 4 pixels further right and 2 further up
    torch.testing.assert_close(ours, expected, atol=0.01, rtol=0)


def test_translation_is_fraction_of_side(digits, draw):
    draw(x=1)
    assert_close(augment_images(digits, Augment(translation=0.1)), resampled(digits, np.eye(2), (0, 2.8)))


@pytest.mark.parametrize("fraction", [1, -1])
def test_zoom_is_independent_per_axis(digits, draw, fraction):
    draw(width=fraction)
    assert_close(augment_images(digits, Augment(zoom=0.2)), resampled(digits, np.diag([1, 1 + 0.2 * fraction])))
    draw(height=fraction)
    assert_close(augment_images(digits, Augment(zoom=0.2)), resampled(digits, np.diag([1 + 0.2 * fraction, 1])))


def test_shear_moves_x_with_y(digits, draw):
    draw(shear=1)
    assert_close(
        augment_images(digits, Augment(shear=20)), resampled(digits, [[1, 0], [math.tan(math.radians(20)), 1]])
    )


def test_order_of_geometric_changes(digits, draw):
    """From the new image to the old one: scale, shear, rotation, translation."""
    draw(rotation=1, shear=-1, width=0.5, height=-1, x=0.25, y=-1)
    angle, tan = math.radians(15), math.tan(math.radians(-8))
    scale = np.diag([0.9, 1.05])  # y, x
    shear = np.array([[1, 0], [tan, 1]])
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    ours = augment_images(digits, Augment(rotation=15, shear=8, zoom=0.1, translation=0.2))
    assert_close(ours, resampled(digits, rotation @ shear @ scale, (-0.2 * 28, 0.05 * 28)))


def test_amounts_are_uniform_in_their_ranges():
    torch.manual_seed(0)
    n = 20_000
    rotations = random_affine_matrices(n, Augment(rotation=12), CPU)
    angles = torch.rad2deg(torch.atan2(rotations[:, 1, 0], rotations[:, 0, 0]))
    zooms = random_affine_matrices(n, Augment(zoom=0.3), CPU)
    shifts = random_affine_matrices(n, Augment(translation=0.2), CPU)
    shears = random_affine_matrices(n, Augment(shear=10), CPU)
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


def test_images_change_independently(digits):
    torch.manual_seed(0)
    same = digits[:1].expand(6, 28, 28)
    changed = augment_images(same, Augment(rotation=20))
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 6


def test_augment_follows_seed_and_keeps_range(digits):
    everything = Augment(rotation=180, zoom=0.9, translation=0.5, shear=60)
    torch.manual_seed(3)
    first = augment_images(digits, everything)
    torch.manual_seed(3)
    assert torch.equal(augment_images(digits, everything), first)
    assert not torch.equal(augment_images(digits, everything), first)
    assert first.min() >= 0
    assert first.max() <= 255.001
    assert first.shape == digits.shape


def test_elastic_displacement_is_cubic_spline():
    """SciPy's B-splines on the same control points."""
    points = 7 * np.arange(-1, 6)  # where the control points are, in pixels
    drawn = torch.random.manual_seed(4).initial_seed()
    torch.manual_seed(drawn)
    field = augment.elastic_displacement(3, 1.5, CPU).numpy()
    torch.manual_seed(drawn)
    moves = torch.randn(3, 2, 7, 7).numpy() * 1.5
    positions = np.arange(28) + 0.5
    basis = np.stack([BSpline.basis_element(p + 7 * np.arange(-2, 3), False)(positions) for p in points], axis=1)
    basis = np.nan_to_num(basis)
    np.testing.assert_allclose(basis.sum(axis=1), 1)
    np.testing.assert_allclose(field, np.einsum("yp,bcpq,xq->bcyx", basis, moves, basis), atol=1e-5)


def test_elastic_deforms_moderately(digits):
    torch.manual_seed(0)
    deformed = augment_images(digits, Augment(elastic_alpha=1))
    assert not torch.allclose(deformed, digits, atol=20)
    correlation = torch.corrcoef(torch.stack([deformed.flatten(), digits.flatten()]))[0, 1]
    assert 0.7 < correlation < 0.99


def test_cutout_blanks_one_square_anywhere():
    torch.manual_seed(0)
    ones = torch.ones(4000, 28, 28)
    blank = augment_images(ones, Augment(cutout=8)) == 0
    rows, columns = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(blank.sum((1, 2)), rows * columns)  # a rectangle
    assert rows.max() == columns.max() == 8
    assert 4 <= rows.min() <= 5  # at the edge: half of it, or a pixel more
    covered = blank.float().mean(0)
    assert covered[4:-4, 4:-4].std() < 0.02  # uniform
    assert blank.flatten(1).unique(dim=0).shape[0] > 100
