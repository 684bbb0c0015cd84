"""`train --extra-data`: more samples to train on, none of them for validation."""

import json

import numpy as np
import pytest

from tenfold.data import Dataset
from tenfold.data.dataset import concatenate
from tenfold.errors import DataError
from tenfold.images import hash_images
from tenfold.training import prepare


def digits(n, seed, source):
    draw = np.random.default_rng(seed)
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 8:20, 8:20] = draw.integers(0, 256, (n, 12, 12))
    return Dataset(images, np.arange(n).astype(np.uint8) % 10, source)


def write(path, data):
    rows = np.column_stack([data.labels, data.images.reshape(len(data), -1)])
    header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    np.savetxt(path, rows, "%d", delimiter=",", header=header, comments="")
    return str(path)


@pytest.fixture
def files(tmp_path):
    return {
        name: write(tmp_path / f"{name}.csv", digits(n, n, name))
        for name, n in (("data", 80), ("more", 13), ("other", 7))
    }


def train(folder, files, extra):
    from rich.console import Console

    recipe = prepare.find_recipe("dense-s", ["validation_split=20", "batch_size=16"], 1, 0)
    job = prepare.new_job(recipe, folder, prepare.TrainOptions(files["data"], extra=extra))
    prepare.run_job(job, [], Console(quiet=True))
    return job.run


def test_extra_data_is_for_training_only(tmp_path, files):
    plain = train(tmp_path / "plain", files, ())
    more = train(tmp_path / "more", files, (files["more"], files["other"]))
    before, after = (json.loads(run.metrics.read_text()) for run in (plain, more))
    assert (before["data"]["train_samples"], after["data"]["train_samples"]) == (60, 80)
    assert before["data"]["val_samples"] == after["data"]["val_samples"] == 20
    assert after["validation"]["support"] == before["validation"]["support"]
    seen = set(np.load(more.image_hashes).tolist())
    assert set(hash_images(digits(13, 13, "").images).tolist()) <= seen
    assert json.loads(more.data.read_text())["extra"] == [files["more"], files["other"]]


def test_run_records_extra_data(tmp_path, files):
    run = train(tmp_path / "run", files, (files["more"],))
    job = prepare.resume_job(run.folder, None)
    assert job.extra is not None
    np.testing.assert_array_equal(job.extra.images, digits(13, 13, "").images)


def test_extra_data_needs_labels(tmp_path, files):
    unlabeled = tmp_path / "test.csv"
    rows = digits(5, 1, "").images.reshape(5, -1)
    np.savetxt(unlabeled, rows, "%d", delimiter=",", header=",".join(f"pixel{i}" for i in range(784)), comments="")
    with pytest.raises(DataError, match="no labeled digits"):
        train(tmp_path / "run", files, (str(unlabeled),))
    assert not (tmp_path / "run").exists()


def test_joined_keeps_order_and_labels():
    one, two = digits(3, 1, "one"), digits(2, 2, "two")
    both = concatenate(one, two)
    np.testing.assert_array_equal(both.images, np.concatenate([one.images, two.images]))
    assert both.labels.tolist() == [0, 1, 2, 0, 1]
    assert both.source == "one and two"
    assert concatenate(one, Dataset(two.images, None, "two")).labels is None
