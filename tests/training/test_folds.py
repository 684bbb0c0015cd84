import json

import numpy as np
import pytest
import torch

from tenfold.data.split import stratified_folds
from tenfold.errors import DataError, RecipeError, RunError
from tenfold.evaluation.statistics import wilson_interval
from tenfold.model import load_model
from tenfold.run import Run
from tenfold.training.checkpoint import load_network
from tenfold.training.folds import FoldsTask
from tenfold.training.prepare import load_out_of_fold
from tenfold.training.train import train
from tests.training.conftest import RecordingCallback, make_digits

THREE = {"folds": 3, "epochs": 2}


@pytest.fixture
def trained(digits, tmp_path, float32, make_recipe):
    def run_training(name="run", *callbacks, jobs=1, extra=None, **changes):
        return train(make_recipe(**changes), digits, Run(tmp_path / name), callbacks, jobs=jobs, extra=extra)

    return run_training


def test_folds_predict_each_sample_by_the_network_that_has_not_seen_it(trained, digits):
    result = trained(**THREE)
    assert result.finished
    oof = np.load(result.run.oof)
    assert (oof.dtype, oof.shape) == (np.float32, (len(digits), 10))
    folds = stratified_folds(digits.labels, 3, seed=0)
    for index, network in enumerate(load_network(result.run)):
        with torch.no_grad():
            expected = network.eval()(torch.tensor(digits.images[folds == index])).softmax(1).numpy()
        np.testing.assert_allclose(oof[folds == index], expected, atol=1e-5)


def test_folds_metrics_are_of_all_samples(trained, digits):
    result = trained(**THREE)
    correct = int((np.load(result.run.oof).argmax(1) == digits.labels).sum())
    metrics = json.loads(result.run.metrics.read_text())
    assert (metrics["measured_on"], metrics["folds"]) == ("out-of-fold", 3)
    assert metrics["validation"]["n"] == len(digits)
    assert metrics["validation"]["accuracy"] == correct / len(digits)
    assert metrics["validation"]["accuracy_interval"] == list(wilson_interval(correct, len(digits)))
    assert "Out-of-fold accuracy" in result.run.report.read_text()
    assert f"On {len(digits)} out-of-fold samples" in result.run.card.read_text()
    assert result.run.damaged_files() == []


def test_folds_model_averages_the_networks(trained, digits):
    run = trained(**THREE).run
    pixels = torch.tensor(digits.images)
    with torch.no_grad():
        alone = [network.eval()(pixels).softmax(1).numpy() for network in load_network(run)]
    np.testing.assert_allclose(load_model(run.folder).predict_proba(digits.images), np.mean(alone, axis=0), atol=1e-5)


def test_stopped_and_resumed_folds_match_uninterrupted(trained):
    uninterrupted = trained("uninterrupted", **THREE)
    stop = RecordingCallback(lambda epoch, step: len(stop.steps) >= 13)  # within the second fold
    stopped = trained("stopped", stop, **THREE)
    assert not stopped.finished
    assert not stopped.run.oof.exists()
    assert stopped.metrics["validation"] is None
    assert trained("stopped", **THREE).finished
    assert stopped.run.oof.read_bytes() == uninterrupted.run.oof.read_bytes()
    assert stopped.run.weights.read_bytes() == uninterrupted.run.weights.read_bytes()


def test_folds_in_processes_match_one_after_another(trained):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        sequential = trained("sequential", folds=2, epochs=1)
        parallel = trained("parallel", jobs=2, folds=2, epochs=1)
    finally:
        torch.set_num_threads(threads)
    assert sequential.run.oof.read_bytes() == parallel.run.oof.read_bytes()


def test_folds_choose_nothing_by_the_samples_they_are_measured_on(make_recipe, digits):
    """Where a recipe chooses by validation, the fold is neither trained on nor chosen by."""
    folds = stratified_folds(digits.labels, 4, seed=0)
    for changes in ({"checkpoint": "best"}, {"calibrate": True}, {"early_stopping": 1}):
        task = FoldsTask(make_recipe(folds=4, **changes), digits, torch.device("cpu"))
        for index in range(4):
            member = task.member_task(index)
            used = np.concatenate([member.train_set.source_indices, member.val_set.source_indices])
            assert sorted(used) == np.flatnonzero(folds != index).tolist()


def test_extra_samples_are_trained_on_by_every_fold(make_recipe, digits, trained):
    extra = make_digits(20, seed=5)
    result = trained("extra", extra=extra, **THREE)
    assert np.load(result.run.oof).shape == (len(digits), 10)
    assert result.metrics["data"]["train_samples"] == len(digits) + 20


def test_folds_recipe_errors(make_recipe):
    with pytest.raises(RecipeError, match="folds: expected 2 or more"):
        make_recipe(folds=1)
    with pytest.raises(RecipeError, match="can't be used with ensemble_size"):
        make_recipe(folds=2, ensemble_size=2)
    with pytest.raises(RecipeError, match="lines can't be used with folds"):
        make_recipe(folds=2, net={"kind": "ctc"})


def test_folds_of_too_few_samples(trained, tmp_path, make_recipe, digits):
    with pytest.raises(DataError, match="can't be split into 9 folds"):
        train(make_recipe(folds=9), digits.subset([0, 1, 10, 11]), Run(tmp_path / "few"))
    assert not (tmp_path / "few").exists()


def test_load_out_of_fold(trained, tmp_path, digits):
    run = trained(**THREE).run
    np.savez(tmp_path / "data.npz", x_train=digits.images, y_train=digits.labels)
    data, probabilities = load_out_of_fold(run, str(tmp_path / "data.npz"))
    np.testing.assert_array_equal(data.images, digits.images)
    np.testing.assert_array_equal(probabilities, np.load(run.oof))
    with pytest.raises(RunError, match="does not record where its data is"):
        load_out_of_fold(run)
    np.savez(tmp_path / "other.npz", x_train=digits.images, y_train=digits.labels[::-1])
    with pytest.raises(RunError, match="not the data that"):
        load_out_of_fold(run, str(tmp_path / "other.npz"))
    with pytest.raises(RunError, match=r"oof\.npy is missing; `tenfold train DATA --folds 5` makes one"):
        load_out_of_fold(trained("single", epochs=1).run)
