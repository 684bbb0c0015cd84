"""`check_data`: counts, anomalies and leaks in the data, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.images import CLASSES, SIDE, Images, Labels, hash_images

Level = Literal["error", "warning", "note"]
Hashes = NDArray[np.uint64]  # (N,), equal for equal images

# Below this ratio of the rarest to the most common digit, accuracy says little about the rare one. MNIST: 0.80.
MIN_LABEL_RATIO = 0.5
# Below this maximum, pixels were scaled to another range (0..1, 0..16) before they were written.
MIN_BRIGHTNESS = 128
MNIST_TRAIN_SIZE = 60_000
BORDER = np.pad(np.zeros((SIDE - 2, SIDE - 2), bool), 1, constant_values=True).ravel()  # (784,)


@dataclass(frozen=True)
class Finding:
    """One sentence about the data: an error prevents training, a warning can spoil a result, a note is good to know."""

    level: Level
    text: str


@dataclass(frozen=True)
class SplitCheck:
    """What was found in the training or the test split.

    missing_values: always 0, because readers reject missing values. min_pixel, max_pixel: range of the pixel values.
    label_counts: ten counts, None without labels. label_ratio: rarest to most common of the digits that occur.
    duplicates: samples with the same pixels as another one; conflicting: those of them whose twin has another label.
    constant_pixels: pixels with the same value in all samples, named as in Kaggle's header (pixel0 to pixel783).
    blank: samples whose pixels all have one value. dark_on_light: samples with a light border, like ink on paper.
    mean_images: uint8 (10, 28, 28), the mean image of each digit (black if it does not occur), None without labels.
    """

    source: str
    samples: int
    missing_values: int
    min_pixel: int
    max_pixel: int
    label_counts: list[int] | None
    label_ratio: float | None
    duplicates: int
    conflicting: int
    constant_pixels: list[str]
    blank: int
    dark_on_light: int
    mean_images: NDArray[np.uint8] | None = field(compare=False, repr=False)

    @property
    def polarity(self) -> str:
        return "black on white" if self.dark_on_light > self.samples / 2 else "white on black"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values, and the polarity; without the mean images."""
        values = {name: value for name, value in vars(self).items() if name != "mean_images"}
        return values | {"polarity": self.polarity}


@dataclass(frozen=True)
class Overlap:
    """How many samples have an exact copy elsewhere; None if one of the two sides is missing."""

    test_in_train: int | None
    test_in_mnist: int | None
    train_in_mnist_test: int | None


@dataclass(frozen=True)
class CheckResult:
    train: SplitCheck | None
    test: SplitCheck | None
    overlap: Overlap
    findings: list[Finding]

    @property
    def trainable(self) -> bool:
        return not any(finding.level == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "trainable": self.trainable,
            "findings": [asdict(finding) for finding in self.findings],
            "train": self.train and self.train.to_dict(),
            "test": self.test and self.test.to_dict(),
            "overlap": asdict(self.overlap),
        }


def check_data(train: Dataset | None, test: Dataset | None, mnist: Dataset | None) -> CheckResult:
    """Check the training split, the test split and their overlap.

    mnist: the 70,000 samples of public MNIST, its training split first, if available. Kaggle's images are taken from
    it, so the answers to a test set can be in it; its own labels are not used.
    """
    train_hashes = hash_images(train.images) if train else None
    test_hashes = hash_images(test.images) if test else None
    mnist_hashes = hash_images(mnist.images) if mnist else None
    overlap = Overlap(
        test_in_train=_count_in(test_hashes, train_hashes),
        test_in_mnist=_count_in(test_hashes, mnist_hashes),
        train_in_mnist_test=_count_in(train_hashes, None if mnist_hashes is None else mnist_hashes[MNIST_TRAIN_SIZE:]),
    )
    train_check = None if not train or train_hashes is None else _check_split(train, train_hashes)
    test_check = None if not test or test_hashes is None else _check_split(test, test_hashes)
    findings = [
        *_training_findings(train_check),
        *_leak_findings(overlap, train_check, test_check),
        *_pixel_findings(train_check, "training"),
        *_pixel_findings(test_check, "test"),
    ]
    findings.sort(key=lambda finding: ("error", "warning", "note").index(finding.level))
    return CheckResult(train_check, test_check, overlap, findings)


def _check_split(data: Dataset, hashes: Hashes) -> SplitCheck:
    flat = data.images.reshape(len(data), -1)
    minima, maxima = flat.min(axis=0), flat.max(axis=0)  # of each pixel, (784,)
    blank = flat.min(axis=1) == flat.max(axis=1)
    light_border = flat[:, BORDER].mean(axis=1) > 127.5
    duplicates, conflicting = _duplicates(hashes, data.labels)
    counts = None if data.labels is None else data.label_counts
    return SplitCheck(
        source=data.source,
        samples=len(data),
        missing_values=0,
        min_pixel=int(minima.min()),
        max_pixel=int(maxima.max()),
        label_counts=None if counts is None else counts.tolist(),
        label_ratio=None if counts is None else float(counts[counts > 0].min() / counts.max()),
        duplicates=duplicates,
        conflicting=conflicting,
        constant_pixels=[f"pixel{index}" for index in np.flatnonzero(minima == maxima)],
        blank=int(np.count_nonzero(blank)),
        dark_on_light=int(np.count_nonzero(light_border & ~blank)),
        mean_images=None if data.labels is None else _mean_images(data.images, data.labels),
    )


def _duplicates(hashes: Hashes, labels: Labels | None) -> tuple[int, int]:
    """How many samples occur more than once, and how many of them with more than one label."""
    _, image_ids, occurrences = np.unique(hashes, return_inverse=True, return_counts=True)
    repeated = occurrences[image_ids] > 1
    if labels is None:
        return int(np.count_nonzero(repeated)), 0
    image_ids, labels = image_ids[repeated], labels[repeated]
    min_labels, max_labels = np.full(len(occurrences), CLASSES), np.full(len(occurrences), -1)
    np.minimum.at(min_labels, image_ids, labels)
    np.maximum.at(max_labels, image_ids, labels)
    return len(image_ids), int(np.count_nonzero(min_labels[image_ids] < max_labels[image_ids]))


def _mean_images(images: Images, labels: Labels) -> NDArray[np.uint8]:
    means = np.zeros((CLASSES, SIDE, SIDE), np.uint8)
    for digit in np.unique(labels):
        means[digit] = np.rint(images[labels == digit].mean(axis=0, dtype=np.float32))
    return means


def _count_in(hashes: Hashes | None, others: Hashes | None) -> int | None:
    return None if hashes is None or others is None else int(np.count_nonzero(np.isin(hashes, others)))


def _training_findings(train: SplitCheck | None) -> Iterator[Finding]:
    if train is None or train.label_counts is None:
        yield Finding("error", "no labeled samples: there is nothing to train on")
        return
    counts = {digit: count for digit, count in enumerate(train.label_counts) if count}
    yield from _image_errors(train)
    yield from _label_errors(counts)
    yield from _label_warnings(counts)


def _image_errors(train: SplitCheck) -> Iterator[Finding]:
    if train.blank == train.samples:
        yield Finding("error", "every training image is blank")
    elif len(train.constant_pixels) == SIDE**2:
        yield Finding("error", f"all {train.samples:,} training images are the same")


def _label_errors(counts: dict[int, int]) -> Iterator[Finding]:
    if len(counts) == 1:
        yield Finding("error", f"every training sample is labeled {next(iter(counts))}: nothing to distinguish")
    elif max(counts.values()) == 1:
        yield Finding("error", "no digit has two training samples: none can be held out for validation")


def _label_warnings(counts: dict[int, int]) -> Iterator[Finding]:
    """counts: of the digits that occur."""
    missing = [str(digit) for digit in range(CLASSES) if digit not in counts]
    if missing and len(counts) > 1:
        yield Finding("warning", f"no training samples of {', '.join(missing)}: a model trained on this never predicts "
                      f"{'it' if len(missing) == 1 else 'them'}")  # fmt: skip
    if single := [str(digit) for digit, count in counts.items() if count == 1]:
        yield Finding("warning", f"only one training sample of {', '.join(single)}: too few to train and validate on")
    rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[rarest] / counts[commonest] < MIN_LABEL_RATIO:
        yield Finding(
            "warning",
            f"unbalanced training labels: {_samples(counts[rarest])} of {rarest}, {_samples(counts[commonest])} of "
            f"{commonest}; look at the recall of each digit, not only at the accuracy",
        )


def _samples(count: int) -> str:
    return f"{count:,} sample" if count == 1 else f"{count:,} samples"


def _leak_findings(overlap: Overlap, train: SplitCheck | None, test: SplitCheck | None) -> Iterator[Finding]:
    if test and overlap.test_in_train:
        yield Finding(
            "warning",
            f"test images that are also training images: {overlap.test_in_train:,} of {test.samples:,}; "
            "a score on them measures memorization",
        )
    # The labels of labeled test samples are no secret; MNIST's own test split is the usual case.
    if test and test.label_counts is None and overlap.test_in_mnist:
        yield Finding(
            "warning",
            f"test images that are also in public MNIST: {overlap.test_in_mnist:,} of {test.samples:,}; "
            "their labels can be looked up, so a perfect score on them proves little",
        )
    if train and overlap.train_in_mnist_test:
        yield Finding(
            "warning",
            f"training images that are also in MNIST's test split: {overlap.train_in_mnist_test:,} of "
            f"{train.samples:,}; a model trained on them can't be evaluated on MNIST's test split",
        )


def _pixel_findings(split: SplitCheck | None, name: str) -> Iterator[Finding]:
    if split is None:
        return
    if split.conflicting:
        yield Finding("warning", f"identical {name} images with different labels: {split.conflicting:,}")
    if split.dark_on_light:
        yield Finding(
            "warning",
            f"{name} images with a light border, as if black on white: {split.dark_on_light:,} of {split.samples:,}",
        )
    if split.max_pixel < MIN_BRIGHTNESS and split.blank < split.samples:
        yield Finding(
            "warning", f"the brightest pixel of the {name} images is {split.max_pixel}; expected values up to 255"
        )
    if split.duplicates > split.conflicting:
        count = split.duplicates - split.conflicting
        same_label = "" if split.label_counts is None else " with the same label"
        yield Finding("note", f"duplicate {name} images{same_label}: {count:,}")
    if split.blank:
        yield Finding("note", f"blank {name} images: {split.blank:,} of {split.samples:,}")
    if 0 < len(split.constant_pixels) < SIDE**2:
        yield Finding("note", f"constant pixels in the {name} images: {len(split.constant_pixels)} of {SIDE**2}")
