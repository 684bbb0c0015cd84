"""Which part of a source a verb works on."""

from __future__ import annotations

from dataclasses import replace

from tenfold.data.dataset import Dataset
from tenfold.data.load import Source
from tenfold.data.split import sample
from tenfold.errors import DataError

SELECTION_SEED = 0  # of parts that are no recipe's business: --limit, compare's test rows


def labeled_rows(source: Source) -> Dataset:
    """The rows to train on. Raises DataError where there are none with labels."""
    if source.train is None and source.test is not None and source.test.labels is not None:
        raise DataError(f"{source.name}: a test part is not trained on, and there are no labeled digits beside it")
    if source.train is None or source.train.labels is None:
        raise DataError(f"{source.name}: there are no labeled digits to train on; Kaggle's stand in train.csv")
    return source.train


def rows_to_predict(source: Source) -> Dataset:
    """The test rows, without labels; a source of one part is meant as it is."""
    data = source.test or source.train
    if data is None:
        raise DataError(f"{source.name}: there are no rows to predict")
    if source.test is None and data.labels is not None:
        raise DataError(f"{source.name}: there are no test rows, only labeled ones; Kaggle's stand in test.csv")
    return replace(data, labels=None)


def rows_to_evaluate(source: Source) -> Dataset:
    """The labeled test rows, else the labeled training rows. Raises DataError where nothing has labels."""
    for data in (source.test, source.train):
        if data is not None and data.labels is not None:
            return data
    raise DataError(f"{source.name}: there are no labels to measure against")


def without_labels(data: Dataset | None) -> Dataset | None:
    return None if data is None else replace(data, labels=None)


def limited(labeled: Dataset, limit: int | None) -> Dataset:
    """A stratified part of `limit` rows; all where there are no more."""
    if limit is None or limit >= len(labeled) or labeled.labels is None:
        return labeled
    return labeled.subset(sample(labeled.labels, limit, SELECTION_SEED))
