import numpy as np
import pytest
import torch
from scipy import ndimage

from tenfold.synthesis.lines.drawing import (
    affine,
    blurred,
    clouds,
    doubled,
    halved,
    segments,
    skeleton,
    smooth_field,
    unmoved,
    warped,
    widened,
)


def noise(n=4, side=28):
    return torch.rand(n, side, side) * 255


def numbers(value, n=4):
    return torch.full((n,), float(value))


def test_blur_is_gaussian_with_a_width_for_each_image():
    """Far from the border, where the picture ends for us and scipy mirrors it."""
    pixels = torch.zeros(2, 28, 28)
    pixels[:, 10:18, 12:15] = 255
    for image, sigma, ours in zip(pixels, (0.7, 1.5), blurred(pixels, torch.tensor([0.7, 1.5])), strict=True):
        expected = ndimage.gaussian_filter(image.numpy(), sigma, truncate=8)
        np.testing.assert_allclose(ours, expected, atol=0.02 * 255)


def test_no_blur_changes_nothing():
    pixels = noise()
    torch.testing.assert_close(blurred(pixels, numbers(0)), pixels)


def test_widening_is_dilation_by_a_cross_then_a_square():
    pixels = noise()
    for image, once, twice in zip(pixels.numpy(), widened(pixels), widened(pixels, 2), strict=True):
        cross = ndimage.grey_dilation(image, footprint=ndimage.generate_binary_structure(2, 1), mode="constant")
        np.testing.assert_array_equal(once, cross)
        np.testing.assert_array_equal(twice, ndimage.grey_dilation(cross, (3, 3), mode="constant"))


def test_the_skeleton_is_the_middle_line_whatever_the_width():
    ends = torch.tensor([[28.0, 12.0]]), torch.tensor([[28.0, 44.0]])
    for width in (3.0, 6.0, 9.0):
        spine = skeleton(255 * segments(*ends, torch.tensor([width]), 56), torch.tensor([max(width / 2, 1.5)]))[0]
        rows = spine[16:40] > 0
        assert rows.any(dim=1).all(), "the line must not break"
        assert rows.sum(dim=1).max() <= 3
        columns = rows.any(dim=0).nonzero().flatten()
        assert columns.min() >= 25
        assert columns.max() <= 30


def test_doubled_and_halved_keep_even_areas():
    pixels = blurred(noise(), numbers(2.0))
    assert (halved(doubled(pixels)) - pixels).abs().max() < 12
    assert doubled(pixels).shape == (4, 56, 56)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"right": 3 / 28}, lambda image: np.roll(image, 3, 1)),
        ({"down": 3 / 28}, lambda image: np.roll(image, 3, 0)),
        ({"turn": torch.pi / 2}, lambda image: np.rot90(image)),
    ],
    ids=["right", "down", "turned"],
)
def test_an_affine_change_goes_where_it_says(change, expected):
    pixels = torch.zeros(1, 28, 28)
    pixels[0, 8:18, 9:14] = torch.rand(10, 5) * 255
    settings = {"turn": 0.0, "wide": 1.0, "high": 1.0, "shear": 0.0, "right": 0.0, "down": 0.0} | change
    ours = warped(pixels, affine(*(torch.tensor([float(value)]) for value in settings.values())))[0]
    turned = expected(pixels[0].numpy())
    either = turned if "turn" not in change else min(
        (turned, np.rot90(turned, 2)), key=lambda one: np.abs(ours.numpy() - one).max()
    )  # fmt: skip
    np.testing.assert_allclose(ours, either, atol=0.01)


def test_a_size_is_that_of_the_new_picture():
    pixels = torch.zeros(1, 28, 28)
    pixels[0, 10:18, 10:18] = 255
    one, none = torch.ones(1), torch.zeros(1)
    grown = warped(pixels, affine(none, 1.5 * one, 0.5 * one, none, none, none))[0] > 127
    assert grown.any(dim=0).sum() == 12
    assert grown.any(dim=1).sum() == 4


def test_segments_cover_their_length_times_their_width():
    start, end = torch.tensor([[6.0, 9.0], [5.0, 5.0]]), torch.tensor([[20.0, 15.0], [5.0, 20.0]])
    cover = segments(start, end, torch.tensor([3.0, 2.0]), 28)
    lengths = (end - start).norm(dim=1)
    ends = torch.pi * torch.tensor([1.5, 1.0]) ** 2  # a half circle at each
    expected = lengths * torch.tensor([3.0, 2.0]) + ends
    torch.testing.assert_close(cover.sum(dim=(1, 2)), expected, rtol=0.05, atol=0.5)


def test_pictures_that_are_no_squares_are_warped_too():
    """Against PyTorch's own grid, which is slower."""
    pixels, matrices = torch.rand(3, 32, 80) * 255, torch.eye(2, 3) + 0.1 * torch.randn(3, 2, 3)
    grid = torch.nn.functional.affine_grid(matrices, [3, 1, 32, 80], align_corners=False)
    expected = torch.nn.functional.grid_sample(pixels.unsqueeze(1), grid, align_corners=False).squeeze(1)
    torch.testing.assert_close(warped(pixels, matrices), expected, rtol=0, atol=0.05)


def test_a_bend_moves_by_pixels_along_each_axis():
    pixels = torch.zeros(1, 32, 80)
    pixels[0, 20, 50] = 255
    bend = torch.zeros(1, 2, 32, 80)
    bend[:, 0], bend[:, 1] = 3, -2  # each new pixel comes from three to the right and two above
    moved = warped(pixels, unmoved(1), bend)
    assert moved[0, 22, 47] == pytest.approx(255, abs=0.5)


def test_fields_are_smooth_and_clouds_fill_their_range():
    field = smooth_field(50, 28, 5)
    assert field.shape == (50, 2, 28, 28)
    assert 0.5 < field.std() < 1.1
    assert field.diff(dim=2).abs().mean() < 0.2
    made = clouds(5, 28)
    assert made.amin(dim=(1, 2)).tolist() == [0.0] * 5
    assert made.amax(dim=(1, 2)).tolist() == [1.0] * 5
