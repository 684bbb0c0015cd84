import json

import numpy as np
import pandas as pd
import pytest

from tenfold.data.checks import Finding, check_data
from tenfold.data.dataset import Dataset


def digits(n=40, seed=0, labels=None, labeled=True):
    """Different random images with a black border, as MNIST has it; labels run 0 to 9 unless given."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = np.random.default_rng(seed).integers(0, 256, (n, 20, 20))
    labels = np.arange(n) % 10 if labels is None else np.asarray(labels)
    return Dataset(images, labels.astype(np.uint8) if labeled else None, f"digits {seed}")


def texts(result, level):
    return [finding.text for finding in result.findings if finding.level == level]


def test_no_warnings_for_sound_data():
    result = check_data(digits(seed=0), digits(seed=1, labeled=False), digits(seed=2))
    assert result.trainable
    # The 784 - 400 pixels of the border never change; that is a note, with names as in Kaggle's header.
    assert list(result.findings) == [
        Finding("note", "constant_pixels", "constant pixels in the training images: 384 of 784"),
        Finding("note", "constant_pixels", "constant pixels in the test images: 384 of 784"),
    ]
    train = result.train
    assert (train.samples, train.missing_values, train.min_pixel, train.max_pixel) == (40, 0, 0, 255)
    assert train.label_counts == [4] * 10
    assert train.label_ratio == 1.0
    assert (train.duplicates, train.conflicting, train.blank, train.dark_on_light) == (0, 0, 0, 0)
    assert train.polarity == "white on black"
    assert train.constant_pixels[0] == "pixel0"
    assert "pixel783" in train.constant_pixels
    assert "pixel116" not in train.constant_pixels  # row 4, column 4
    assert result.test.label_counts is result.test.label_ratio is result.test.mean_images is None


def test_duplicates_and_conflicts_match_pandas():
    generator = np.random.default_rng(3)
    rows = generator.integers(0, 60, 100)  # 100 draws from 60 images: many repeated
    data = digits(60).subset(rows)
    data = Dataset(data.images, generator.integers(0, 2, 100).astype(np.uint8), "drawn")
    check = check_data(data, None, None).train

    frame = pd.DataFrame(data.images.reshape(100, -1))
    pixels = list(frame.columns)
    repeated = frame.duplicated(keep=False)
    frame["label"] = data.labels
    label_counts = frame.groupby(pixels)["label"].transform("nunique")
    assert check.duplicates == repeated.sum() > 0
    assert check.conflicting == (label_counts > 1).sum() > 0
    warning, *_ = [text for text in texts(check_data(data, None, None), "warning") if "different labels" in text]
    assert warning == f"identical training images with different labels: {check.conflicting}"


def test_duplicates_with_the_same_label_are_a_note():
    data = digits(40)
    twice = data.subset([*range(40), 0, 10])
    result = check_data(twice, None, None)
    assert (result.train.duplicates, result.train.conflicting) == (4, 0)
    assert "duplicate training images with the same label: 4" in texts(result, "note")
    assert texts(result, "warning") == []


def test_unlabeled_duplicates_are_counted():
    result = check_data(digits(), digits(10, seed=1, labeled=False).subset([0, 0, 0, 1]), None)
    assert (result.test.duplicates, result.test.conflicting) == (3, 0)
    assert "duplicate test images: 3" in texts(result, "note")


def test_leak_of_training_images_into_the_test_split():
    train, fresh = digits(40, seed=0), digits(40, seed=1)
    test = Dataset(np.concatenate([fresh.images[:7], train.images[[3, 3, 9]]]), None, "test")
    result = check_data(train, test, None)
    assert result.overlap.test_in_train == 3
    assert result.overlap.test_in_mnist is None
    assert result.overlap.train_in_mnist_test is None
    [warning] = texts(result, "warning")
    assert warning.startswith("test images that are also training images: 3 of 10;")
    assert result.trainable


def test_overlap_with_public_mnist():
    generator = np.random.default_rng(0)
    images = np.zeros((70_000, 28, 28), np.uint8)
    images[:, 10, 4:24] = generator.integers(0, 256, (70_000, 20))
    # The labels are all wrong on purpose: nothing may use them.
    mnist = Dataset(images, np.full(70_000, 9, np.uint8), "mnist")
    train = Dataset(images[59_970:60_010], digits(40).labels, "train")
    test = Dataset(np.concatenate([images[[0, 1, 69_999]], digits(2).images]), None, "test")
    result = check_data(train, test, mnist)
    assert result.overlap.train_in_mnist_test == 10
    assert result.overlap.test_in_mnist == 3
    assert result.overlap.test_in_train == 0
    in_mnist, in_mnist_test = texts(result, "warning")
    assert in_mnist.startswith("test images that are also in public MNIST: 3 of 5;")
    assert in_mnist_test.startswith("training images that are also in MNIST's test split: 10 of 40;")

    # MNIST's own test split has labels: that it is in MNIST needs no warning.
    labeled = Dataset(images[60_000:60_040], digits(40).labels, "test split")
    result = check_data(digits(), labeled, mnist)
    assert result.overlap.test_in_mnist == 40
    assert texts(result, "warning") == []


@pytest.mark.parametrize(
    ("train", "error"),
    [
        (None, "no labeled samples"),
        (digits(labeled=False), "no labeled samples"),
        (digits(0), "no labeled samples"),
        (digits(labels=[3] * 40), "every training sample is labeled 3"),
        (digits(10), "no digit has two training samples"),
        (
            Dataset(np.zeros((4, 28, 28), np.uint8), np.array([0, 1, 0, 1], np.uint8), ""),
            "every training image is blank",
        ),
        (digits(20).subset([5] * 20), "all 20 training images are the same"),
    ],
)
def test_untrainable_data_is_an_error(train, error):
    if error.startswith("all 20"):
        train = Dataset(train.images, digits(20).labels, "the same")
    result = check_data(train, None, None)
    assert not result.trainable
    assert result.findings[0].level == "error"
    assert result.findings[0].text.startswith(error)


def test_warnings_for_missing_single_and_rare_digits():
    labels = [0] * 20 + [1] * 9 + [2] * 15 + [3]
    result = check_data(digits(45, labels=labels), None, None)
    assert result.trainable
    assert result.train.label_ratio == 1 / 20
    assert texts(result, "warning") == [
        "no training samples of 4, 5, 6, 7, 8, 9: a model trained on this never predicts them",
        "only 1 sample of 3 to train on: too few to train and validate on",
        "unbalanced training labels: 1 sample of 3, 20 samples of 0; look at the recall of each digit, not only at the "
        "accuracy",
    ]


def test_black_on_white_is_detected():
    data = digits()
    paper = Dataset(255 - data.images, data.labels, "paper")
    result = check_data(paper, None, None)
    assert result.train.polarity == "black on white"
    assert result.train.dark_on_light == 40
    assert texts(result, "warning") == ["training images with a light border, as if black on white: 40 of 40"]
    mixed = Dataset(np.concatenate([data.images, paper.images[:3]]), np.arange(43, dtype=np.uint8) % 10, "mixed")
    assert check_data(mixed, None, None).train.dark_on_light == 3
    assert check_data(mixed, None, None).train.polarity == "white on black"


def test_warning_for_scaled_pixels():
    data = digits()
    scaled = Dataset(data.images // 16, data.labels, "0 to 15")
    result = check_data(scaled, None, None)
    assert (result.train.min_pixel, result.train.max_pixel) == (0, 15)
    assert texts(result, "warning") == ["the brightest pixel of the training images is 15; expected values up to 255"]


def test_blank_images_are_counted():
    data = digits()
    data.images[[4, 8]] = 0
    data.images[9] = 255
    result = check_data(data, None, None)
    assert result.train.blank == 3
    assert "blank training images: 3 of 40" in texts(result, "note")
    assert result.train.dark_on_light == 0


def test_mean_images_are_rounded_means():
    data = digits(labels=np.arange(40) % 9)
    means = check_data(data, None, None).train.mean_images
    assert means.dtype == np.uint8
    assert means.shape == (10, 28, 28)
    for digit in range(9):
        exact = np.stack([image for image, label in zip(data.images, data.labels, strict=True) if label == digit])
        assert np.abs(means[digit] - exact.astype(float).mean(axis=0)).max() <= 0.5 + 1e-4
    assert not means[9].any()


def test_to_dict_is_plain_json_without_images():
    document = check_data(digits(), digits(seed=1, labeled=False), None).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["trainable"] is True
    assert document["overlap"] == {"test_in_train": 0, "test_in_mnist": None, "train_in_mnist_test": None}
    assert "mean_images" not in document["train"]
    assert document["train"]["polarity"] == "white on black"
    assert document["warnings"][0]["level"] == "note"
    assert check_data(None, None, None).to_dict()["train"] is None


@pytest.mark.shared
def test_kaggles_files(shared):
    from tenfold.data import load_data

    source = load_data(shared / "kaggle" / "digit-recognizer.zip")
    public = load_data(shared / "mnist")
    mnist = Dataset(np.concatenate([public.train.images, public.test.images]), None, "public MNIST")
    result = check_data(source.train, source.test, mnist)
    assert result.trainable
    # Kaggle's published class counts.
    assert result.train.label_counts == [4132, 4684, 4177, 4351, 4072, 3795, 4137, 4401, 4063, 4188]
    assert (result.train.samples, result.test.samples, result.train.duplicates) == (42_000, 28_000, 0)
    assert result.overlap.test_in_train == 0
    assert result.overlap.test_in_mnist == 28_000
    # The two splits together are all of MNIST: each has what the other lacks.
    in_test = check_data(Dataset(source.test.images, np.zeros(28_000, np.uint8), "test"), None, mnist)
    assert result.overlap.train_in_mnist_test + in_test.overlap.train_in_mnist_test == 10_000
