import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.polarity import is_black_on_white, upright


def crosses(n, size=28):
    """White crosses on black that reach the border on all four sides."""
    images = np.zeros((n, size, size), np.uint8)
    images[:, size // 2] = images[:, :, size // 2] = 255
    return images


@pytest.mark.parametrize("n", [1, 3, 5000])
def test_ink_at_the_border_does_not_mislead(n):
    assert not is_black_on_white(crosses(n))
    assert is_black_on_white(255 - crosses(n))


def test_any_size_and_shades_of_gray():
    gray = crosses(2, 50) // 3 + 20
    assert not is_black_on_white(gray)
    assert is_black_on_white(255 - gray)


def test_blank_paper():
    assert is_black_on_white(np.full((1, 28, 28), 255, np.uint8))
    assert not is_black_on_white(np.zeros((1, 28, 28), np.uint8))


def test_upright():
    white = Dataset(crosses(4), np.arange(4, dtype=np.uint8), "crosses")
    black = Dataset(255 - crosses(4), white.labels, "crosses")
    assert upright(white) is white
    np.testing.assert_array_equal(upright(black).images, white.images)
    np.testing.assert_array_equal(upright(black).labels, white.labels)
    assert upright(black).source == "crosses"


@pytest.mark.shared
def test_mnist_is_white_on_black(shared):
    from tenfold.data.load import load_data

    images = load_data(shared / "mnist").test.images
    assert not any(is_black_on_white(image[None]) for image in images)
    assert all(is_black_on_white(255 - image[None]) for image in images)
