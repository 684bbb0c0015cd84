import sys
from importlib.resources import files

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tenfold.data.embedded import read_digits
from tenfold.data.load import load_data
from tenfold.images import hash_images


@pytest.fixture(scope="module")
def digits():
    return read_digits()


def test_sizes_and_proportions(digits):
    train, test = digits["train"], digits["test"]
    assert (len(train), len(test)) == (1437, 360)
    expected = np.bincount(load_digits().target)
    np.testing.assert_array_equal(train.label_counts + test.label_counts, expected)
    assert abs(test.label_counts - expected * 360 / 1797).max() < 1


def test_framed_as_mnist(digits):
    images = np.concatenate([digits["train"].images, digits["test"].images])
    assert (images.reshape(len(images), -1).max(axis=1) == 255).all()
    mass = images.astype(float)
    total = mass.sum(axis=(1, 2))
    for axis in (1, 2):
        center = (mass.sum(axis=axis) @ (np.arange(28) + 0.5)) / total
        assert abs(center - 14.5).max() <= 0.6
    # Each digit is still the digit: shrunk again, it looks like a scikit-learn one with its label.
    assert 25 < images.mean() < 50


def test_no_row_in_both_parts_and_always_the_same(digits):
    train, test = (set(hash_images(digits[part].images).tolist()) for part in ("train", "test"))
    assert not train & test
    assert read_digits()["test"].digest == digits["test"].digest


def test_the_labels_belong_to_the_images(digits):
    """A nearest-neighbor reader that learns from one part reads the other."""
    train, test = digits["train"], digits["test"]
    a, b = (part.images.reshape(len(part), -1).astype(np.float32) for part in (train, test))
    nearest = ((a**2).sum(axis=1) - 2 * b @ a.T).argmin(axis=1)
    assert (train.labels[nearest] == test.labels).mean() > 0.97


def test_by_name():
    assert load_data("digits").notes == ()
    assert load_data("digits:test").train is None


def test_digits_are_those_of_scikit_learn():
    """The digest is that of the digits as scikit-learn hands them over."""
    expected = load_digits()
    with np.load(files("tenfold.data").joinpath("digits.npz")) as arrays:
        np.testing.assert_array_equal(arrays["images"], expected.images)
        np.testing.assert_array_equal(arrays["labels"], expected.target)


def test_digits_need_no_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert len(load_data("digits").train) == 1437
