"""Real digits that come with the package, and what goes wrong with such data."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tenfold.data import load_data
from tenfold.data.checks import inspect, inspect_images
from tenfold.data.dataset import Dataset, concatenate


@pytest.fixture(scope="module")
def digits():
    splits = load_data("digits")
    return concatenate(splits.train, splits.test)


@pytest.fixture(scope="module")
def shapes():
    """Ten kinds of textures: stripes of different widths, lying or standing, with a black margin."""
    draw = np.random.default_rng(5)
    images, labels = np.zeros((300, 28, 28), np.uint8), np.arange(300) % 10
    for image, label in zip(images, labels, strict=True):
        waves = np.sin(np.arange(24) * (0.5 + 0.3 * (label % 5)) + draw.normal(0, 0.2))
        stripes = np.broadcast_to(waves if label < 5 else waves[:, None], (24, 24))
        image[2:26, 2:26] = 127 + 100 * stripes + draw.integers(0, 20)
    return Dataset(images, labels.astype(np.uint8), "stripes")


def codes(*arguments, **named):
    return [finding.code for finding in inspect(*arguments, **named) if finding.level != "note"]


def relabeled(data, fraction, seed=0):
    draw = np.random.default_rng(seed)
    changed = draw.random(len(data)) < fraction
    labels = data.labels.copy()
    labels[changed] = (labels[changed] + draw.integers(1, 10, changed.sum())) % 10
    return replace(data, labels=labels), changed


def test_sound_digits_have_no_findings(digits):
    assert inspect(digits) == inspect(test=digits) == inspect_images(digits.images) == ()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [10, 100, 150, 400])
def test_subsets_of_sound_digits_have_no_findings(digits, n, seed):
    chosen = np.random.default_rng(seed).choice(len(digits), n, replace=False)
    assert inspect(test=digits.subset(chosen)) == ()


@pytest.mark.parametrize("n", [300, 1797])
def test_shuffled_labels_are_found(digits, n):
    data = digits.subset(slice(n))
    shuffled = replace(data, labels=np.random.default_rng(0).permutation(data.labels))
    assert codes(shuffled) == ["shuffled_labels"]


def test_labels_counted_from_1_are_found(digits):
    assert codes(replace(digits, labels=(digits.labels + 1) % 10)) == ["shuffled_labels"]


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.35])
def test_wrong_labels_are_found_with_their_samples(digits, fraction):
    data, changed = relabeled(digits, fraction)
    [finding] = inspect(data)
    assert finding.code == "doubtful_labels"
    assert 0.5 * 100 * fraction < int(finding.text.split()[1]) < 1.5 * 100 * fraction
    assert finding.samples
    assert changed[list(finding.samples)].all()


def test_pictures_that_are_not_digits(shapes, digits):
    assert codes(shapes) == ["not_digits"]
    assert next(finding.code for finding in inspect_images(shapes.images)) == "not_digits"
    shuffled = replace(shapes, labels=np.random.default_rng(0).permutation(shapes.labels))
    assert codes(shuffled) == ["not_digits", "shuffled_labels"]
    assert "drift" in codes(digits, shapes)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: np.roll(image, (4, -3), (0, 1)),
        lambda image: np.pad(cv2.resize(image, (18, 18), interpolation=cv2.INTER_AREA), 5),
        lambda image: cv2.dilate(image, np.ones((3, 3), np.uint8)),
        lambda image: (image > 100).astype(np.uint8) * 255,
        lambda image: cv2.resize(image[4:24, 7:21], (28, 28)),
    ],
    ids=["moved", "smaller", "bolder", "black and white", "stretched"],
)
def test_other_framing_and_ink_are_drift(digits, change):
    changed = replace(digits, images=np.stack([change(image) for image in digits.images[::2]]), labels=None)
    warnings = inspect(digits, changed)
    assert [finding.code for finding in warnings] == ["drift"]
    assert "standard deviations" in warnings[0].text
    assert len(warnings[0].text) < 300


@pytest.mark.parametrize("n", [60, 300, 900])
def test_halves_of_one_collection_are_no_drift(digits, n):
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(digits))
        assert codes(digits.subset(order[-800:]), digits.subset(order[:n])) == []


def test_missing_and_rare_digits(digits):
    kept = np.concatenate([np.flatnonzero(~np.isin(digits.labels, [3, 7])), np.flatnonzero(digits.labels == 7)[:3]])
    assert codes(digits.subset(kept)) == ["missing_digits", "few_samples", "unbalanced"]


@pytest.mark.shared
def test_public_collections_have_no_findings(shared):
    kaggle, mnist = load_data(shared / "kaggle" / "digit-recognizer.zip"), load_data(shared / "mnist")
    assert kaggle.notes == mnist.notes == ()
    assert inspect(kaggle.train, kaggle.test) == inspect(mnist.train, mnist.test) == ()
