import numpy as np
import pytest
from scipy import ndimage

from tenfold.ocr.framing import frame


def upscale_by(image, factor):
    return np.kron(image, np.ones((factor, factor), np.uint8))


def test_frame_scales_square_to_the_box():
    """A full square of any size becomes 20x20; its center of mass is 10, so the box begins at int(15 - 10) = 5."""
    expected = np.zeros((28, 28), np.uint8)
    expected[5:25, 5:25] = 255
    for side in (3, 20, 40, 57):
        ink = np.zeros((100, 80), np.uint8)
        ink[11 : 11 + side, 7 : 7 + side] = 90
        np.testing.assert_array_equal(frame(ink), expected)


def test_frame_keeps_proportions():
    """10 to 1: 20 pixels high and 2 wide, laid around the middle."""
    ink = np.zeros((300, 300), np.uint8)
    ink[50:250, 90:110] = 255
    expected = np.zeros((28, 28), np.uint8)
    expected[5:25, 14:16] = 255
    np.testing.assert_array_equal(frame(ink), expected)
    np.testing.assert_array_equal(frame(ink.T), expected.T)


def test_frame_centers_the_mass():
    """An L of a column (20 by 2) and a foot (2 by 20): by hand, 76 pixels of ink in a box of 400.

    Mass by columns: 20, 20, then 18 times 2; the center is (20 * .5 + 20 * 1.5 + 2 * (2.5 + ... + 19.5)) / 76 = 5.74,
    so the box begins at column int(15 - 5.74) = 9, clamped to 8. By rows the same from below: 20 - 5.74 = 14.26, row 0.
    """
    small = np.zeros((20, 20), np.uint8)
    small[:, :2] = small[18:] = 255
    framed = frame(upscale_by(small, 5))
    expected = np.zeros((28, 28), np.uint8)
    expected[:20, 8:28] = small
    np.testing.assert_array_equal(framed, expected)


def test_frame_scales_brightest_to_255():
    """30 rows into 20: each new pixel covers one and a half old ones."""
    ink = np.zeros((30, 30), np.uint8)
    ink[0, :] = ink[29, :] = ink[:, 0] = ink[:, 29] = 200
    framed = frame(ink)
    # Corner: 1 - (1/3)^2 of it is ink; sides: 2/3 of them. Scaled so that the corner is 255.
    assert framed[5, 5] == 255
    assert framed[5, 10] == round(255 * (2 / 3) / (8 / 9))
    assert framed[10, 10] == 0


def test_frame_averages_areas():
    """By brute force: 173 pixels enlarged 20 times are 20 whole blocks of 173."""
    rng = np.random.default_rng(0)
    ink = np.where(ndimage.gaussian_filter(rng.random((173, 173)), 8) > 0.5, 255, 0).astype(np.uint8)
    ink[[0, -1]] = ink[:, [0, -1]] = 255  # the box is the whole picture
    means = upscale_by(ink, 20).reshape(20, 173, 20, 173).mean(axis=(1, 3))
    framed = frame(ink)
    top, left = np.argmax(framed.any(axis=1)), np.argmax(framed.any(axis=0))
    inner = framed[top : top + 20, left : left + 20]
    np.testing.assert_allclose(inner, means * 255 / means.max(), atol=0.5001)


def test_frame_ignores_position_and_size():
    rng = np.random.default_rng(1)
    glyph = (ndimage.gaussian_filter(rng.random((20, 12)), 2) > 0.5).astype(np.uint8) * 255
    glyph[0, 3] = glyph[-1, 4] = glyph[5, 0] = glyph[7, -1] = 255
    once = frame(upscale_by(glyph, 2))
    for factor, index in ((4, (0, 0)), (6, (31, 2))):
        picture = np.zeros((200, 150), np.uint8)
        large = upscale_by(glyph, factor)
        picture[index[0] : index[0] + large.shape[0], index[1] : index[1] + large.shape[1]] = large
        np.testing.assert_array_equal(frame(picture), once)


def test_frame_without_ink_is_empty():
    framed = frame(np.zeros((50, 40), np.uint8))
    assert framed.shape == (28, 28)
    assert framed.dtype == np.uint8
    assert not framed.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_frame_of_smallest_and_thinnest_ink(shape):
    assert frame(np.full(shape, 255, np.uint8)).max() == 255


@pytest.mark.shared
def test_frame_reproduces_mnist(shared):
    """MNIST's digits, eight times as large, come back: exactly where their box needs no half pixel of padding."""
    from tenfold.data.load import load_data

    images = load_data(shared / "mnist").test.images[:1000]
    framed = np.stack([frame(upscale_by(image, 8)) for image in images]).astype(int)
    away = abs(framed - images)
    heights = [np.ptp(np.flatnonzero(image.any(axis=1))) for image in images]
    widths = [np.ptp(np.flatnonzero(image.any(axis=0))) for image in images]
    even = np.subtract(heights, widths) % 2 == 0
    assert even.sum() > 700
    assert away[even].max() <= 1
    assert away.mean() < 3
