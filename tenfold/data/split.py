"""Stratified splits: pure functions of the labels, the size and one seed."""

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import DataError, TenfoldError
from tenfold.images import CLASSES, Labels

Rows = NDArray[np.int64]  # row numbers from 0, ascending


def stratified_split(labels: Labels, size: int | float, seed: int) -> tuple[Rows, Rows]:
    """Split into training rows and held-out rows, each digit in proportion.

    labels: uint8 (N,). size: how many rows to hold out (int), or which share of them (float between 0 and 1).
    Returns the training rows and the held-out rows. The number of held-out rows is exact, and each digit's part of
    them is within one row of its proportional share (largest remainder).

    Raises TenfoldError for a size out of range, DataError where a digit would be left without a training row.
    """
    held_size = _row_count(size, len(labels))
    counts = np.bincount(labels, minlength=CLASSES)
    held = _rank(labels, counts, seed) < _shares(counts, held_size, left=1)[labels]
    return _rows(~held), _rows(held)


def sample(labels: Labels, size: int, seed: int) -> Rows:
    """`size` of the rows, fewer than there are, each digit within one row of its proportional share.

    labels, seed: as for `validation_split`.
    """
    counts = np.bincount(labels, minlength=CLASSES)
    return _rows(_rank(labels, counts, seed) < _shares(counts, size)[labels])


def _row_count(size: int | float, n: int) -> int:
    if isinstance(size, float):
        if not 0 < size < 1:
            raise TenfoldError(f"a share of {size:g} can't be held out: expected a share between 0 and 1")
        rows = round(size * n)
        wish = f"a share of {size:g}, {rows:,} of {n:,} rows,"
    else:
        rows = size
        wish = f"{rows:,} of {n:,} rows"
    if not 0 < rows < n:
        raise TenfoldError(f"{wish} can't be held out: at least one row must be held out and one trained on")
    return rows


def _rank(labels: Labels, counts: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Each row's place among its own digit's shuffled rows, int64 (N,)."""
    before: NDArray[np.int64] = np.cumsum(counts) - counts
    return _deal(labels, seed) - before[labels]


def _shares(counts: NDArray[np.int64], held_size: int, left: int = 0) -> NDArray[np.int64]:
    """How many rows of each digit to take, int64 (10,), summing to `held_size`: the largest-remainder method.

    left: how many of each digit must be left, 0 or 1. Raises DataError where that can't be.
    """
    n = int(counts.sum())
    shares, remainders = np.divmod(counts * held_size, n)
    missing = held_size - int(shares.sum())
    by_remainder = np.argsort(-remainders, kind="stable")
    can_give = [digit for digit in by_remainder if shares[digit] + 1 + left <= counts[digit]]
    if len(can_give) < missing:
        emptied = next(digit for digit in by_remainder if remainders[digit] and digit not in can_give)
        raise DataError(
            f"holding out {held_size:,} of {n:,} rows would leave digit {emptied} without a training row "
            f"(it has {counts[emptied]:,}): hold out fewer rows"
        )
    shares[can_give[:missing]] += 1
    return shares


def _deal(labels: Labels, seed: int) -> NDArray[np.int64]:
    """Each row's place, int64 (N,), in an order that goes digit by digit and is shuffled within each digit."""
    # The raw stream of PCG64 is promised never to change; Generator.permutation is not (NumPy's NEP 19).
    keys = np.random.PCG64(seed).random_raw(len(labels))
    place = np.empty(len(labels), np.int64)
    place[np.lexsort((keys, labels))] = np.arange(len(labels))
    return place


def _rows(chosen: NDArray[np.bool_]) -> Rows:
    return np.flatnonzero(chosen).astype(np.int64)
