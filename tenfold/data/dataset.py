"""`Dataset`: the one form in which every source hands over digits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tenfold.images import CLASSES, SIDE, Images, Labels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Digits of 28x28 pixels, with labels or without.

    images: uint8 (N, 28, 28), white ink (255) on black (0).
    labels: uint8 (N,), 0 to 9, or None.
    source: where they came from, in words for people ("train.csv in digit-recognizer.zip").
    places: int64 (N,), each image's row in that source, from 0; None where these are all its rows in order.

    Raises ValueError for arrays of another type or shape: a reader must hand over what it promises.
    """

    images: Images
    labels: Labels | None
    source: str
    places: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 3 or self.images.shape[1:] != (SIDE, SIDE):
            raise ValueError(f"images must be uint8 (N, 28, 28), not {self.images.dtype} {self.images.shape}")
        if self.labels is not None:
            if self.labels.dtype != np.uint8 or self.labels.shape != (len(self.images),):
                raise ValueError(
                    f"labels must be uint8 ({len(self.images)},), not {self.labels.dtype} {self.labels.shape}"
                )
            if self.labels.size and self.labels.max() >= CLASSES:
                raise ValueError(f"labels must be 0 to 9, not {self.labels.max()}")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def digest(self) -> str:
        """sha256 of the pixels and, where there are any, the labels."""
        state = hashlib.sha256(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            state.update(np.ascontiguousarray(self.labels).data)
        return state.hexdigest()

    @property
    def label_counts(self) -> NDArray[np.int64]:
        """How often each digit occurs, int64 (10,). Raises ValueError without labels."""
        if self.labels is None:
            raise ValueError(f"{self.source} has no labels")
        return np.bincount(self.labels, minlength=CLASSES)

    def subset(self, rows: NDArray[np.integer] | Sequence[int] | slice) -> Dataset:
        """The given rows, in the given order."""
        labels = None if self.labels is None else self.labels[rows]
        places = np.arange(len(self)) if self.places is None else self.places
        return replace(self, images=self.images[rows], labels=labels, places=places[rows])

    def place(self, row: int) -> int:
        """The row of the source, from 0, that an image of this part came from."""
        return row if self.places is None else int(self.places[row])


def joined(first: Dataset, second: Dataset) -> Dataset:
    """The rows of both, in order, each with its place in its own source; with labels, where both have them."""
    both = None
    if first.labels is not None and second.labels is not None:
        both = np.concatenate([first.labels, second.labels])
    images, source = np.concatenate([first.images, second.images]), f"{first.source} and {second.source}"
    places = [np.arange(len(data)) if data.places is None else data.places for data in (first, second)]
    return Dataset(images, both, source, np.concatenate(places))
