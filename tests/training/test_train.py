import hashlib
import io
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from tenfold import __version__
from tenfold.errors import DataError, RunError, TenfoldError
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.export.onnx import describe_format
from tenfold.model import load_model
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training import artifacts
from tenfold.training import digits as digits_module
from tenfold.training.callbacks import Callback, StopOnSignal, TimeLimit
from tenfold.training.checkpoint import load_network
from tenfold.training.device import select_device
from tenfold.training.prepare import move_aside
from tenfold.training.train import create_or_reopen, split, train
from tests.training.conftest import RecordingCallback

pytestmark = pytest.mark.usefixtures("float32")

FILES = {
    "recipe.json",
    "data.json",
    "image_hashes.npy",
    "history.csv",
    "checkpoints/last.safetensors",
    "checkpoints/best.safetensors",
    "model.safetensors",
    "model.onnx",
    "metrics.json",
    "report.html",
    "README.md",
}


def files(run):
    return {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def recipe(make_recipe):
    return make_recipe(epochs=3, augment={"rotation": 10}, checkpoint="best")


@pytest.fixture(scope="module")
def trained(recipe, digits, tmp_path_factory, make_digits):
    """One finished training for many tests."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENFOLD_CACHE", str(folder / "cache"))
        patch.setattr("tenfold.training.device.bfloat16_is_faster", lambda network, shape, device: False)
        unlabeled = make_digits(7, seed=3)
        record = {"data": "digits", "limit": None}
        return train(recipe, digits, Run(folder / "run"), unlabeled=unlabeled, record=record)


def test_train_writes_files_and_manifest(trained):
    run = trained.run
    assert trained.finished
    assert files(run) == FILES | {"manifest.json"}
    manifest = json.loads(run.manifest.read_text())
    assert manifest["tenfold"] == __version__
    assert manifest["sha256"] == {name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in FILES}
    assert run.damaged_files() == []


@pytest.mark.usefixtures("_small_pools")
def test_train_with_synthesis_calibrates_and_exports_digitness(
    make_recipe,
    digits,
    tmp_path,
    monkeypatch,
):
    calibrated_on = []
    monkeypatch.setattr(digits_module, "calibrate", lambda network, data: calibrated_on.append(data.digest))
    recipe = make_recipe(
        epochs=1, synthesis={"handwriting": 0.5, "corruption": 0.5, "negatives": 0.3}, calibrate=True, tta=5
    )
    trained = train(recipe, digits, Run(tmp_path / "run"))
    assert calibrated_on == [split(recipe, digits)[1].digest]
    assert load_model(tmp_path / "run").digitness(digits.images).shape == (200,)
    assert "`digitness`" in trained.run.card.read_text()
    assert "A temperature was fitted to the validation set" in trained.run.card.read_text()
    assert "shifts by one pixel to four sides" in trained.run.card.read_text()
    assert "The same image, augmented" in trained.run.report.read_text()


def test_run_records_recipe_data_device_and_precision(trained, recipe, digits):
    run = trained.run
    assert f"- Format: {describe_format(run.model)}\n" in run.card.read_text()
    assert from_dict(json.loads(run.recipe.read_text()), "recipe.json") == recipe
    assert json.loads(run.data.read_text()) == {
        "source": "synthetic digits",
        "samples": 200,
        "digest": digits.digest,
        "data": "digits",
        "limit": None,
        "device": select_device().type,
        "precision": "float32",
    }
    assert run.contains(digits.images).all()


def test_exported_model_matches_network(trained, digits):
    network = load_network(trained.run)
    assert not network.training
    with torch.no_grad():
        expected = network(torch.tensor(digits.images)).softmax(1).numpy()
    np.testing.assert_allclose(load_model(trained.run.folder).predict_proba(digits.images), expected, atol=1e-5)


def test_metrics_are_of_exported_model_on_validation_set(trained, recipe, digits):
    metrics = json.loads(trained.run.metrics.read_text())
    assert metrics == json.loads(json.dumps(trained.metrics))
    train_set, val_set = split(recipe, digits)
    probabilities = load_model(trained.run.folder).predict_proba(val_set.images)
    assert metrics["validation"] == json.loads(
        json.dumps(evaluate_predictions(probabilities, val_set.labels).to_dict())
    )
    assert metrics["data"] == {
        "source": "synthetic digits",
        "train_samples": len(train_set),
        "val_samples": len(val_set),
    }
    assert (metrics["finished"], metrics["epochs"], metrics["epochs_planned"]) == (True, 3, 3)
    assert metrics["seconds"] > 0
    assert metrics["images_per_second"] == pytest.approx(3 * len(train_set) / metrics["seconds"], rel=0.05)
    assert metrics["precision"] in ("float32", "bfloat16")
    assert re.fullmatch(
        r"The weights are those of epoch \d, chosen by accuracy on the validation set\.", metrics["weights"]
    )
    assert int(re.findall(r"\d", metrics["weights"])[0]) == max(
        int(line.split(",")[0]) for line in trained.run.history.read_text().splitlines()[1:] if line.endswith(",1")
    )


def test_card_and_report_contain_metrics(trained):
    card, report = trained.run.card.read_text(), trained.run.report.read_text()
    assert card.startswith("# small\n")
    assert "Unfinished" not in card
    assert f"Parameters: {trained.metrics['parameters']:,}" in card
    assert "synthetic digits" in card
    assert "small" in report
    for text in (card, report):
        assert str(trained.run.folder) not in text


def test_no_file_contains_paths(trained):
    for name in files(trained.run):
        assert str(trained.run.folder).encode() not in (trained.run.folder / name).read_bytes(), name


def test_manifest_is_written_last_and_not_after_failure(
    recipe,
    digits,
    tmp_path,
    monkeypatch,
    make_digits,
):
    run = Run(tmp_path / "run")
    present = []
    write_manifest = Run.write_manifest
    monkeypatch.setattr(Run, "write_manifest", lambda self: (present.append(files(self)), write_manifest(self)))
    short = recipe.model_copy(update={"epochs": 1})
    trained = train(short, digits, run)
    assert present == [FILES]
    assert trained.finished

    def fail(*args, **options):
        raise RuntimeError("no disk")

    monkeypatch.setattr(artifacts, "model_card", fail)
    assert train(short, digits, run).finished  # already, so nothing is written again
    run.metrics.write_text(json.dumps(trained.metrics | {"finished": False}))
    write_manifest(run)
    with pytest.raises(RuntimeError, match="no disk"):
        train(short, digits, run)
    assert files(run) == FILES  # without the old manifest, which is no longer true
    with pytest.raises(RunError, match=r"manifest\.json is missing"):
        run.damaged_files()

    before = {name: (run.folder / name).read_bytes() for name in FILES}
    with pytest.raises(RunError, match="this run was started with another recipe"):
        train(recipe, digits, run)
    with pytest.raises(RunError, match="this run was started on other data than synthetic digits"):
        train(short, make_digits(200, seed=8), run)
    assert {name: (run.folder / name).read_bytes() for name in files(run)} == before


def test_stopped_run_is_complete_but_marked_unfinished(recipe, digits, tmp_path):
    run = Run(tmp_path / "run")
    trained = train(recipe, digits, run, [RecordingCallback(lambda epoch, step: step == 2)])
    assert not trained.finished
    assert files(run) == FILES - {"checkpoints/best.safetensors"} | {"manifest.json"}
    assert run.damaged_files() == []
    assert len(run.history.read_text().splitlines()) == 1
    assert "**Unfinished**: stopped after epoch 0 of 3." in run.card.read_text()
    assert trained.metrics["weights"].startswith("The weights are those of the last step")
    assert load_model(run.folder).predict(digits.images[:3]).shape == (3,)


class CtrlC(Callback):
    """Sends a signal to this process in the middle of the first epoch."""

    def on_step(self, state):
        if (state.epoch, state.step) == (0, 3):
            os.kill(os.getpid(), signal.SIGINT)


def test_interrupted_and_resumed_run_matches_uninterrupted_run(trained, recipe, digits, tmp_path):
    run = Run(tmp_path / "run")

    def resume(*callbacks):
        result = train(recipe, digits, run, callbacks)
        assert run.damaged_files() == []
        assert load_model(run.folder).predict(digits.images[:3]).shape == (3,)
        return result

    with StopOnSignal(Console(file=io.StringIO())) as stop:
        stopped = resume(CtrlC(), stop)
    assert stop.interrupted
    assert (stopped.finished, stopped.metrics["epochs"]) == (False, 0)
    assert not resume(TimeLimit(0)).finished
    assert resume().finished
    assert run.weights.read_bytes() == trained.run.weights.read_bytes()
    assert run.model.read_bytes() == trained.run.model.read_bytes()


def test_resumed_run_keeps_device_and_precision(recipe, digits, tmp_path):
    run = Run(tmp_path / "run")
    stop = RecordingCallback(lambda epoch, step: step == 2)
    assert not train(recipe, digits, run, [stop], device="cpu", precision="bfloat16").finished
    record = json.loads(run.data.read_text())
    assert (record["device"], record["precision"]) == ("cpu", "bfloat16")
    with pytest.raises(RunError, match="this run was started with --precision bfloat16, not float32"):
        train(recipe, digits, run, precision="float32")
    resumed = train(recipe, digits, run)  # where auto would take float32
    assert resumed.finished
    assert resumed.metrics["precision"] == "bfloat16"
    assert json.loads(run.data.read_text()) == record


def test_callbacks_of_a_training(make_recipe, digits, tmp_path):
    calls = []

    class RecordCalls(Callback):
        def on_train_begin(self, state):
            calls.append("begin")

        def on_step(self, state):
            calls.append((state.epoch, state.step, state.steps_per_epoch))

        def on_epoch(self, state):
            calls.append(state.epoch)
            assert len(state.history) == state.epoch

        def on_train_end(self, state):
            calls.append("end")

    train(make_recipe(epochs=2, batch_size=80), digits, Run(tmp_path / "run"), [RecordCalls()])
    assert calls == ["begin", (0, 1, 2), (0, 2, 2), 1, (1, 1, 2), (1, 2, 2), 2, "end"]


def test_untrainable_data_leaves_no_folder(recipe, tmp_path, make_digits):
    with pytest.raises(TenfoldError, match="without a training sample"):
        train(recipe, make_digits(10), Run(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_diverged_training_leaves_no_model(make_recipe, digits, tmp_path):
    run = Run(tmp_path / "run")
    with pytest.raises(TenfoldError, match="the training diverged"):
        train(make_recipe(optimizer={"name": "sgd", "lr": 1e30}), digits, run)
    assert files(run) <= {"recipe.json", "data.json", "image_hashes.npy", "checkpoints/last.safetensors"}


def test_reopened_run_has_no_partial_files(recipe, digits, tmp_path):
    run = Run(tmp_path / "run")
    create_or_reopen(run, recipe, digits, {})
    (run.checkpoints / ".last.safetensors.abcdefgh.part").write_bytes(b"half")
    create_or_reopen(run, recipe, digits, {})
    assert files(run) == {"recipe.json", "data.json", "image_hashes.npy"}


def test_move_aside_takes_only_runs(recipe, digits, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not a tenfold run folder, so it is not replaced"):
        move_aside(Run(tmp_path))
    assert (tmp_path / "thesis.txt").exists()
    run = Run(tmp_path / "run")
    create_or_reopen(run, recipe, digits, {})
    (run.folder / "submission.csv").write_text("put there by a person")
    with pytest.raises(RunError, match=r"submission\.csv: not part of a tenfold run, so the folder"):
        move_aside(run)
    (run.folder / "submission.csv").unlink()
    moved = move_aside(run)
    assert not run.folder.exists()
    assert Run(moved).exists
    assert moved.parent.parent == tmp_path


def test_move_aside_refuses_working_directory(recipe, digits, tmp_path, monkeypatch):
    create_or_reopen(Run(tmp_path), recipe, digits, {})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="can't be replaced"):
        move_aside(Run(Path()))
    assert files(Run(tmp_path)) == {"recipe.json", "data.json", "image_hashes.npy"}


def test_load_network_refuses_weights_of_another_recipe(recipe, digits, tmp_path, trained, make_recipe):
    run = Run(tmp_path / "run")
    create_or_reopen(run, make_recipe(net={"kind": "mlp", "dense": [8]}), digits, {})
    with pytest.raises(RunError, match="not a file of weights"):
        load_network(run)
    run.weights.write_bytes(trained.run.weights.read_bytes())
    with pytest.raises(RunError, match="weights of another recipe"):
        load_network(run)


@pytest.mark.parametrize("validation_split", [0, 0.2])
def test_split_refuses_single_label(make_recipe, digits, validation_split):
    threes = digits.subset(np.flatnonzero(digits.labels == 3))
    with pytest.raises(DataError, match="every sample has the label 3; training needs at least two"):
        split(make_recipe(validation_split=validation_split), threes)
