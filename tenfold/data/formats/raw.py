"""What a reader finds, before it is brought into one form: arrays of any shape and type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.formats.labels import decode_labels
from tenfold.data.formats.pixels import to_images
from tenfold.errors import DataError


@dataclass(frozen=True, eq=False)
class RawSamples:
    """Images, labels or both, as they are in a file.

    title: what messages call them. notes: sentences for the user. label_title, label_column: where the labels are, if
    they have a title of their own.
    """

    images: NDArray[Any] | None
    labels: NDArray[Any] | Sequence[str] | None
    title: str
    notes: tuple[str, ...] = ()
    label_title: str | None = None
    label_column: str | None = None

    def to_dataset(self, is_transposed: bool = False) -> tuple[Dataset, tuple[str, ...]]:
        """The samples in one form, and the notes about what was changed. Raises DataError.

        is_transposed: the images have their rows and columns exchanged.
        """
        if self.images is None:
            raise DataError("contains labels, but no images", file=self.title)
        images, notes = to_images(np.asarray(self.images), self.title, is_transposed)
        labels = None
        if self.labels is not None:
            labels = decode_labels(self.labels, len(images), self.label_title or self.title, self.label_column)
        return Dataset(images, labels, self.title), self.notes + notes


def merge_samples(images: RawSamples, labels: RawSamples) -> RawSamples:
    """The images of one file with the labels of another."""
    found = labels.labels if labels.labels is not None else labels.images
    return RawSamples(
        images.images,
        found,
        f"{images.title} and {labels.title}",
        images.notes + labels.notes,
        label_title=labels.label_title or labels.title,
    )


def concatenate_samples(parts: Sequence[RawSamples]) -> RawSamples:
    """The samples of several files in order, labeled if all of them are. Raises DataError if their shapes differ."""
    first = parts[0]
    if len(parts) == 1:
        return first
    images = [np.asarray(part.images) for part in parts]
    if len({array.shape[1:] for array in images}) > 1:
        raise DataError("its files have images of different sizes", file=first.title)
    labels = [np.asarray(part.labels) for part in parts if part.labels is not None]
    title = f"{first.title} and {len(parts) - 1} more"
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    joined = np.concatenate(labels) if len(labels) == len(parts) else None
    return RawSamples(np.concatenate(images), joined, title, notes)
