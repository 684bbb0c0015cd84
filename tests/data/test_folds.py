import numpy as np
import pytest

from tenfold.data.split import stratified_folds
from tenfold.errors import DataError


def labels_of(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts), dtype=np.uint8), counts)


def test_folds_are_stratified_and_of_equal_size():
    labels = labels_of(13, 7, 2, 0, 31, 8, 5, 11, 3, 4)
    folds = stratified_folds(labels, 5, seed=3)
    counts = np.array([[((folds == fold) & (labels == digit)).sum() for digit in range(10)] for fold in range(5)])
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert counts.sum() == len(labels)


def test_folds_follow_the_seed():
    labels = labels_of(*[20] * 10)
    np.testing.assert_array_equal(stratified_folds(labels, 4, 0), stratified_folds(labels, 4, 0))
    assert (stratified_folds(labels, 4, 0) != stratified_folds(labels, 4, 1)).any()


def test_folds_errors():
    with pytest.raises(DataError, match="4 samples can't be split into 5 folds"):
        stratified_folds(labels_of(2, 2), 5, 0)
    with pytest.raises(DataError, match="digit 1 has a single sample"):
        stratified_folds(labels_of(5, 1, 5), 2, 0)
