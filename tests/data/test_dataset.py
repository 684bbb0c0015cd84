import numpy as np
import pytest

from tenfold.data.dataset import Dataset, concatenate, is_black_on_white, normalize_polarity


def crosses(n, size=28):
    """White crosses on black that reach the border on all four sides."""
    images = np.zeros((n, size, size), np.uint8)
    images[:, size // 2] = images[:, :, size // 2] = 255
    return images


@pytest.mark.parametrize("n", [1, 3, 5000])
def test_ink_at_the_border(n):
    assert not is_black_on_white(crosses(n))
    assert is_black_on_white(255 - crosses(n))


def test_polarity_of_gray_images_of_any_size():
    gray = crosses(2, 50) // 3 + 20
    assert not is_black_on_white(gray)
    assert is_black_on_white(255 - gray)


def test_polarity_of_blank_images():
    assert is_black_on_white(np.full((1, 28, 28), 255, np.uint8))
    assert not is_black_on_white(np.zeros((1, 28, 28), np.uint8))


def test_normalize_polarity():
    white = Dataset(crosses(4), np.arange(4, dtype=np.uint8), "crosses")
    black = Dataset(255 - crosses(4), white.labels, "crosses")
    assert normalize_polarity(white) is white
    np.testing.assert_array_equal(normalize_polarity(black).images, white.images)
    np.testing.assert_array_equal(normalize_polarity(black).labels, white.labels)
    assert normalize_polarity(black).source == "crosses"


def test_subset_keeps_source_indices():
    data = Dataset(crosses(6), np.arange(6, dtype=np.uint8), "crosses")
    assert [data.source_index(i) for i in range(6)] == list(range(6))
    subset = data.subset([5, 1, 3]).subset([2, 0])
    assert subset.labels.tolist() == [3, 5]
    assert [subset.source_index(i) for i in range(2)] == [3, 5]
    both = concatenate(subset, data)
    assert both.source_indices.tolist() == [3, 5, *range(6)]
    assert both.source == "crosses and crosses"


@pytest.mark.shared
def test_mnist_is_white_on_black(shared):
    from tenfold.data.load import load_data

    images = load_data(shared / "mnist").test.images
    assert not any(is_black_on_white(image[None]) for image in images)
    assert all(is_black_on_white(255 - image[None]) for image in images)
