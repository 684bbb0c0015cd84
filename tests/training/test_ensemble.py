import json
import multiprocessing
import shutil
import signal

import numpy as np
import pytest
import torch

from tenfold.cli.output import how_to_resume
from tenfold.errors import DataError, RunError, TenfoldError
from tenfold.model import load_model
from tenfold.run import Run
from tenfold.training import ensemble
from tenfold.training.artifacts import augmentation_samples
from tenfold.training.combine import combine
from tenfold.training.ensemble import mean_history
from tenfold.training.train import train
from tenfold.training.checkpoint import load_network

TWO = {"ensemble_size": 2, "epochs": 1}


@pytest.fixture
def trained(digits, tmp_path, float32, make_recipe):
    def run_it(name="run", watcher=None, jobs=1, teacher=None, **changes):
        run = Run(tmp_path / name)
        return train(make_recipe(**changes), digits, None, run, watcher or Watcher(), teacher=teacher, jobs=jobs)

    return run_it


def probabilities(run, data):
    return load_model(run.folder).predict_proba(data.images)


def test_an_ensemble_is_the_mean_of_what_its_seeds_give_alone(trained, digits, make_recipe):
    together = trained("together", **TWO)
    assert together.finished
    # Alone, a seed would also hold out other rows: its networks are read from the ensemble's own folder.
    parts = list(load_network(together.run))
    assert len(parts) == 2
    pixels = torch.tensor(digits.images)
    with torch.no_grad():
        alone = [part.eval()(pixels).softmax(1).numpy() for part in parts]
    assert np.abs(alone[0] - alone[1]).max() > 0.01
    np.testing.assert_allclose(probabilities(together.run, digits), np.mean(alone, axis=0), atol=1e-5)
    assert together.metrics["parameters"] == 2 * trained("one", epochs=1).metrics["parameters"]


def test_members_may_be_taught_in_unlike_ways(trained, digits, make_recipe):
    way = {"net": {"kind": "mlp", "dense": [8]}, "optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 16}
    unlike = trained("unlike", ensemble_size=3, epochs=1, variants=[way])
    assert unlike.finished
    first, second, third = load_network(unlike.run)
    shapes = [[tuple(p.shape) for p in part.parameters()] for part in (first, second, third)]
    assert shapes[0] == shapes[2] != shapes[1]
    pixels = torch.tensor(digits.images)
    with torch.no_grad():
        alone = [part.eval()(pixels).softmax(1).numpy() for part in (first, second, third)]
    np.testing.assert_allclose(probabilities(unlike.run, digits), np.mean(alone, axis=0), atol=1e-5)


def test_side_by_side_gives_the_same_networks(trained, digits):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # as each of two processes on two threads
        in_turn = trained("in turn", **TWO)
        jobs = trained("at once", jobs=2, **TWO)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(probabilities(in_turn.run, digits), probabilities(jobs.run, digits))


def test_a_stopped_ensemble_goes_on_and_ends_the_same(trained, digits):
    whole = trained("whole", **TWO)

    class Impatient(Watcher):
        def stop(self):
            return len(self.steps) >= 7  # 5 steps an epoch: within the second member

    stopped = trained("stopped", Impatient(), **TWO)
    assert not stopped.finished
    assert load_model(stopped.run.folder).predict(digits.images).shape == (len(digits),)  # what was finished so far
    assert trained("stopped", **TWO).finished
    np.testing.assert_array_equal(probabilities(whole.run, digits), probabilities(stopped.run, digits))


@pytest.mark.parametrize(("steps", "finished"), [(3, 1), (7, 1), (12, 2)])  # 5 steps an epoch, an epoch a member
def test_what_was_finished_of_a_stopped_ensemble_can_be_had_as_a_network(trained, digits, steps, finished):
    class Impatient(Watcher):
        def stop(self):
            return len(self.steps) >= steps

    stopped = trained("stopped", Impatient(), ensemble_size=3, epochs=1)
    assert not stopped.finished
    assert how_to_resume(stopped).startswith(
        f"stopped after {f'{finished} of 3 networks' if steps > 5 else '0 of 1 epochs'};"
    )
    network = load_network(stopped.run)
    assert len(list(getattr(network, "members", [network]))) == finished
    with torch.no_grad():
        there = network(torch.tensor(digits.images)).softmax(1).numpy()
    np.testing.assert_allclose(there, probabilities(stopped.run, digits), atol=1e-5)


def test_the_report_shows_each_way_to_change_images(make_recipe, digits):
    turned = {"net": make_recipe().net.model_dump(), "optimizer": {"name": "adam", "lr": 0.01}, "batch_size": 8}
    recipe = make_recipe(ensemble_size=2, variants=[turned | {"augment": {"rotation": 90}}])
    shown = augmentation_samples(recipe, digits)
    as_it_is, draws = shown[:, :1], shown[:, 1:]
    same = (draws == as_it_is).all((2, 3)).ravel()
    assert same[::2].all()  # the recipe itself changes nothing
    assert not same[1::2].any()
    assert augmentation_samples(make_recipe(ensemble_size=2), digits) is None


def test_stopping_members_side_by_side_leaves_checkpoints_to_go_on_from(trained):
    class Later(Watcher):
        def stop(self):
            return any((folder / "checkpoints" / "last.safetensors").exists() for folder in folders)

    run = trained("run", epochs=1).run  # where the ensemble's runs will be, and PyTorch loaded
    folders = [run.folder.parent / "both" / "members" / name for name in ("01", "02")]
    stopped = trained("both", Later(), jobs=2, ensemble_size=2, epochs=2000)
    assert not stopped.finished
    assert any((folder / "checkpoints" / "last.safetensors").exists() for folder in folders)


def test_what_is_left_of_members_side_by_side_is_computed_with_as_many_threads(trained, monkeypatch):
    """After a stop a member takes one more step in this process, and other threads would give it other bits."""
    fit, threads = ensemble.fit, []

    def noting(*args):
        threads.append(torch.get_num_threads())
        return fit(*args)

    monkeypatch.setattr(ensemble, "_side_by_side", lambda *args: None)
    monkeypatch.setattr(ensemble, "fit", noting)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        trained("at once", jobs=2, **TWO)
        assert torch.get_num_threads() == 4
        trained("in turn", **TWO)
    finally:
        torch.set_num_threads(before)
    assert threads == [2, 2, 4, 4]


def test_a_history_of_members_is_their_mean():
    rows = [
        {"epoch": 1, "step": 5, "seconds": 2.0, "val_loss": 1.0},
        {"epoch": 2, "step": 10, "seconds": 3.0, "val_loss": 0.5},
    ]
    other = [{"epoch": 1, "step": 5, "seconds": 4.0, "val_loss": 3.0}]
    assert mean_history([rows, other]) == [{"epoch": 1, "step": 5, "seconds": 6.0, "val_loss": 2.0}]


def test_the_best_epoch_of_members_is_that_of_their_mean():
    def history(*accuracies):
        rows = [
            {"epoch": k + 1, "step": 5, "seconds": 1.0, "val_accuracy": value} for k, value in enumerate(accuracies)
        ]
        return [row | {"best": row["val_accuracy"] == max(accuracies[: row["epoch"]])} for row in rows]

    rows = mean_history([history(0.90, 0.91, 0.91), history(0.95, 0.80, 0.99)])
    assert [row["best"] for row in rows] == [1, 0, 1]


def deaf(told):
    told.put(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)


def test_a_member_is_deaf_to_ctrl_c_from_its_first_moment_on():
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    before = signal.getsignal(signal.SIGINT)
    process = context.Process(target=deaf, args=(told,))
    ensemble._start(process)
    assert signal.getsignal(signal.SIGINT) == before
    assert told.get(timeout=60)
    process.join()


def test_members_side_by_side_find_their_formats_chosen(trained, monkeypatch):
    asked = []

    def side_by_side(*args):
        asked.append("begun")

    monkeypatch.setattr(ensemble, "precision_here", lambda recipe, *args: asked.append(recipe.seed))
    monkeypatch.setattr(ensemble, "_side_by_side", side_by_side)
    trained("both", jobs=2, **TWO)
    assert asked == [0, 1, "begun"]


def test_runs_are_combined_into_their_mean(trained, digits, tmp_path):
    runs = [trained(f"run{seed}", seed=seed, epochs=1).run for seed in (0, 1)]
    facts = combine([run.folder for run in runs], tmp_path / "both")
    expected = np.mean([probabilities(run, digits) for run in runs], axis=0)
    both = Run(tmp_path / "both")
    np.testing.assert_allclose(probabilities(both, digits), expected, atol=1e-5)
    assert both.damaged_files() == []
    assert both.known(digits.images).all()
    assert len(facts["members"]) == 2


def test_a_damaged_run_is_not_combined(trained, tmp_path):
    runs = [trained(f"run{seed}", seed=seed, epochs=1).run.folder for seed in (0, 1)]
    for name in ("recipe.json", "model.safetensors", "model.onnx", "image_hashes.npy"):
        file = runs[1] / name
        whole = file.read_bytes()
        for damage in (lambda file: file.write_bytes(file.read_bytes()[:-1]), lambda file: file.unlink()):
            damage(file)
            with pytest.raises(RunError, match=f"{name}: this file is missing or not the one that the run ended with"):
                combine(runs, tmp_path / "new")
            file.write_bytes(whole)
    assert not (tmp_path / "new").exists()
    (runs[1] / "README.md").write_text("mine")  # nothing that a model is made of
    combine(runs, tmp_path / "new")


def test_what_cannot_be_combined_is_said(trained, tmp_path):
    run = trained(epochs=1).run.folder
    with pytest.raises(RunError, match="two runs or more"):
        combine([run], tmp_path / "new")
    with pytest.raises(RunError, match="each named once"):
        combine([run, run], tmp_path / "new")
    with pytest.raises(RunError, match="no finished run"):
        combine([run, tmp_path / "nothing"], tmp_path / "new")
    with pytest.raises(RunError, match="is not empty"):
        combine([run, run.parent], run)
    combine([run, trained("other", seed=1, epochs=1).run.folder], tmp_path / "both")
    with pytest.raises(RunError, match="both: this is itself an ensemble of runs; name those"):
        combine([tmp_path / "both", run], tmp_path / "new")
    line = run.parent / "line"
    shutil.copytree(run, line)
    recipe = json.loads((line / "recipe.json").read_text())
    (line / "recipe.json").write_text(json.dumps(recipe | {"net": {"kind": "ctc"}}))
    Run(line).write_manifest()
    with pytest.raises(RunError, match="reads whole rows"):
        combine([run, line], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_stopped_run_is_not_combined(trained, tmp_path):
    whole = trained("whole", epochs=2).run.folder
    stopped = trained("stopped", Watcher(ends=lambda epoch, step: True), epochs=2)
    assert not stopped.finished
    with pytest.raises(RunError, match="stopped before its end; `train --resume` goes on with it"):
        combine([whole, stopped.run.folder], tmp_path / "new")


def test_of_members_stopped_side_by_side_a_later_one_that_is_done_counts(trained, digits):
    whole = trained("whole", ensemble_size=2, epochs=1).run
    begun = whole.folder.parent / "stopped"
    (begun / "members").mkdir(parents=True)
    shutil.copytree(whole.folder / "members" / "02", begun / "members" / "02")
    stopped = trained("stopped", Watcher(ends=lambda epoch, step: True), ensemble_size=3, epochs=1)
    assert not stopped.finished
    assert not (begun / "members" / "03" / "history.csv").exists()  # nothing is begun after a stop
    assert how_to_resume(stopped).startswith("stopped after 1 of 3 networks;")
    assert "**Unfinished**: 1 of 3 networks." in stopped.run.card.read_text()
    assert "of each of" not in stopped.metrics["weights"]
    second = load_network(stopped.run)
    assert not hasattr(second, "members")
    with torch.no_grad():
        there = second(torch.tensor(digits.images)).softmax(1).numpy()
    np.testing.assert_allclose(there, probabilities(stopped.run, digits), atol=1e-5)


def test_what_goes_wrong_side_by_side_is_said_once(trained, capfd):
    with pytest.raises(TenfoldError, match="loss"):
        trained("diverges", jobs=2, optimizer={"name": "sgd", "lr": 1e30}, **TWO)
    assert "Traceback" not in capfd.readouterr().err


def test_one_row_is_too_few_side_by_side_too(digits, tmp_path, Watcher, make_recipe):  # noqa: N803
    net = {"kind": "mlp", "dense": [8], "batch_norm": True}
    with pytest.raises(DataError, match="one row is too few"):
        train(
            make_recipe(net=net, validation_split=0, **TWO),
            digits.subset([0]),
            None,
            Run(tmp_path / "run"),
            Watcher(),
            jobs=2,
        )
