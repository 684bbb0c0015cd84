import json
import multiprocessing
import shutil
import signal

import numpy as np
import pytest
import torch

from tenfold.cli.training_output import how_to_resume
from tenfold.errors import DataError, RunError, TenfoldError
from tenfold.model import load_model
from tenfold.run import Run
from tenfold.training import ensemble
from tenfold.training.augmentation import augmentation_samples
from tenfold.training.callbacks import Callback
from tenfold.training.checkpoint import load_network
from tenfold.training.digits import DigitTask
from tenfold.training.ensemble import EnsembleTask, combine, mean_history
from tenfold.training.train import train
from tests.training.conftest import RecordingCallback

TWO = {"ensemble_size": 2, "epochs": 1}


@pytest.fixture
def trained(digits, tmp_path, float32, make_recipe):
    def run_training(name="run", *callbacks, jobs=1, teacher=None, **changes):
        run = Run(tmp_path / name)
        return train(make_recipe(**changes), digits, run, callbacks, teacher=teacher, jobs=jobs)

    return run_training


def probabilities(run, data):
    return load_model(run.folder).predict_proba(data.images)


def test_ensemble_averages_its_networks(trained, digits, make_recipe):
    together = trained("together", **TWO)
    assert together.finished
    # Trained alone, a seed would also split the data differently, so the networks are those of the ensemble.
    parts = list(load_network(together.run))
    assert len(parts) == 2
    pixels = torch.tensor(digits.images)
    with torch.no_grad():
        alone = [part.eval()(pixels).softmax(1).numpy() for part in parts]
    assert np.abs(alone[0] - alone[1]).max() > 0.01
    np.testing.assert_allclose(probabilities(together.run, digits), np.mean(alone, axis=0), atol=1e-5)
    assert together.metrics["parameters"] == 2 * trained("one", epochs=1).metrics["parameters"]


def test_ensemble_with_variants(trained, digits, make_recipe):
    variant = {"net": {"kind": "mlp", "dense": [8]}, "optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 16}
    mixed = trained("mixed", ensemble_size=3, epochs=1, variants=[variant])
    assert mixed.finished
    first, second, third = load_network(mixed.run)
    shapes = [[tuple(p.shape) for p in part.parameters()] for part in (first, second, third)]
    assert shapes[0] == shapes[2] != shapes[1]
    pixels = torch.tensor(digits.images)
    with torch.no_grad():
        alone = [part.eval()(pixels).softmax(1).numpy() for part in (first, second, third)]
    np.testing.assert_allclose(probabilities(mixed.run, digits), np.mean(alone, axis=0), atol=1e-5)


def test_parallel_jobs_give_the_same_networks(trained, digits):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # as in each of two processes on two threads
        sequential = trained("sequential", **TWO)
        parallel = trained("parallel", jobs=2, **TWO)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(probabilities(sequential.run, digits), probabilities(parallel.run, digits))


def test_stopped_and_resumed_ensemble_matches_uninterrupted(trained, digits):
    uninterrupted = trained("uninterrupted", **TWO)

    class StopEarly(RecordingCallback):
        def should_stop(self):
            return len(self.steps) >= 7  # 5 steps an epoch: within the second member

    stopped = trained("stopped", StopEarly(), **TWO)
    assert not stopped.finished
    assert load_model(stopped.run.folder).predict(digits.images).shape == (len(digits),)  # what was finished so far
    assert trained("stopped", **TWO).finished
    np.testing.assert_array_equal(probabilities(uninterrupted.run, digits), probabilities(stopped.run, digits))


@pytest.mark.parametrize(("steps", "finished"), [(3, 1), (7, 1), (12, 2)])  # 5 steps an epoch, an epoch a member
def test_stopped_ensemble_is_its_finished_networks(trained, digits, steps, finished):
    class StopEarly(RecordingCallback):
        def should_stop(self):
            return len(self.steps) >= steps

    stopped = trained("stopped", StopEarly(), ensemble_size=3, epochs=1)
    assert not stopped.finished
    assert how_to_resume(stopped).startswith(
        f"stopped after {f'network {finished} of 3' if steps > 5 else 'epoch 0 of 1'};"
    )
    network = load_network(stopped.run)
    assert len(list(getattr(network, "members", [network]))) == finished
    with torch.no_grad():
        outputs = network(torch.tensor(digits.images)).softmax(1).numpy()
    np.testing.assert_allclose(outputs, probabilities(stopped.run, digits), atol=1e-5)


def test_augmentation_samples_of_variants(make_recipe, digits):
    rotated = {"net": make_recipe().net.model_dump(), "optimizer": {"name": "adam", "lr": 0.01}, "batch_size": 8}
    recipe = make_recipe(ensemble_size=2, variants=[rotated | {"augment": {"rotation": 90}}])
    shown = augmentation_samples(recipe, digits)
    originals, augmented = shown[:, :1], shown[:, 1:]
    same = (augmented == originals).all((2, 3)).ravel()
    assert same[::2].all()  # the recipe itself changes nothing
    assert not same[1::2].any()
    assert augmentation_samples(make_recipe(ensemble_size=2), digits) is None


def test_stopped_parallel_jobs_leave_checkpoints(trained):
    class StopAtFirstCheckpoint(Callback):
        def should_stop(self):
            return any((folder / "checkpoints" / "last.safetensors").exists() for folder in folders)

    run = trained("run", epochs=1).run  # beside which the ensemble will be
    folders = [run.folder.parent / "both" / "members" / name for name in ("01", "02")]
    stopped = trained("both", StopAtFirstCheckpoint(), jobs=2, ensemble_size=2, epochs=2000)
    assert not stopped.finished
    assert any((folder / "checkpoints" / "last.safetensors").exists() for folder in folders)


def test_resumed_parallel_jobs_use_the_same_number_of_threads(trained, monkeypatch):
    """After a stop a network takes one more step in this process, and other threads would give it other bits."""
    fit, threads = DigitTask.fit, []

    def record_threads(*args):
        threads.append(torch.get_num_threads())
        return fit(*args)

    monkeypatch.setattr(EnsembleTask, "_fit_in_processes", lambda *args: None)
    monkeypatch.setattr(DigitTask, "fit", record_threads)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        trained("parallel", jobs=2, **TWO)
        assert torch.get_num_threads() == 4
        trained("sequential", **TWO)
    finally:
        torch.set_num_threads(before)
    assert threads == [2, 2, 4, 4]


def test_mean_history():
    rows = [
        {"epoch": 1, "step": 5, "seconds": 2.0, "val_loss": 1.0},
        {"epoch": 2, "step": 10, "seconds": 3.0, "val_loss": 0.5},
    ]
    other = [{"epoch": 1, "step": 5, "seconds": 4.0, "val_loss": 3.0}]
    assert mean_history([rows, other]) == [{"epoch": 1, "step": 5, "seconds": 6.0, "val_loss": 2.0}]


def test_mean_history_marks_best_mean_accuracy():
    def history(*accuracies):
        rows = [
            {"epoch": k + 1, "step": 5, "seconds": 1.0, "val_accuracy": value} for k, value in enumerate(accuracies)
        ]
        return [row | {"best": row["val_accuracy"] == max(accuracies[: row["epoch"]])} for row in rows]

    rows = mean_history([history(0.90, 0.91, 0.91), history(0.95, 0.80, 0.99)])
    assert [row["best"] for row in rows] == [1, 0, 1]


def report_ignored(queue):
    queue.put(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)


def test_process_ignores_ctrl_c_from_its_start():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    before = signal.getsignal(signal.SIGINT)
    process = context.Process(target=report_ignored, args=(queue,))
    ensemble.start_ignoring_ctrl_c(process)
    assert signal.getsignal(signal.SIGINT) == before
    assert queue.get(timeout=60)
    process.join()


def test_precision_is_measured_for_each_variant_with_the_threads_of_a_job(make_recipe, digits, monkeypatch):
    measured = []

    def measure(network, shape, device):
        measured.append((shape, torch.get_num_threads()))
        return len(measured) == 2

    monkeypatch.setattr("tenfold.training.device.may_have_bfloat16", lambda: True)
    monkeypatch.setattr("tenfold.training.device.bfloat16_is_faster", measure)
    variant = {"net": {"kind": "mlp", "dense": [8]}, "optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 16}
    recipe = make_recipe(ensemble_size=3, variants=[variant])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        task = EnsembleTask(recipe, digits, None, torch.device("cpu"), jobs=2)
        assert task.select_precisions("auto") == ["float32", "bfloat16"]
        assert task.select_precisions("float32") == ["float32", "float32"]
    finally:
        torch.set_num_threads(before)
    assert measured == [((32, 28, 28), 2), ((16, 28, 28), 2)]


def test_combine_averages_runs(trained, digits, tmp_path):
    runs = [trained(f"run{seed}", seed=seed, epochs=1).run for seed in (0, 1)]
    metrics = combine([run.folder for run in runs], tmp_path / "both")
    expected = np.mean([probabilities(run, digits) for run in runs], axis=0)
    both = Run(tmp_path / "both")
    np.testing.assert_allclose(probabilities(both, digits), expected, atol=1e-5)
    assert both.damaged_files() == []
    assert both.contains(digits.images).all()
    assert len(metrics["members"]) == 2


def test_combine_refuses_damaged_runs(trained, tmp_path):
    runs = [trained(f"run{seed}", seed=seed, epochs=1).run.folder for seed in (0, 1)]
    for name in ("recipe.json", "model.safetensors", "model.onnx", "image_hashes.npy"):
        file = runs[1] / name
        content = file.read_bytes()
        for damage in (lambda file: file.write_bytes(file.read_bytes()[:-1]), lambda file: file.unlink()):
            damage(file)
            with pytest.raises(RunError, match=f"{name}: missing or changed since training"):
                combine(runs, tmp_path / "new")
            file.write_bytes(content)
    assert not (tmp_path / "new").exists()
    (runs[1] / "README.md").write_text("mine")  # not part of the model
    combine(runs, tmp_path / "new")


def test_combine_errors(trained, tmp_path):
    run = trained(epochs=1).run.folder
    with pytest.raises(RunError, match="at least two different runs"):
        combine([run], tmp_path / "new")
    with pytest.raises(RunError, match="at least two different runs"):
        combine([run, run], tmp_path / "new")
    with pytest.raises(RunError, match="not a finished run"):
        combine([run, tmp_path / "nothing"], tmp_path / "new")
    with pytest.raises(RunError, match="is not empty"):
        combine([run, run.parent], run)
    combine([run, trained("other", seed=1, epochs=1).run.folder], tmp_path / "both")
    with pytest.raises(RunError, match="both: already an ensemble of runs; name those runs instead"):
        combine([tmp_path / "both", run], tmp_path / "new")
    line = run.parent / "line"
    shutil.copytree(run, line)
    recipe = json.loads((line / "recipe.json").read_text())
    (line / "recipe.json").write_text(json.dumps(recipe | {"net": {"kind": "ctc"}}))
    Run(line).write_manifest()
    with pytest.raises(RunError, match="reads lines"):
        combine([run, line], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_combine_refuses_unfinished_runs(trained, tmp_path):
    finished = trained("finished", epochs=2).run.folder
    stopped = trained("stopped", RecordingCallback(lambda epoch, step: True), epochs=2)
    assert not stopped.finished
    with pytest.raises(RunError, match="stopped before its end; resume it with `tenfold train --resume`"):
        combine([finished, stopped.run.folder], tmp_path / "new")


def test_stopped_ensemble_counts_later_finished_networks(trained, digits):
    finished = trained("finished", ensemble_size=2, epochs=1).run
    folder = finished.folder.parent / "stopped"
    (folder / "members").mkdir(parents=True)
    shutil.copytree(finished.folder / "members" / "02", folder / "members" / "02")
    stopped = trained("stopped", RecordingCallback(lambda epoch, step: True), ensemble_size=3, epochs=1)
    assert not stopped.finished
    assert not (folder / "members" / "03" / "history.csv").exists()  # not started after the stop
    assert how_to_resume(stopped).startswith("stopped after network 1 of 3;")
    assert "**Unfinished**: stopped after network 1 of 3." in stopped.run.card.read_text()
    assert "of each of" not in stopped.metrics["weights"]
    second = load_network(stopped.run)
    assert not hasattr(second, "members")
    with torch.no_grad():
        outputs = second(torch.tensor(digits.images)).softmax(1).numpy()
    np.testing.assert_allclose(outputs, probabilities(stopped.run, digits), atol=1e-5)


def test_error_in_parallel_jobs_is_raised_once(trained, capfd):
    with pytest.raises(TenfoldError, match="loss"):
        trained("diverges", jobs=2, optimizer={"name": "sgd", "lr": 1e30}, **TWO)
    assert "Traceback" not in capfd.readouterr().err


def test_one_sample_is_not_enough_for_parallel_jobs(digits, tmp_path, make_recipe):
    net = {"kind": "mlp", "dense": [8], "batch_norm": True}
    with pytest.raises(DataError, match="one sample is not enough"):
        train(
            make_recipe(net=net, validation_split=0, **TWO),
            digits.subset([0]),
            Run(tmp_path / "run"),
            jobs=2,
        )
