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
from tenfold.model import load_model
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training import train as train_module
from tenfold.training.callbacks import Watch
from tenfold.training.train import begin, set_aside, split, train
from tenfold.training.trained import network_of

pytestmark = pytest.mark.usefixtures("float32")

FILES = {
    "recipe.json",
    "data.json",
    "rows.npy",
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
def trained(recipe, digits, tmp_path_factory, make_digits, Watcher):  # noqa: N803
    """One training, looked at from many sides."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENFOLD_CACHE", str(folder / "cache"))
        patch.setattr("tenfold.training.device._is_faster", lambda network, batch, device: False)
        unlabeled = make_digits(7, seed=3)
        return train(recipe, digits, unlabeled, Run(folder / "run"), Watcher(), {"data": "digits", "limit": None})


def test_the_folder_is_whole_and_sealed(trained):
    run = trained.run
    assert trained.finished
    assert files(run) == FILES | {"manifest.json"}
    manifest = json.loads(run.manifest.read_text())
    assert manifest["tenfold"] == __version__
    assert manifest["sha256"] == {name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in FILES}
    assert run.damaged_files() == []


@pytest.mark.usefixtures("_small_pools")
def test_a_run_with_synthesis_ends_in_a_calibrated_model_of_digitness(
    make_recipe,
    digits,
    tmp_path,
    Watcher,  # noqa: N803
    monkeypatch,
):
    fitted_on = []
    monkeypatch.setattr(train_module, "calibrate", lambda network, held: fitted_on.append(held.digest))
    recipe = make_recipe(
        epochs=1, synthesis={"handwriting": 0.5, "corruption": 0.5, "negatives": 0.3}, calibrate=True, tta=5
    )
    trained = train(recipe, digits, None, Run(tmp_path / "run"), Watcher())
    assert fitted_on == [digits.subset(split(recipe, digits)[1]).digest]
    assert load_model(tmp_path / "run").digitness(digits.images).shape == (200,)
    assert "`digitness`" in trained.run.card.read_text()
    assert "A temperature was fitted on the held-out rows" in trained.run.card.read_text()
    assert "shifts by a pixel to the four sides" in trained.run.card.read_text()
    assert "The same image, augmented" in trained.run.report.read_text()


def test_recipe_and_data_are_remembered(trained, recipe, digits):
    run = trained.run
    assert from_dict(json.loads(run.recipe.read_text()), "recipe.json") == recipe
    assert json.loads(run.data.read_text()) == {
        "source": "made digits",
        "rows": 200,
        "digest": digits.digest,
        "data": "digits",
        "limit": None,
    }
    assert run.known(digits.images).all()


def test_the_model_is_the_trained_network(trained, digits):
    network = network_of(trained.run)
    assert not network.training
    with torch.no_grad():
        expected = network(torch.tensor(digits.images)).softmax(1).numpy()
    np.testing.assert_allclose(load_model(trained.run.folder).predict_proba(digits.images), expected, atol=1e-5)


def test_metrics_are_those_of_the_exported_model_on_the_held_out_rows(trained, recipe, digits):
    metrics = json.loads(trained.run.metrics.read_text())
    assert metrics == json.loads(json.dumps(trained.metrics))
    rows, held = split(recipe, digits)
    probabilities = load_model(trained.run.folder).predict_proba(digits.images[held])
    assert metrics["held_out"] == json.loads(
        json.dumps(evaluate_predictions(probabilities, digits.labels[held]).to_dict())
    )
    assert metrics["data"] == {"source": "made digits", "train_rows": len(rows), "held_out_rows": len(held)}
    assert (metrics["finished"], metrics["epochs"], metrics["epochs_planned"]) == (True, 3, 3)
    assert metrics["seconds"] > 0
    assert metrics["images_per_second"] == pytest.approx(3 * len(rows) / metrics["seconds"], rel=0.05)
    assert metrics["precision"] in ("float32", "bfloat16")
    assert re.fullmatch(
        r"The weights are those of epoch \d, chosen for their accuracy on the held-out rows\.", metrics["weights"]
    )
    assert int(re.findall(r"\d", metrics["weights"])[0]) == max(
        int(line.split(",")[0]) for line in trained.run.history.read_text().splitlines()[1:] if line.endswith(",1")
    )


def test_the_card_and_the_report_say_what_was_measured(trained):
    card, report = trained.run.card.read_text(), trained.run.report.read_text()
    assert card.startswith("# small\n")
    assert "Unfinished" not in card
    assert f"Parameters: {trained.metrics['parameters']:,}" in card
    assert "made digits" in card
    assert "small" in report
    for text in (card, report):
        assert str(trained.run.folder) not in text


def test_no_file_tells_where_it_was_made(trained):
    for name in files(trained.run):
        assert str(trained.run.folder).encode() not in (trained.run.folder / name).read_bytes(), name


def test_the_manifest_comes_last_and_a_failure_leaves_none(
    recipe,
    digits,
    tmp_path,
    monkeypatch,
    Watcher,  # noqa: N803
    make_digits,
):
    run = Run(tmp_path / "run")
    present = []
    seal = Run.write_manifest
    monkeypatch.setattr(Run, "write_manifest", lambda self: (present.append(files(self)), seal(self)))
    short = recipe.model_copy(update={"epochs": 1})
    trained = train(short, digits, None, run, Watcher())
    assert present == [FILES]
    assert trained.finished

    def fail(*_):
        raise RuntimeError("no disk")

    monkeypatch.setattr(train_module, "model_card", fail)
    assert train(short, digits, None, run, Watcher()).finished  # before, so that nothing is written again
    run.metrics.write_text(json.dumps(trained.metrics | {"finished": False}))
    seal(run)
    with pytest.raises(RuntimeError, match="no disk"):
        train(short, digits, None, run, Watcher())
    assert files(run) == FILES  # the old seal is gone: the folder is not as it says any more
    with pytest.raises(RunError, match="it has no manifest"):
        run.damaged_files()

    before = {name: (run.folder / name).read_bytes() for name in FILES}
    with pytest.raises(RunError, match="this run was begun with another recipe"):
        train(recipe, digits, None, run, Watcher())
    with pytest.raises(RunError, match="this run was begun on other data than made digits"):
        train(short, make_digits(200, seed=8), None, run, Watcher())
    assert {name: (run.folder / name).read_bytes() for name in files(run)} == before


def test_a_stopped_run_is_whole_too_and_says_that_it_is_not_finished(recipe, digits, tmp_path, Watcher):  # noqa: N803
    run = Run(tmp_path / "run")
    trained = train(recipe, digits, None, run, Watcher(lambda epoch, step: step == 2))
    assert not trained.finished
    assert files(run) == FILES - {"checkpoints/best.safetensors"} | {"manifest.json"}
    assert run.damaged_files() == []
    assert len(run.history.read_text().splitlines()) == 1
    assert "**Unfinished**: 0 of 3 epochs." in run.card.read_text()
    assert trained.metrics["weights"].startswith("The weights are those of the last step")
    assert load_model(run.folder).predict(digits.images[:3]).shape == (3,)


class CtrlC(Watch):
    """Sends itself a signal in the middle of the first epoch."""

    def step(self, state, steps):
        super().step(state, steps)
        if (state.epoch, state.step) == (0, 3):
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_then_a_time_limit_then_the_rest_end_like_one_run(trained, recipe, digits, tmp_path):
    run, console = Run(tmp_path / "run"), Console(file=io.StringIO())

    def sitting(kind, time_limit=None):
        with kind(console, "small", 3, time_limit).watching() as watch:
            done = train(recipe, digits, None, run, watch)
        assert run.damaged_files() == []
        assert load_model(run.folder).predict(digits.images[:3]).shape == (3,)
        return watch, done

    watch, stopped = sitting(CtrlC)
    assert watch.interrupted
    assert (stopped.finished, stopped.metrics["epochs"]) == (False, 0)
    watch, stopped = sitting(Watch, time_limit=0)
    assert watch.time_is_up
    assert not stopped.finished
    _, finished = sitting(Watch)
    assert finished.finished
    assert run.weights.read_bytes() == trained.run.weights.read_bytes()
    assert run.model.read_bytes() == trained.run.model.read_bytes()


def test_what_cannot_be_trained_leaves_no_folder(recipe, tmp_path, Watcher, make_digits):  # noqa: N803
    with pytest.raises(TenfoldError, match="without a training sample"):
        train(recipe, make_digits(10), None, Run(tmp_path / "run"), Watcher())
    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_leaves_its_checkpoints_and_no_model(make_recipe, digits, tmp_path, Watcher):  # noqa: N803
    run = Run(tmp_path / "run")
    with pytest.raises(TenfoldError, match="the training diverged"):
        train(make_recipe(optimizer={"name": "sgd", "lr": 1e30}), digits, None, run, Watcher())
    assert files(run) <= {"recipe.json", "data.json", "rows.npy", "checkpoints/last.safetensors"}


def test_beginning_again_clears_what_a_killed_process_left(recipe, digits, tmp_path):
    run = Run(tmp_path / "run")
    begin(run, recipe, digits, {})
    (run.checkpoints / ".last.safetensors.abcdefgh.part").write_bytes(b"half")
    begin(run, recipe, digits, {})
    assert files(run) == {"recipe.json", "data.json", "rows.npy"}


def test_only_a_run_is_set_aside(recipe, digits, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="this folder is no run of tenfold, so it is not replaced"):
        set_aside(Run(tmp_path))
    assert (tmp_path / "thesis.txt").exists()
    run = Run(tmp_path / "run")
    begin(run, recipe, digits, {})
    (run.folder / "submission.csv").write_text("put there by somebody")
    with pytest.raises(RunError, match=r"submission\.csv: this is no part of a run of tenfold, so the folder"):
        set_aside(run)
    (run.folder / "submission.csv").unlink()
    aside = set_aside(run)
    assert not run.folder.exists()
    assert Run(aside).exists
    assert aside.parent.parent == tmp_path


def test_where_one_stands_is_not_set_aside(recipe, digits, tmp_path, monkeypatch):
    begin(Run(tmp_path), recipe, digits, {})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="can't be replaced"):
        set_aside(Run(Path()))
    assert files(Run(tmp_path)) == {"recipe.json", "data.json", "rows.npy"}


def test_weights_of_another_recipe_are_refused(recipe, digits, tmp_path, trained, make_recipe):
    run = Run(tmp_path / "run")
    begin(run, make_recipe(net={"kind": "mlp", "dense": [8]}), digits, {})
    with pytest.raises(RunError, match="these are no weights"):
        network_of(run)
    run.weights.write_bytes(trained.run.weights.read_bytes())
    with pytest.raises(RunError, match="these weights belong to another recipe"):
        network_of(run)


@pytest.mark.parametrize("validation_split", [0, 0.2])
def test_rows_with_one_label_alone_are_refused(make_recipe, digits, validation_split):
    threes = digits.subset(np.flatnonzero(digits.labels == 3))
    with pytest.raises(DataError, match="every row is labeled 3: there is nothing to tell apart"):
        split(make_recipe(validation_split=validation_split), threes)
