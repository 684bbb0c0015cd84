"""What the functions of the public API take: data and models in any of the forms that people hold them in."""

from __future__ import annotations

import os
from pathlib import Path

from tenfold.data import Dataset, DatasetSplits, load_data
from tenfold.errors import DataError
from tenfold.model import Model, load_model

Data = Dataset | DatasetSplits | str | os.PathLike[str]


def as_splits(data: Data) -> DatasetSplits:
    """Data by path or name are loaded. A single data set is a training split if it has labels, else a test split."""
    if isinstance(data, DatasetSplits):
        return data
    if isinstance(data, Dataset):
        is_labeled = data.labels is not None
        return DatasetSplits(data.source, data if is_labeled else None, None if is_labeled else data)
    return load_data(data)


def labeled(data: Data) -> Dataset:
    """Labeled samples to measure on: the test split if it has labels, else the training split. Raises DataError."""
    splits = as_splits(data)
    for split in (splits.test, splits.train):
        if split is not None and split.labels is not None:
            return split
    raise DataError("there are no labels to measure on", file=splits.name)


def test_images(data: Data) -> Dataset:
    """The samples to predict: the test split, else the only split there is. Raises DataError."""
    splits = as_splits(data)
    found = splits.test if splits.test is not None else splits.train
    if found is None:
        raise DataError("there are no samples to predict", file=splits.name)
    return found


def as_model(model: Model | str | os.PathLike[str] | object) -> Model:
    """A model, the model of a run, or that of a run folder, an .onnx file or "bundled"."""
    if isinstance(model, Model):
        return model
    if isinstance(model, str | os.PathLike):
        return load_model(model)
    found = getattr(model, "model", None)
    if not isinstance(found, Model):
        raise TypeError(f"expected a Model, a Run or a path, not {type(model).__name__}")
    return found


def model_path(model: Model) -> Path | None:
    """Where a model was loaded from, if it still is there."""
    path = Path(model.name)
    return path if path.exists() else None
