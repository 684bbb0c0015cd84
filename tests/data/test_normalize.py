from dataclasses import replace

import numpy as np
import pytest

from tenfold.data import load_data
from tenfold.data.dataset import Dataset, concatenate
from tenfold.data.normalize import find_orientation, normalize

# Written out with other functions than those that undo them.
STORED = {
    "transposed": lambda image: image.T,
    "mirrored left to right": np.fliplr,
    "mirrored top to bottom": np.flipud,
    "turned by 180 degrees": lambda image: np.rot90(image, 2),
    "turned by 90 degrees clockwise": lambda image: np.rot90(image, -1),
    "turned by 90 degrees counterclockwise": lambda image: np.rot90(image, 1),
    "transposed along the other diagonal": lambda image: np.rot90(image, 2).T,
}


@pytest.fixture(scope="module")
def digits():
    splits = load_data("digits")
    return concatenate(splits.train, splits.test)


def changed(data, change):
    return replace(data, images=np.stack([change(image) for image in data.images]))


def test_sound_data_stay_the_same_object(digits):
    assert normalize(digits) == (digits, ())


@pytest.mark.parametrize(("labeled", "n"), [(True, 150), (True, 1797), (False, 1797)])
@pytest.mark.parametrize("name", STORED)
def test_orientation_is_recognized_and_undone(digits, name, n, labeled):
    data = digits.subset(slice(n))
    stored = changed(data if labeled else replace(data, labels=None), STORED[name])
    turned, notes = normalize(stored)
    assert notes == (f"{data.source} is {name}: brought upright.",)
    np.testing.assert_array_equal(turned.images, data.images)
    assert turned.images.flags.c_contiguous


@pytest.mark.parametrize("digit", range(10))
def test_single_digits_are_not_turned(digits, digit):
    data = digits.subset(np.flatnonzero(digits.labels == digit))
    assert normalize(replace(data, labels=None))[1] == ()
    assert normalize(data)[1] == ()


def test_few_images_are_not_turned(digits):
    assert find_orientation(changed(digits.subset(slice(50)), np.transpose).images, None) == ("upright", False)


def test_noise_is_not_turned():
    noise = np.random.default_rng(0).integers(0, 256, (400, 28, 28), np.uint8)
    assert find_orientation(noise, None) == ("upright", False)
    assert find_orientation(noise, (np.arange(400) % 10).astype(np.uint8)) == ("upright", False)


@pytest.mark.parametrize("inverted", [False, True])
def test_zeros_and_ones_become_full_ink(digits, inverted):
    ink = digits.images > 127
    images = (~ink if inverted else ink).astype(np.uint8)
    normalized, notes = normalize(replace(digits, images=images))
    assert notes[0] == f"{digits.source} has only the pixel values 0 and 1: multiplied by 255."
    assert len(notes) == 1 + inverted
    np.testing.assert_array_equal(normalized.images, np.where(ink, 255, 0))


def test_blank_and_empty_data_stay_as_they_are():
    for n in (0, 3):
        blank = Dataset(np.zeros((n, 28, 28), np.uint8), None, "blank")
        assert normalize(blank) == (blank, ())
