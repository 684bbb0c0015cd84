import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from tenfold.data.dataset import Dataset
from tenfold.errors import RunError
from tenfold.evaluation import evaluate as module
from tenfold.evaluation.evaluate import examine
from tenfold.images import hash_images
from tenfold.run import Run

RANDOM = np.random.default_rng(1)
IMAGES = RANDOM.integers(0, 256, (50, 28, 28), np.uint8)
LABELS = (np.arange(50) % 10).astype(np.uint8)
DATA = Dataset(IMAGES, LABELS, "fifty digits")
PROBABILITIES = RANDOM.dirichlet(np.ones(10) * 0.3, 50).astype(np.float32)


class Stored:
    """A model that knows what to say of these fifty images."""

    def predict_proba(self, images):
        assert np.array_equal(images, IMAGES)
        return PROBABILITIES


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_model", lambda path: Stored())
    return Run(tmp_path)


def test_figures_are_those_of_all_rows(run):
    examined = examine(run.folder, DATA)
    evaluation = examined.evaluation
    assert evaluation.n == 50
    assert evaluation.accuracy == accuracy_score(LABELS, PROBABILITIES.argmax(1))
    assert evaluation.log_loss == pytest.approx(log_loss(LABELS, PROBABILITIES), rel=1e-5)
    assert (examined.known, examined.unseen, examined.notes) == (None, None, [])


def test_rows_that_the_run_had_are_measured_apart(run):
    run.write_hashes(hash_images(np.concatenate([IMAGES[10:30], np.zeros((5, 28, 28), np.uint8)])))
    examined = examine(run.folder, DATA)
    assert examined.known == 20
    unseen = np.r_[0:10, 30:50]
    assert examined.unseen.n == 30
    assert examined.unseen.accuracy == accuracy_score(LABELS[unseen], PROBABILITIES[unseen].argmax(1))
    (note,) = examined.notes
    assert note.startswith("20 of the 50 images stood in the rows that this model was made with. On the other 30: ")
    document = json.loads(json.dumps(examined.to_dict(), allow_nan=False))
    assert (document["data"], document["known_rows"], document["unseen"]["n"]) == ("fifty digits", 20, 30)


def test_all_rows_known_say_nothing_about_new_ones(run):
    run.write_hashes(hash_images(IMAGES))
    examined = examine(run.folder, DATA)
    assert (examined.known, examined.unseen) == (50, None)
    assert "all of them: these figures say nothing about new digits" in examined.notes[0]


def test_no_row_known_needs_no_note(run):
    run.write_hashes(hash_images(255 - IMAGES))
    examined = examine(run.folder, DATA)
    assert (examined.known, examined.unseen, examined.notes) == (0, None, [])


def test_a_model_file_says_what_it_had_where_it_lies_in_its_run(run, tmp_path):
    run.write_hashes(hash_images(IMAGES))
    run.model.write_bytes(b"a model")
    assert examine(run.model, DATA).known == len(DATA)
    (tmp_path / "elsewhere").mkdir()
    for elsewhere in (tmp_path / "elsewhere" / "model.onnx", run.folder / "copy.onnx"):
        elsewhere.write_bytes(b"a model")
        examined = examine(elsewhere, DATA)
        assert (examined.known, examined.notes) == (None, [])


def test_a_damaged_list_of_rows_is_named(run):
    run.rows.write_bytes(b"no numpy file")
    with pytest.raises(RunError, match=r"rows\.npy: this file is damaged"):
        examine(run.folder, DATA)


def test_new_rows_are_those_that_the_run_had_not_seen(run):
    assert examine(run.folder, DATA).new is DATA
    run.write_hashes(hash_images(IMAGES[10:]))
    np.testing.assert_array_equal(examine(run.folder, DATA).new.images, IMAGES[:10])
    run.write_hashes(hash_images(IMAGES))
    assert examine(run.folder, DATA).new is DATA
