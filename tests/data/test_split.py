import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.data.split import stratified_split
from tenfold.errors import DataError, TenfoldError

KAGGLE_COUNTS = [4132, 4684, 4177, 4351, 4072, 3795, 4137, 4401, 4063, 4188]

counts_of_ten = st.lists(st.integers(0, 40), min_size=10, max_size=10).filter(lambda counts: sum(counts) >= 2)


def labels_of(counts, shuffle=0):
    labels = np.repeat(np.arange(10), counts).astype(np.uint8)
    return np.random.default_rng(shuffle).permutation(labels)


@settings(deadline=None, max_examples=200)
@given(counts=counts_of_ten, seed=st.integers(0, 2**63), data=st.data())
def test_hold_out_is_exact_and_in_proportion(counts, seed, data):
    labels = labels_of(counts, shuffle=seed)
    n = len(labels)
    size = data.draw(st.integers(1, n - 1))
    try:
        train, held = stratified_split(labels, size, seed)
    except DataError:
        # Rightly refused: with any kept row a digit of one row leaves, the others could not fill the hold-out in
        # proportion. Each of them can give at most its share rounded up, and never its last row.
        most = sum(min(-(-count * size // n), count - 1) for count in counts if count)
        assert most < size
        return
    assert train.dtype == held.dtype == np.int64
    assert len(held) == size
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held])), np.arange(n))
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(held) > 0)
    in_held = np.bincount(labels[held], minlength=10)
    assert np.all(np.abs(in_held - np.array(counts) * size / n) < 1 + 1e-9)
    assert np.array_equal(np.unique(labels[train]), np.unique(labels)), "every digit is trained on"


def test_a_share_counts_rows():
    labels = labels_of(KAGGLE_COUNTS)
    _, tenth = stratified_split(labels, 0.1, seed=0)
    _, rows = stratified_split(labels, 4200, seed=0)
    np.testing.assert_array_equal(tenth, rows)
    # 10 % of each count, rounded by largest remainder, by hand: .2 .4 .7 .1 .2 .5 .7 .1 .3 .8; four rows to give.
    assert np.bincount(labels[rows]).tolist() == [413, 468, 418, 435, 407, 380, 414, 440, 406, 419]


def test_the_seed_decides():
    labels = labels_of(KAGGLE_COUNTS)
    _, first = stratified_split(labels, 0.1, seed=1)
    _, again = stratified_split(labels.copy(), 0.1, seed=1)
    _, other = stratified_split(labels, 0.1, seed=2)
    np.testing.assert_array_equal(first, again)
    shared = len(np.intersect1d(first, other))
    assert 250 < shared < 600, "two independent tenths share about a tenth (420 rows)"


def test_rows_are_held_out_evenly():
    labels = np.zeros(50, np.uint8)
    held = np.zeros(50)
    for seed in range(1000):
        held[stratified_split(labels, 10, seed)[1]] += 1
    # Binomial(1000, 0.2): mean 200, standard deviation 12.6.
    assert held.min() > 200 - 5 * 12.6
    assert held.max() < 200 + 5 * 12.6


def test_this_split_never_changes():
    # Published figures name a seed: the same seed must give the same rows on every machine and NumPy version.
    _, held = stratified_split(np.tile(np.arange(10, dtype=np.uint8), 4), 10, seed=42)
    assert held.tolist() == [4, 8, 9, 10, 21, 27, 32, 33, 35, 36]


@pytest.mark.parametrize("size", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(size):
    with pytest.raises(TenfoldError, match="expected a share between 0 and 1"):
        stratified_split(labels_of([5] * 10), size, seed=0)


@pytest.mark.parametrize("size", [0, -1, 50, 51, 0.001, 0.999])
def test_a_hold_out_of_nothing_or_everything_is_refused(size):
    with pytest.raises(TenfoldError, match="at least one row must be held out and one trained on"):
        stratified_split(labels_of([5] * 10), size, seed=0)


def test_no_labels_can_be_split():
    with pytest.raises(TenfoldError, match="0 rows"):
        stratified_split(np.array([], np.uint8), 1, seed=0)


def test_a_digit_keeps_a_training_row():
    labels = np.array([3] * 9 + [7], np.uint8)
    train, _ = stratified_split(labels, 5, seed=0)
    assert 7 in labels[train]


def test_a_size_that_empties_a_digit_is_refused():
    with pytest.raises(DataError, match="9 of 10 rows would leave digit 7 without a training row \\(it has 1\\)"):
        stratified_split(np.array([3] * 9 + [7], np.uint8), 9, seed=0)
