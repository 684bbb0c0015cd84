"""What can be counted in a split: values, labels, duplicates, blank images, copies elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.findings import first_samples
from tenfold.images import CLASSES, SIDE, Images, Labels

Hashes = NDArray[np.uint64]  # (N,), equal for equal images

BORDER = np.pad(np.zeros((SIDE - 2, SIDE - 2), bool), 1, constant_values=True).ravel()  # (784,)


@dataclass(frozen=True)
class SplitCheck:
    """What was found in the training or the test split.

    missing_values: always 0, because readers reject missing values. min_pixel, max_pixel: range of the pixel values.
    label_counts: ten counts, None without labels. label_ratio: rarest to most common of the digits that occur.
    duplicates: samples with the same pixels as another one; conflicting: those of them whose twin has another label.
    constant_pixels: pixels with the same value in all samples, named as in Kaggle's header (pixel0 to pixel783).
    blank: samples whose pixels all have one value. dark_on_light: samples with a light border, like ink on paper.
    mean_images: uint8 (10, 28, 28), the mean image of each digit (black if it does not occur), None without labels.
    samples_with: by the name of a count, the indices of the first samples that are counted there.
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
    samples_with: dict[str, tuple[int, ...]] = field(compare=False, repr=False)

    @property
    def polarity(self) -> str:
        return "black on white" if self.dark_on_light > self.samples / 2 else "white on black"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values, and the polarity; without the mean images and the samples."""
        values = {name: value for name, value in vars(self).items() if name not in ("mean_images", "samples_with")}
        return values | {"polarity": self.polarity}


@dataclass(frozen=True)
class Overlap:
    """How many samples have an exact copy elsewhere; None if one of the two sides is missing."""

    test_in_train: int | None
    test_in_mnist: int | None
    train_in_mnist_test: int | None


def check_split(data: Dataset, hashes: Hashes) -> SplitCheck:
    """hashes: of the images, as `hash_images` makes them."""
    flat = data.images.reshape(len(data), -1)
    minima, maxima = flat.min(axis=0), flat.max(axis=0)  # of each pixel, (784,)
    blank = flat.min(axis=1) == flat.max(axis=1)
    light_border = flat[:, BORDER].mean(axis=1) > 127.5
    is_dark_on_light = light_border & ~blank
    duplicate, conflicting = _duplicates(hashes, data.labels)
    counts = None if data.labels is None else data.label_counts
    return SplitCheck(
        source=data.source,
        samples=len(data),
        missing_values=0,
        min_pixel=int(minima.min()),
        max_pixel=int(maxima.max()),
        label_counts=None if counts is None else counts.tolist(),
        label_ratio=None if counts is None else float(counts[counts > 0].min() / counts.max()),
        duplicates=int(np.count_nonzero(duplicate)),
        conflicting=int(np.count_nonzero(conflicting)),
        constant_pixels=[f"pixel{index}" for index in np.flatnonzero(minima == maxima)],
        blank=int(np.count_nonzero(blank)),
        dark_on_light=int(np.count_nonzero(is_dark_on_light)),
        mean_images=None if data.labels is None else _mean_images(data.images, data.labels),
        samples_with={
            name: first_samples(np.flatnonzero(mask))
            for name, mask in (
                ("duplicates", duplicate & ~conflicting),
                ("conflicting", conflicting),
                ("blank", blank),
                ("dark_on_light", is_dark_on_light),
            )
        },
    )


def _duplicates(hashes: Hashes, labels: Labels | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which samples occur more than once, and which of them with more than one label, bool (N,) each."""
    _, image_ids, occurrences = np.unique(hashes, return_inverse=True, return_counts=True)
    repeated = occurrences[image_ids] > 1
    if labels is None:
        return repeated, np.zeros(len(hashes), bool)
    min_labels, max_labels = np.full(len(occurrences), CLASSES), np.full(len(occurrences), -1)
    np.minimum.at(min_labels, image_ids, labels)
    np.maximum.at(max_labels, image_ids, labels)
    return repeated, min_labels[image_ids] < max_labels[image_ids]


def _mean_images(images: Images, labels: Labels) -> NDArray[np.uint8]:
    means = np.zeros((CLASSES, SIDE, SIDE), np.uint8)
    for digit in np.unique(labels):
        means[digit] = np.rint(images[labels == digit].mean(axis=0, dtype=np.float32))
    return means


def count_in(hashes: Hashes | None, others: Hashes | None) -> int | None:
    """How many of the hashes are among the others; None if one of the two is missing."""
    return None if hashes is None or others is None else int(np.count_nonzero(np.isin(hashes, others)))
