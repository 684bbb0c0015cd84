"""What stands in the data before anything is trained on it: counts, oddities, leaks."""

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

# Below this ratio of the rarest to the commonest digit, accuracy says little about the rare one. MNIST: 0.80.
BALANCED = 0.5
# Below this brightest value, pixels were scaled to another range (0..1, 0..16) before they came here.
BRIGHT = 128
MNIST_TRAINING_ROWS = 60_000
BORDER = np.pad(np.zeros((SIDE - 2, SIDE - 2), bool), 1, constant_values=True).ravel()  # (784,)


@dataclass(frozen=True)
class Finding:
    """One sentence on the data: an error forbids training, a warning can spoil a result, a note is good to know."""

    level: Level
    text: str


@dataclass(frozen=True)
class PartCheck:
    """The training rows or the test rows.

    missing: always 0, for readers refuse missing values. lowest, highest: the range of the pixel values.
    label_counts: ten counts, None without labels. label_ratio: the rarest to the commonest of the digits that occur.
    duplicates: rows whose pixels another row has too; conflicting: those among them with another label there.
    constant_pixels: pixels with one value in all rows, named as in Kaggle's header (pixel0 to pixel783).
    blank: rows whose pixels all have one value. dark_on_light: rows with a light border, as ink on paper has.
    mean_images: uint8 (10, 28, 28), the mean image of each digit (black where it does not occur), None without labels.
    """

    source: str
    rows: int
    missing: int
    lowest: int
    highest: int
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
        return "black on white" if self.dark_on_light > self.rows / 2 else "white on black"

    def to_dict(self) -> dict[str, Any]:
        """The same names with plain JSON values, and the polarity; the mean images are for pages only."""
        values = {name: value for name, value in vars(self).items() if name != "mean_images"}
        return values | {"polarity": self.polarity}


@dataclass(frozen=True)
class Overlap:
    """How many rows occur pixel by pixel elsewhere; None where one side is not at hand."""

    test_in_train: int | None
    test_in_mnist: int | None
    train_in_mnist_test: int | None


@dataclass(frozen=True)
class CheckResult:
    train: PartCheck | None
    test: PartCheck | None
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


def check(train: Dataset | None, test: Dataset | None, mnist: Dataset | None) -> CheckResult:
    """Look at the training rows, the test rows and their overlap.

    mnist: the 70,000 images of public MNIST when at hand, its 60,000 training rows first. Kaggle's rows are taken from
    it, so that the answers to a test set can stand there; its labels are not looked at.
    """
    train_hashes = hash_images(train.images) if train else None
    test_hashes = hash_images(test.images) if test else None
    mnist_hashes = hash_images(mnist.images) if mnist else None
    overlap = Overlap(
        test_in_train=_found(test_hashes, train_hashes),
        test_in_mnist=_found(test_hashes, mnist_hashes),
        train_in_mnist_test=_found(train_hashes, None if mnist_hashes is None else mnist_hashes[MNIST_TRAINING_ROWS:]),
    )
    train_part = None if not train or train_hashes is None else _part(train, train_hashes)
    test_part = None if not test or test_hashes is None else _part(test, test_hashes)
    findings = [
        *_training_findings(train_part),
        *_leak_findings(overlap, train_part, test_part),
        *_pixel_findings(train_part, "training"),
        *_pixel_findings(test_part, "test"),
    ]
    findings.sort(key=lambda finding: ("error", "warning", "note").index(finding.level))
    return CheckResult(train_part, test_part, overlap, findings)


def _part(data: Dataset, hashes: Hashes) -> PartCheck:
    flat = data.images.reshape(len(data), -1)
    lowest, highest = flat.min(axis=0), flat.max(axis=0)  # each pixel's range, (784,)
    blank = flat.min(axis=1) == flat.max(axis=1)
    light_border = flat[:, BORDER].mean(axis=1) > 127.5
    duplicates, conflicting = _duplicates(hashes, data.labels)
    counts = None if data.labels is None else data.label_counts
    return PartCheck(
        source=data.source,
        rows=len(data),
        missing=0,
        lowest=int(lowest.min()),
        highest=int(highest.max()),
        label_counts=None if counts is None else counts.tolist(),
        label_ratio=None if counts is None else float(counts[counts > 0].min() / counts.max()),
        duplicates=duplicates,
        conflicting=conflicting,
        constant_pixels=[f"pixel{number}" for number in np.flatnonzero(lowest == highest)],
        blank=int(np.count_nonzero(blank)),
        dark_on_light=int(np.count_nonzero(light_border & ~blank)),
        mean_images=None if data.labels is None else _mean_images(data.images, data.labels),
    )


def _duplicates(hashes: Hashes, labels: Labels | None) -> tuple[int, int]:
    """How many rows occur more than once, and how many of them under more than one label."""
    _, image, occurrences = np.unique(hashes, return_inverse=True, return_counts=True)
    repeated = occurrences[image] > 1
    if labels is None:
        return int(np.count_nonzero(repeated)), 0
    image, labels = image[repeated], labels[repeated]
    lowest, highest = np.full(len(occurrences), CLASSES), np.full(len(occurrences), -1)
    np.minimum.at(lowest, image, labels)
    np.maximum.at(highest, image, labels)
    return len(image), int(np.count_nonzero(lowest[image] < highest[image]))


def _mean_images(images: Images, labels: Labels) -> NDArray[np.uint8]:
    means = np.zeros((CLASSES, SIDE, SIDE), np.uint8)
    for digit in np.unique(labels):
        means[digit] = np.rint(images[labels == digit].mean(axis=0, dtype=np.float32))
    return means


def _found(hashes: Hashes | None, among: Hashes | None) -> int | None:
    return None if hashes is None or among is None else int(np.count_nonzero(np.isin(hashes, among)))


def _training_findings(part: PartCheck | None) -> Iterator[Finding]:
    if part is None or part.label_counts is None:
        yield Finding("error", "no labeled rows: there is nothing to train on")
        return
    counts = dict(enumerate(part.label_counts))
    occurring = [digit for digit, count in counts.items() if count]
    rarest, commonest = min(occurring, key=counts.__getitem__), max(occurring, key=counts.__getitem__)
    if part.blank == part.rows:
        yield Finding("error", "every training image is blank")
    elif len(part.constant_pixels) == SIDE**2:
        yield Finding("error", f"all {part.rows:,} training images are the same")
    if len(occurring) == 1:
        yield Finding("error", f"every training row is labeled {rarest}: there is nothing to tell apart")
    elif counts[commonest] == 1:
        yield Finding("error", "no digit has two training rows: none can be held out")
    if 1 < len(occurring) < CLASSES:
        missing = ", ".join(str(digit) for digit, count in counts.items() if not count)
        yield Finding("warning", f"no training rows of {missing}: a model trained on these never reads them")
    if alone := [str(digit) for digit, count in counts.items() if count == 1]:
        yield Finding("warning", f"a single training row of {', '.join(alone)}: too few to learn from and measure on")
    if part.label_ratio is not None and part.label_ratio < BALANCED:
        yield Finding(
            "warning",
            f"unbalanced training labels: {_rows(counts[rarest])} of {rarest}, {_rows(counts[commonest])} of "
            f"{commonest}; read the recall of each digit beside the accuracy",
        )


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _leak_findings(overlap: Overlap, train: PartCheck | None, test: PartCheck | None) -> Iterator[Finding]:
    if test and overlap.test_in_train:
        yield Finding(
            "warning",
            f"test rows that stand pixel by pixel in the training rows: {overlap.test_in_train:,} of {test.rows:,}; "
            "a score on them measures memory",
        )
    # Labeled test rows have nothing to look up; public MNIST's own test rows are the usual case.
    if test and test.label_counts is None and overlap.test_in_mnist:
        yield Finding(
            "warning",
            f"test rows that stand pixel by pixel in public MNIST: {overlap.test_in_mnist:,} of {test.rows:,}; "
            "their labels can be looked up, so a perfect score on them proves little",
        )
    if train and overlap.train_in_mnist_test:
        yield Finding(
            "warning",
            f"training rows that stand pixel by pixel in MNIST's test part: {overlap.train_in_mnist_test:,} of "
            f"{train.rows:,}; MNIST's test part is not unseen by a model trained on them",
        )


def _pixel_findings(part: PartCheck | None, name: str) -> Iterator[Finding]:
    if part is None:
        return
    if part.conflicting:
        yield Finding(
            "warning", f"{name} rows that share their pixels with a row of another label: {part.conflicting:,}"
        )
    if part.dark_on_light:
        yield Finding(
            "warning",
            f"{name} images with a light border, as black on white has: {part.dark_on_light:,} of {part.rows:,}",
        )
    if part.highest < BRIGHT and part.blank < part.rows:
        yield Finding(
            "warning", f"the brightest pixel of the {name} images is {part.highest}; expected values up to 255"
        )
    if part.duplicates > part.conflicting:
        agreeing = part.duplicates - part.conflicting
        same = "" if part.label_counts is None else ", all of one label"
        yield Finding("note", f"{name} rows that share their pixels with another row{same}: {agreeing:,}")
    if part.blank:
        yield Finding("note", f"blank {name} images: {part.blank:,} of {part.rows:,}")
    if 0 < len(part.constant_pixels) < SIDE**2:
        yield Finding(
            "note", f"pixels that never change in the {name} images: {len(part.constant_pixels)} of {SIDE**2}"
        )
