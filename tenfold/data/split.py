"""Which samples a command works on: splits of a source, stratified splits and stratified subsets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, DatasetSplits
from tenfold.errors import DataError, TenfoldError
from tenfold.images import CLASSES, Labels

Indices = NDArray[np.int64]  # from 0, ascending

SAMPLING_SEED = 0  # for subsets that are not part of a recipe: --limit, the test samples of `compare`


def training_data(splits: DatasetSplits) -> Dataset:
    """The labeled training split. Raises DataError if there is none."""
    if splits.train is None and splits.test is not None and splits.test.labels is not None:
        raise DataError(f"{splits.name}: has only a test split, which is not used for training")
    if splits.train is None or splits.train.labels is None:
        raise DataError(f"{splits.name}: has no labeled digits to train on; Kaggle's are in train.csv")
    return splits.train


def prediction_data(splits: DatasetSplits) -> Dataset:
    """The test split without labels, or the only split if it is unlabeled. Raises DataError if there is neither."""
    data = splits.test or splits.train
    if data is None:
        raise DataError(f"{splits.name}: has no digits to predict")
    if splits.test is None and data.labels is not None:
        raise DataError(f"{splits.name}: has only labeled digits, none to predict; Kaggle's are in test.csv")
    return replace(data, labels=None)


def evaluation_data(splits: DatasetSplits) -> Dataset:
    """The labeled test split, else the labeled training split. Raises DataError if there is neither."""
    for data in (splits.test, splits.train):
        if data is not None and data.labels is not None:
            return data
    raise DataError(f"{splits.name}: has no labeled digits to evaluate on")


def without_labels(data: Dataset | None) -> Dataset | None:
    return None if data is None else replace(data, labels=None)


def limit_samples(data: Dataset, limit: int | None) -> Dataset:
    """A stratified subset of `limit` samples of labeled `data`, or all of it if it has no more."""
    if limit is None or limit >= len(data) or data.labels is None:
        return data
    return data.subset(stratified_sample(data.labels, limit, SAMPLING_SEED))


def stratified_split(labels: Labels, size: int | float, seed: int) -> tuple[Indices, Indices]:
    """Split into training and held-out samples with each digit in proportion: a pure function of the arguments.

    labels: uint8 (N,). size: how many samples to hold out (int), or which fraction of them (float between 0 and 1).
    Returns the training indices and the held-out indices. The number of held-out samples is exact, and that of each
    digit is within one of its proportional quota (largest remainder).

    Raises TenfoldError for a size out of range, DataError if a digit would be left without a training sample.
    """
    count = _held_out_count(size, len(labels))
    label_counts = np.bincount(labels, minlength=CLASSES)
    held_out = _shuffled_ranks(labels, label_counts, seed) < _quotas(label_counts, count, keep=1)[labels]
    return _indices(~held_out), _indices(held_out)


def stratified_folds(labels: Labels, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each sample, int64 (N,) from 0: folds differ by at most one sample, and by one in each digit.

    A pure function of the arguments. labels: uint8 (N,). Raises DataError for fewer samples than folds, and if a digit
    occurs once, because the network that doesn't train on that fold would never see it.
    """
    label_counts = np.bincount(labels, minlength=CLASSES)
    if len(labels) < folds:
        raise DataError(f"{len(labels):,} samples can't be split into {folds} folds: use fewer folds or more samples")
    if (label_counts == 1).any():
        raise DataError(f"digit {label_counts.tolist().index(1)} has a single sample; folds need two or more")
    starts: NDArray[np.int64] = np.cumsum(label_counts) - label_counts
    fold_indices: NDArray[np.int64] = (starts[labels] + _shuffled_ranks(labels, label_counts, seed)) % folds
    return fold_indices


def stratified_sample(labels: Labels, size: int, seed: int) -> Indices:
    """The indices of `size` samples, fewer than there are, with each digit within one of its proportional quota.

    labels, seed: as for `stratified_split`.
    """
    label_counts = np.bincount(labels, minlength=CLASSES)
    return _indices(_shuffled_ranks(labels, label_counts, seed) < _quotas(label_counts, size)[labels])


def _held_out_count(size: int | float, n: int) -> int:
    if isinstance(size, float):
        if not 0 < size < 1:
            raise TenfoldError(f"can't hold out a fraction of {size:g}: expected a fraction between 0 and 1")
        count = round(size * n)
        request = f"a fraction of {size:g}, {count:,} of {n:,} samples"
    else:
        count = size
        request = f"{count:,} of {n:,} samples"
    if not 0 < count < n:
        raise TenfoldError(f"can't hold out {request}: at least one must be held out and one must be left to train on")
    return count


def _shuffled_ranks(labels: Labels, label_counts: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The rank of each sample among the shuffled samples of its digit, int64 (N,)."""
    # The raw stream of PCG64 is guaranteed to stay the same; that of Generator.permutation is not (NumPy's NEP 19).
    keys = np.random.PCG64(seed).random_raw(len(labels))
    positions = np.empty(len(labels), np.int64)
    positions[np.lexsort((keys, labels))] = np.arange(len(labels))
    starts: NDArray[np.int64] = np.cumsum(label_counts) - label_counts  # where each digit starts in that order, (10,)
    return positions - starts[labels]


def _quotas(label_counts: NDArray[np.int64], size: int, keep: int = 0) -> NDArray[np.int64]:
    """How many samples of each digit to take, int64 (10,), `size` in total: the largest-remainder method.

    keep: how many of each digit must remain, 0 or 1. Raises DataError if that is impossible.
    """
    n = int(label_counts.sum())
    quotas, remainders = np.divmod(label_counts * size, n)
    missing = size - int(quotas.sum())
    by_remainder = np.argsort(-remainders, kind="stable")
    available = [digit for digit in by_remainder if quotas[digit] + 1 + keep <= label_counts[digit]]
    if len(available) < missing:
        emptied = next(digit for digit in by_remainder if remainders[digit] and digit not in available)
        raise DataError(
            f"holding out {size:,} of {n:,} samples would leave digit {emptied} without a training sample "
            f"(it has {label_counts[emptied]:,}): hold out fewer samples"
        )
    quotas[available[:missing]] += 1
    return quotas


def _indices(mask: NDArray[np.bool_]) -> Indices:
    return np.flatnonzero(mask).astype(np.int64)
