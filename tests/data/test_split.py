import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.data.dataset import Dataset, DatasetSplits
from tenfold.data.split import (
    evaluation_data,
    limit_samples,
    prediction_data,
    stratified_split,
    training_data,
    without_labels,
)
from tenfold.errors import DataError, TenfoldError

KAGGLE_COUNTS = [4132, 4684, 4177, 4351, 4072, 3795, 4137, 4401, 4063, 4188]

counts_of_ten = st.lists(st.integers(0, 40), min_size=10, max_size=10).filter(lambda counts: sum(counts) >= 2)


def labels_of(counts, shuffle=0):
    labels = np.repeat(np.arange(10), counts).astype(np.uint8)
    return np.random.default_rng(shuffle).permutation(labels)


@settings(deadline=None, max_examples=200)
@given(counts=counts_of_ten, seed=st.integers(0, 2**63), data=st.data())
def test_split_is_exact_and_stratified(counts, seed, data):
    labels = labels_of(counts, shuffle=seed)
    n = len(labels)
    size = data.draw(st.integers(1, n - 1))
    try:
        train, held = stratified_split(labels, size, seed)
    except DataError:
        # Correct only if the digits can't fill the quota: each gives at most its quota rounded up, never its last one.
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
    assert np.array_equal(np.unique(labels[train]), np.unique(labels)), "every digit has a training sample"


def test_fraction_is_of_all_samples():
    labels = labels_of(KAGGLE_COUNTS)
    _, tenth = stratified_split(labels, 0.1, seed=0)
    _, held_out = stratified_split(labels, 4200, seed=0)
    np.testing.assert_array_equal(tenth, held_out)
    # 10 % of each count, rounded by largest remainder, by hand: .2 .4 .7 .1 .2 .5 .7 .1 .3 .8; four more samples.
    assert np.bincount(labels[held_out]).tolist() == [413, 468, 418, 435, 407, 380, 414, 440, 406, 419]


def test_split_depends_on_the_seed_only():
    labels = labels_of(KAGGLE_COUNTS)
    _, first = stratified_split(labels, 0.1, seed=1)
    _, again = stratified_split(labels.copy(), 0.1, seed=1)
    _, other = stratified_split(labels, 0.1, seed=2)
    np.testing.assert_array_equal(first, again)
    shared = len(np.intersect1d(first, other))
    assert 250 < shared < 600, "two independent tenths have about a tenth in common (420 samples)"


def test_every_sample_is_equally_likely_to_be_held_out():
    labels = np.zeros(50, np.uint8)
    held = np.zeros(50)
    for seed in range(1000):
        held[stratified_split(labels, 10, seed)[1]] += 1
    # Binomial(1000, 0.2): mean 200, standard deviation 12.6.
    assert held.min() > 200 - 5 * 12.6
    assert held.max() < 200 + 5 * 12.6


def test_split_is_stable():
    # Published figures name a seed: it must give the same split on every machine and NumPy version.
    _, held = stratified_split(np.tile(np.arange(10, dtype=np.uint8), 4), 10, seed=42)
    assert held.tolist() == [4, 8, 9, 10, 21, 27, 32, 33, 35, 36]


@pytest.mark.parametrize("size", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_fraction_out_of_range_raises(size):
    with pytest.raises(TenfoldError, match="expected a fraction between 0 and 1"):
        stratified_split(labels_of([5] * 10), size, seed=0)


@pytest.mark.parametrize("size", [0, -1, 50, 51, 0.001, 0.999])
def test_holding_out_none_or_all_raises(size):
    with pytest.raises(TenfoldError, match="at least one must be held out and one must be left to train on"):
        stratified_split(labels_of([5] * 10), size, seed=0)


def test_split_of_no_labels_raises():
    with pytest.raises(TenfoldError, match="0 samples"):
        stratified_split(np.array([], np.uint8), 1, seed=0)


def test_every_digit_keeps_a_training_sample():
    labels = np.array([3] * 9 + [7], np.uint8)
    train, _ = stratified_split(labels, 5, seed=0)
    assert 7 in labels[train]


def test_split_that_empties_a_digit_raises():
    with pytest.raises(DataError, match="9 of 10 samples would leave digit 7 without a training sample \\(it has 1\\)"):
        stratified_split(np.array([3] * 9 + [7], np.uint8), 9, seed=0)


def numbered(labels) -> Dataset:
    """Images with their index in the first two pixels."""
    labels = np.array(labels, np.uint8)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(len(labels)) // 256, np.arange(len(labels)) % 256
    return Dataset(images, labels, "numbered")


TRAIN = numbered([1, 2, 3])
TEST = numbered([4, 5])
BARE = Dataset(TEST.images, None, "test")


def splits(train, test) -> DatasetSplits:
    return DatasetSplits("data", train, test)


def test_training_data():
    assert training_data(splits(TRAIN, BARE)) is TRAIN
    for train, test in ((BARE, TEST), (BARE, None), (None, BARE), (None, None)):
        with pytest.raises(DataError, match=r"data: has no labeled digits to train on; Kaggle's are in train"):
            training_data(splits(train, test))


def test_training_data_rejects_a_test_split():
    with pytest.raises(DataError, match="data: has only a test split, which is not used for training"):
        training_data(splits(None, TEST))


@pytest.mark.parametrize("test", [TEST, BARE])
def test_prediction_data_has_no_labels(test):
    data = prediction_data(splits(TRAIN, test))
    assert data.labels is None
    assert data.images is test.images


def test_prediction_data_of_a_single_unlabeled_split():
    assert prediction_data(splits(BARE, None)).images is BARE.images


def test_prediction_data_rejects_labeled_training_data():
    with pytest.raises(DataError, match=r"data: has only labeled digits, none to predict"):
        prediction_data(splits(TRAIN, None))
    with pytest.raises(DataError, match="data: has no digits to predict"):
        prediction_data(splits(None, None))


def test_evaluation_data_prefers_the_test_split():
    assert evaluation_data(splits(TRAIN, TEST)) is TEST
    assert evaluation_data(splits(TRAIN, BARE)) is TRAIN
    assert evaluation_data(splits(None, TEST)) is TEST
    for train, test in ((None, BARE), (BARE, None), (None, None)):
        with pytest.raises(DataError, match="data: has no labeled digits to evaluate on"):
            evaluation_data(splits(train, test))


def test_without_labels():
    assert without_labels(None) is None
    assert without_labels(TEST).labels is None
    assert TEST.labels is not None


@pytest.mark.parametrize("limit", [None, 3, 4, 1000])
def test_limit_samples_keeps_all_below_the_limit(limit):
    assert limit_samples(TRAIN, limit) is TRAIN


@pytest.mark.parametrize("limit", range(1, 12))
def test_limit_samples_to_any_number(limit):
    labels = [0, 0, 0, *range(1, 10)]
    subset = limit_samples(numbered(labels), limit)
    assert len(subset) == limit
    assert (subset.label_counts <= np.bincount(labels)).all()


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_limit_samples_is_stratified(data):
    counts = data.draw(st.lists(st.integers(0, 40), min_size=10, max_size=10).filter(lambda c: sum(c) > 20))
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), counts))
    labeled = numbered(labels)
    limit = data.draw(st.integers(10, len(labeled) - 1))
    subset = limit_samples(labeled, limit)
    assert len(subset) == limit
    numbers = subset.images[:, 0, 0].astype(int) * 256 + subset.images[:, 0, 1]
    assert (np.diff(numbers) > 0).all(), "in their original order, none twice"
    assert (labels[numbers] == subset.labels).all()
    quotas = np.array(counts) * limit / len(labeled)
    assert (np.abs(subset.label_counts - quotas) <= 2).all()
    assert limit_samples(labeled, limit).digest == subset.digest
