import numpy as np
import pytest
import torch
from scipy import ndimage

from tenfold.synthesis.ops import (
    affine_matrices,
    blur,
    dilate,
    downsample,
    draw_segments,
    fractal_noise,
    skeletonize,
    smooth_displacement,
    upsample,
    warp,
)


def noise(n=4, side=28):
    return torch.rand(n, side, side) * 255


def full(value, n=4):
    return torch.full((n,), float(value))


def test_blur_matches_scipy():
    """Far from the border, which SciPy mirrors."""
    pixels = torch.zeros(2, 28, 28)
    pixels[:, 10:18, 12:15] = 255
    for image, sigma, ours in zip(pixels, (0.7, 1.5), blur(pixels, torch.tensor([0.7, 1.5])), strict=True):
        expected = ndimage.gaussian_filter(image.numpy(), sigma, truncate=8)
        np.testing.assert_allclose(ours, expected, atol=0.02 * 255)


def test_blur_with_sigma_0_is_identity():
    pixels = noise()
    torch.testing.assert_close(blur(pixels, full(0)), pixels)


def test_dilate_is_cross_then_square():
    pixels = noise()
    for image, once, twice in zip(pixels.numpy(), dilate(pixels), dilate(pixels, 2), strict=True):
        cross = ndimage.grey_dilation(image, footprint=ndimage.generate_binary_structure(2, 1), mode="constant")
        np.testing.assert_array_equal(once, cross)
        np.testing.assert_array_equal(twice, ndimage.grey_dilation(cross, (3, 3), mode="constant"))


def test_skeleton_is_center_line_at_any_width():
    ends = torch.tensor([[28.0, 12.0]]), torch.tensor([[28.0, 44.0]])
    for width in (3.0, 6.0, 9.0):
        spine = skeletonize(255 * draw_segments(*ends, torch.tensor([width]), 56), torch.tensor([max(width / 2, 1.5)]))[
            0
        ]
        rows = spine[16:40] > 0
        assert rows.any(dim=1).all(), "the line must not break"
        assert rows.sum(dim=1).max() <= 3
        columns = rows.any(dim=0).nonzero().flatten()
        assert columns.min() >= 25
        assert columns.max() <= 30


def test_upsample_and_downsample_keep_even_areas():
    pixels = blur(noise(), full(2.0))
    assert (downsample(upsample(pixels)) - pixels).abs().max() < 12
    assert upsample(pixels).shape == (4, 56, 56)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"shift_x": 3 / 28}, lambda image: np.roll(image, 3, 1)),
        ({"shift_y": 3 / 28}, lambda image: np.roll(image, 3, 0)),
        ({"rotation": torch.pi / 2}, lambda image: np.rot90(image)),
    ],
    ids=["shift_x", "shift_y", "rotation"],
)
def test_affine_matrices_move_image(change, expected):
    pixels = torch.zeros(1, 28, 28)
    pixels[0, 8:18, 9:14] = torch.rand(10, 5) * 255
    settings = {name: torch.tensor([float(value)]) for name, value in change.items()}
    ours = warp(pixels, affine_matrices(1, **settings))[0]
    np.testing.assert_allclose(ours, expected(pixels[0].numpy()), atol=0.01)


def test_affine_matrices_scale_image():
    pixels = torch.zeros(1, 28, 28)
    pixels[0, 10:18, 10:18] = 255
    matrices = affine_matrices(1, scale_x=torch.tensor([1.5]), scale_y=torch.tensor([0.5]))
    grown = warp(pixels, matrices)[0] > 127
    assert grown.any(dim=0).sum() == 12
    assert grown.any(dim=1).sum() == 4


def test_segment_area():
    start, end = torch.tensor([[6.0, 9.0], [5.0, 5.0]]), torch.tensor([[20.0, 15.0], [5.0, 20.0]])
    cover = draw_segments(start, end, torch.tensor([3.0, 2.0]), 28)
    lengths = (end - start).norm(dim=1)
    ends = torch.pi * torch.tensor([1.5, 1.0]) ** 2  # a half circle at each
    expected = lengths * torch.tensor([3.0, 2.0]) + ends
    torch.testing.assert_close(cover.sum(dim=(1, 2)), expected, rtol=0.05, atol=0.5)


def test_warp_of_rectangle_matches_affine_grid():
    """PyTorch's own grid, which is slower."""
    pixels, matrices = torch.rand(3, 32, 80) * 255, torch.eye(2, 3) + 0.1 * torch.randn(3, 2, 3)
    grid = torch.nn.functional.affine_grid(matrices, [3, 1, 32, 80], align_corners=False)
    expected = torch.nn.functional.grid_sample(pixels.unsqueeze(1), grid, align_corners=False).squeeze(1)
    torch.testing.assert_close(warp(pixels, matrices), expected, rtol=0, atol=0.05)


def test_warp_displacement_is_in_pixels():
    pixels = torch.zeros(1, 32, 80)
    pixels[0, 20, 50] = 255
    displacement = torch.zeros(1, 2, 32, 80)
    displacement[:, 0], displacement[:, 1] = 3, -2  # each new pixel comes from three to the right and two above
    moved = warp(pixels, affine_matrices(1), displacement)
    assert moved[0, 22, 47] == pytest.approx(255, abs=0.5)


def test_displacement_is_smooth_and_noise_fills_its_range():
    field = smooth_displacement(50, 28, 5)
    assert field.shape == (50, 2, 28, 28)
    assert 0.5 < field.std() < 1.1
    assert field.diff(dim=2).abs().mean() < 0.2
    made = fractal_noise(5, 28)
    assert made.amin(dim=(1, 2)).tolist() == [0.0] * 5
    assert made.amax(dim=(1, 2)).tolist() == [1.0] * 5
