import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.data.dataset import Dataset
from tenfold.data.parts import Source
from tenfold.data.select import labeled_rows, limited, rows_to_evaluate, rows_to_predict, without_labels
from tenfold.errors import DataError


def numbered(labels) -> Dataset:
    """Images that carry their row number in the first two pixels."""
    labels = np.array(labels, np.uint8)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(len(labels)) // 256, np.arange(len(labels)) % 256
    return Dataset(images, labels, "rows")


TRAIN = numbered([1, 2, 3])
TEST = numbered([4, 5])
BARE = Dataset(TEST.images, None, "test")


def source(train, test) -> Source:
    return Source("data", train, test)


def test_rows_to_train_on():
    assert labeled_rows(source(TRAIN, BARE)) is TRAIN
    for train, test in ((BARE, TEST), (BARE, None), (None, BARE), (None, None)):
        with pytest.raises(DataError, match=r"data: there are no labeled digits to train on; Kaggle's stand in train"):
            labeled_rows(source(train, test))


def test_labeled_test_rows_alone_are_said_to_be_test_rows():
    with pytest.raises(
        DataError, match="data: a test part is not trained on, and there are no labeled digits beside it"
    ):
        labeled_rows(source(None, TEST))


@pytest.mark.parametrize("test", [TEST, BARE])
def test_rows_to_predict_have_no_labels(test):
    rows = rows_to_predict(source(TRAIN, test))
    assert rows.labels is None
    assert rows.images is test.images


def test_a_single_part_without_labels_is_predicted():
    assert rows_to_predict(source(BARE, None)).images is BARE.images


def test_training_rows_are_not_predicted_by_mistake():
    with pytest.raises(DataError, match=r"data: there are no test rows, only labeled ones"):
        rows_to_predict(source(TRAIN, None))
    with pytest.raises(DataError, match="data: there are no rows to predict"):
        rows_to_predict(source(None, None))


def test_rows_to_evaluate_are_the_test_rows_if_they_have_labels():
    assert rows_to_evaluate(source(TRAIN, TEST)) is TEST
    assert rows_to_evaluate(source(TRAIN, BARE)) is TRAIN
    assert rows_to_evaluate(source(None, TEST)) is TEST
    for train, test in ((None, BARE), (BARE, None), (None, None)):
        with pytest.raises(DataError, match="data: there are no labels to measure against"):
            rows_to_evaluate(source(train, test))


def test_without_labels():
    assert without_labels(None) is None
    assert without_labels(TEST).labels is None
    assert TEST.labels is not None


@pytest.mark.parametrize("limit", [None, 3, 4, 1000])
def test_no_limit_or_a_wide_one_keeps_all(limit):
    assert limited(TRAIN, limit) is TRAIN


@pytest.mark.parametrize("limit", range(1, 12))
def test_few_rows_may_be_limited_to_any_number(limit):
    labels = [0, 0, 0, *range(1, 10)]
    part = limited(numbered(labels), limit)
    assert len(part) == limit
    assert (part.label_counts <= np.bincount(labels)).all()


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_a_limit_keeps_each_digit_in_proportion(data):
    counts = data.draw(st.lists(st.integers(0, 40), min_size=10, max_size=10).filter(lambda c: sum(c) > 20))
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), counts))
    rows = numbered(labels)
    limit = data.draw(st.integers(10, len(rows) - 1))
    part = limited(rows, limit)
    assert len(part) == limit
    numbers = part.images[:, 0, 0].astype(int) * 256 + part.images[:, 0, 1]
    assert (np.diff(numbers) > 0).all(), "in the order of the rows, none twice"
    assert (labels[numbers] == part.labels).all()
    shares = np.array(counts) * limit / len(rows)
    assert (np.abs(part.label_counts - shares) <= 2).all()
    assert limited(rows, limit).digest == part.digest
