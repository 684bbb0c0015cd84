"""`train --extra-data`: more samples to train on, none of them for validation."""

import json

import numpy as np
import pytest

from tenfold.data import Dataset
from tenfold.data.dataset import concatenate
from tenfold.errors import DataError
from tenfold.images import hash_images
from tenfold.training import prepare
from tenfold.training.held_out import duplicates_in_validation, teacher_findings, without_validation
from tenfold.training.train import split


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


def test_validation_images_in_extra_data_are_left_out(tmp_path, files):
    plain = train(tmp_path / "plain", files, ())
    again = train(tmp_path / "again", files, (files["data"], files["more"]))
    before, after = (json.loads(run.metrics.read_text()) for run in (plain, again))
    assert before["warnings"] == []
    assert after["data"]["train_samples"] == 60 + 60 + 13
    warning = next(warning for warning in after["warnings"] if warning["code"] == "extra_in_validation")
    assert warning["text"].startswith("extra images that are validation images: 20 of 93; left out")
    assert len(warning["samples"]) == 20
    for page in (again.card, again.report):
        assert "20 of 93; left out of the training" in page.read_text()
    assert "left out" not in plain.card.read_text()


def test_extra_data_of_validation_images_alone(tmp_path):
    data = digits(80, 1, "data")
    left, (finding,) = without_validation(data.subset(slice(5)), data)
    assert left is None
    assert finding.samples == (0, 1, 2, 3, 4)
    assert without_validation(data, None) == (data, ())
    assert without_validation(data, digits(20, 2, "others")) == (data, ())


def test_duplicates_across_the_split_are_reported(tmp_path):
    data = digits(40, 1, "data")
    (finding,) = duplicates_in_validation(data, data.subset(slice(30, 40)))
    assert "10 of 10" in finding.text
    assert duplicates_in_validation(data, digits(10, 2, "others")) == ()


def test_teacher_that_saw_the_validation_images(tmp_path, files):
    teacher = train(tmp_path / "teacher", files, ())
    recipe = prepare.find_recipe("dense-s", ["validation_split=20", "batch_size=16"], 1, 0)
    data = prepare.training_data(prepare.load_data(files["data"]))
    val_set = split(recipe, data)[1]
    assert teacher_findings(str(teacher.folder), recipe, data, val_set) == []
    other_seed = recipe.model_copy(update={"seed": 5})
    (finding,) = teacher_findings(str(teacher.folder), other_seed, data, split(other_seed, data)[1])
    assert "20 of 20" in finding.text
    assert teacher_findings(None, recipe, data, val_set) == []
