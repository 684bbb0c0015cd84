import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from tenfold.data.dataset import Dataset
from tenfold.errors import RunError
from tenfold.evaluation import evaluate as module
from tenfold.evaluation.evaluate import evaluate_model
from tenfold.images import hash_images
from tenfold.run import Run

RANDOM = np.random.default_rng(1)
IMAGES = RANDOM.integers(0, 256, (50, 28, 28), np.uint8)
LABELS = (np.arange(50) % 10).astype(np.uint8)
DATA = Dataset(IMAGES, LABELS, "fifty digits")
PROBABILITIES = RANDOM.dirichlet(np.ones(10) * 0.3, 50).astype(np.float32)


class Stored:
    """A model with fixed probabilities for these fifty images."""

    def predict_proba(self, images):
        assert np.array_equal(images, IMAGES)
        return PROBABILITIES


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_model", lambda path: Stored())
    return Run(tmp_path)


def test_evaluation_of_all_samples(run):
    result = evaluate_model(run.folder, DATA)
    evaluation = result.evaluation
    assert evaluation.n == 50
    assert evaluation.accuracy == accuracy_score(LABELS, PROBABILITIES.argmax(1))
    assert evaluation.log_loss == pytest.approx(log_loss(LABELS, PROBABILITIES), rel=1e-5)
    assert (result.seen_count, result.unseen_evaluation, result.notes) == (None, None, [])


def test_unseen_samples_are_evaluated_separately(run):
    run.write_image_hashes(hash_images(np.concatenate([IMAGES[10:30], np.zeros((5, 28, 28), np.uint8)])))
    result = evaluate_model(run.folder, DATA)
    assert result.seen_count == 20
    unseen = np.r_[0:10, 30:50]
    assert result.unseen_evaluation.n == 30
    assert result.unseen_evaluation.accuracy == accuracy_score(LABELS[unseen], PROBABILITIES[unseen].argmax(1))
    (note,) = result.notes
    assert note.startswith("20 of the 50 images were used to make this model. On the other 30: ")
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert (document["data"], document["seen_samples"], document["unseen"]["n"]) == ("fifty digits", 20, 30)


def test_note_if_all_samples_were_seen(run):
    run.write_image_hashes(hash_images(IMAGES))
    result = evaluate_model(run.folder, DATA)
    assert (result.seen_count, result.unseen_evaluation) == (50, None)
    assert "all of them: these figures say nothing about new digits" in result.notes[0]


def test_no_note_if_no_sample_was_seen(run):
    run.write_image_hashes(hash_images(255 - IMAGES))
    result = evaluate_model(run.folder, DATA)
    assert (result.seen_count, result.unseen_evaluation, result.notes) == (0, None, [])


def test_model_file_finds_its_run(run, tmp_path):
    run.write_image_hashes(hash_images(IMAGES))
    run.model.write_bytes(b"a model")
    assert evaluate_model(run.model, DATA).seen_count == len(DATA)
    (tmp_path / "elsewhere").mkdir()
    for elsewhere in (tmp_path / "elsewhere" / "model.onnx", run.folder / "copy.onnx"):
        elsewhere.write_bytes(b"a model")
        result = evaluate_model(elsewhere, DATA)
        assert (result.seen_count, result.notes) == (None, [])


def test_damaged_hashes_raise_run_error(run):
    run.image_hashes.write_bytes(b"no numpy file")
    with pytest.raises(RunError, match=r"image_hashes\.npy: damaged file"):
        evaluate_model(run.folder, DATA)


def test_unseen_data(run):
    assert evaluate_model(run.folder, DATA).unseen_data is DATA
    run.write_image_hashes(hash_images(IMAGES[10:]))
    np.testing.assert_array_equal(evaluate_model(run.folder, DATA).unseen_data.images, IMAGES[:10])
    run.write_image_hashes(hash_images(IMAGES))
    assert evaluate_model(run.folder, DATA).unseen_data is DATA
