import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding
from tenfold.errors import RunError
from tenfold.evaluation import evaluate as module
from tenfold.evaluation.evaluate import evaluate_model
from tenfold.images import hash_images
from tenfold.run import Run

RANDOM = np.random.default_rng(1)
IMAGES = np.pad(RANDOM.integers(0, 256, (50, 24, 24), np.uint8), ((0, 0), (2, 2), (2, 2)))
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
    assert (result.seen_count, result.overall, result.notes) == (None, None, [])
    assert result.headline.startswith(f"{run.folder} on fifty digits: ")


def test_headline_is_measured_on_unseen_samples(run):
    run.write_image_hashes(hash_images(np.concatenate([IMAGES[10:30], np.zeros((5, 28, 28), np.uint8)])))
    result = evaluate_model(run.folder, DATA)
    assert result.seen_count == 20
    unseen = np.r_[0:10, 30:50]
    np.testing.assert_array_equal(result.data.images, IMAGES[unseen])
    np.testing.assert_array_equal(result.probabilities, PROBABILITIES[unseen])
    assert result.evaluation.n == 30
    assert result.evaluation.accuracy == accuracy_score(LABELS[unseen], PROBABILITIES[unseen].argmax(1))
    assert result.overall.accuracy == accuracy_score(LABELS, PROBABILITIES.argmax(1))
    assert "30 samples that it has not seen" in result.headline
    (note,) = result.notes
    assert note.startswith(
        "warning: 20 of the 50 images were used to make this model and are left out above; on all 50: "
    )
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert (document["data"], document["samples"], document["seen_samples"]) == ("fifty digits", 50, 20)
    assert (document["evaluation"]["n"], document["measured_on"], document["all_samples"]["n"]) == (
        30,
        "unseen samples",
        50,
    )
    assert [warning["code"] for warning in document["warnings"]] == ["seen"]


def test_all_samples_seen(run):
    run.write_image_hashes(hash_images(IMAGES))
    result = evaluate_model(run.folder, DATA)
    assert (result.seen_count, result.overall, result.data) == (50, None, DATA)
    assert "all of them: these figures say nothing about new digits" in result.notes[0]
    assert result.to_dict()["measured_on"] == "all samples"


def test_no_sample_seen(run):
    run.write_image_hashes(hash_images(255 - IMAGES))
    result = evaluate_model(run.folder, DATA)
    assert (result.seen_count, result.overall, result.notes) == (0, None, [])


def test_findings_stay_with_the_figures(run):
    known = Finding("note", "reading", "inverted")
    result = evaluate_model(run.folder, DATA, [known])
    assert known in result.findings
    assert known.to_dict() in result.to_dict()["warnings"]


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
