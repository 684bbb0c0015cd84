"""`Dataset` and `DatasetSplits`: what every reader returns, in one polarity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tenfold.html import dataset_html, paragraph
from tenfold.images import CLASSES, SIDE, Images, Labels

if TYPE_CHECKING:
    import pandas
    import torch

Index = int | slice | Sequence[int] | NDArray[np.integer] | NDArray[np.bool_]
Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

POLARITY_SAMPLES = 1_000  # images to examine; all images of a data set have the same polarity


@dataclass(frozen=True, eq=False)
class Dataset:
    """Digits of 28x28 pixels, with or without labels.

    images: uint8 (N, 28, 28), white ink (255) on black (0).
    labels: uint8 (N,), 0 to 9, or None.
    source: where they came from, for messages ("train.csv in digit-recognizer.zip").
    indices: int64 (N,), the index of each sample in that source, from 0; None if these are all of its samples in order.

    Raises ValueError for arrays of another type or shape.
    """

    images: Images
    labels: Labels | None
    source: str
    indices: NDArray[np.int64] | None = None

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

    def __getitem__(self, index: Index) -> Dataset:
        """A slice, an array of indices or of booleans (N,), or a single index: as a data set in this order."""
        if isinstance(index, int | np.integer):
            index = np.array([range(len(self))[int(index)]])  # a range checks the bounds
        return self.subset(np.arange(len(self))[index])

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], int | None]]:
        """Each image, uint8 (28, 28), with its label."""
        for position, image in enumerate(self.images):
            yield image, None if self.labels is None else int(self.labels[position])

    def __repr__(self) -> str:
        samples = f"{len(self):,} {'sample' if len(self) == 1 else 'samples'}"
        if self.labels is None:
            return f"Dataset({self.source!r}, {samples}, no labels)"
        counts = ", ".join(f"{digit}: {count:,}" for digit, count in enumerate(self.label_counts) if count)
        return f"Dataset({self.source!r}, {samples}, labels {counts})"

    def _repr_html_(self) -> str:
        """For notebooks: samples of each digit, and how many there are."""
        return dataset_html(self.images, self.labels, self.source)

    def to_numpy(self) -> tuple[Images, Labels | None]:
        """The images, uint8 (N, 28, 28), and the labels, uint8 (N,) or None."""
        return self.images, self.labels

    def to_frame(self) -> pandas.DataFrame:
        """A DataFrame as of Kaggle's files: `label`, if there are labels, and pixel0 to pixel783. Needs pandas."""
        import pandas

        pixels = self.images.reshape(len(self), SIDE * SIDE)
        frame = pandas.DataFrame(pixels, columns=[f"pixel{index}" for index in range(SIDE * SIDE)])
        if self.labels is not None:
            frame.insert(0, "label", self.labels)
        return frame

    def as_torch(self) -> torch.utils.data.TensorDataset:
        """For PyTorch's DataLoader: images float32 (N, 1, 28, 28) from 0 to 1, and labels int64 (N,). Needs PyTorch."""
        import torch

        images = torch.from_numpy(self.images).unsqueeze(1).float() / 255
        if self.labels is None:
            return torch.utils.data.TensorDataset(images)
        return torch.utils.data.TensorDataset(images, torch.from_numpy(self.labels).long())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pixels followed by the labels, if there are any."""
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

    @property
    def source_indices(self) -> NDArray[np.int64]:
        """The index of each sample in the source, int64 (N,)."""
        return np.arange(len(self)) if self.indices is None else self.indices

    def subset(self, indices: NDArray[np.integer] | Sequence[int] | slice) -> Dataset:
        """The samples at these indices, in this order."""
        labels = None if self.labels is None else self.labels[indices]
        return replace(self, images=self.images[indices], labels=labels, indices=self.source_indices[indices])

    def source_index(self, index: int) -> int:
        """The index in the source, from 0, of the sample at `index`."""
        return index if self.indices is None else int(self.indices[index])


@dataclass(frozen=True)
class DatasetSplits:
    """The training and test split of one source.

    name: the path or name that was given. train, test: None if the source has no such split or only the other one was
    requested. notes: sentences for the user, such as that images were inverted.
    """

    name: str
    train: Dataset | None
    test: Dataset | None
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """For notebooks: both splits, and the notes."""
        splits = [split._repr_html_() for split in (self.train, self.test) if split is not None]
        return "".join([*splits, *(paragraph(f"note: {note}") for note in self.notes)])


def concatenate(first: Dataset, second: Dataset) -> Dataset:
    """The samples of both in order, each with the index in its own source; labeled if both are."""
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = np.concatenate([first.labels, second.labels])
    return Dataset(
        images=np.concatenate([first.images, second.images]),
        labels=labels,
        source=f"{first.source} and {second.source}",
        indices=np.concatenate([first.source_indices, second.source_indices]),
    )


def is_black_on_white(images: NDArray[np.uint8]) -> bool:
    """Whether most border pixels of images, uint8 (N, H, W), are light: digits rarely reach the border."""
    examined = images[:: max(1, len(images) // POLARITY_SAMPLES)]
    border = [examined[:, 0], examined[:, -1], examined[:, :, 0], examined[:, :, -1]]
    light = sum(int(np.count_nonzero(edge > 127)) for edge in border)
    return 2 * light > sum(edge.size for edge in border)


def normalize_polarity(dataset: Dataset) -> Dataset:
    """The data set in white on black, as MNIST is: inverted if it is black on white, else the same object."""
    return replace(dataset, images=255 - dataset.images) if is_black_on_white(dataset.images) else dataset
