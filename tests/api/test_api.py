"""The public API as a notebook uses it, on the small digits that come with the package."""

import pickle

import matplotlib.figure
import numpy as np
import pytest
from torch import nn

import tenfold
from tenfold.api.train import resolve_recipe, unused_folder
from tenfold.errors import DataError, RecipeError, RunError
from tenfold.training.callbacks import Callback

SETTINGS = {"batch_size": 64, "net.stem_filters": 8, "net.filters": [16], "net.dense": [16]}


@pytest.fixture(scope="module")
def digits():
    return tenfold.load_data("digits")


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("api") / "run"
    return tenfold.train(digits, "fast", out=folder, epochs=2, seed=3, precision="float32", progress=False, **SETTINGS)


def test_check_finds_digits_trainable(digits):
    result = tenfold.check(digits)
    assert result.trainable
    assert result.train.samples == 1437


def test_train_records_recipe_and_history(run):
    assert run.finished
    assert run.recipe["seed"] == 3
    assert run.recipe["net"]["filters"] == [16]
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.metrics["validation"]["n"] == run.validation_set().labels.size
    assert len(run.to_frame()) == 2
    assert run.report.exists()
    assert "validation accuracy" in repr(run)


def test_train_returns_a_finished_run_without_training_again(run, digits):
    before = run.history
    again = tenfold.train(
        digits, "fast", out=run.folder, epochs=2, seed=3, precision="float32", progress=False, **SETTINGS
    )
    assert again.history == before


def test_train_calls_callbacks(digits, tmp_path):
    class Steps(Callback):
        count = 0

        def on_step(self, state):
            self.count += 1

        def should_stop(self):
            return self.count >= 3

    steps = Steps()
    stopped = tenfold.train(
        digits.train[:400],
        "fast",
        out=tmp_path / "run",
        epochs=2,
        callbacks=[steps],
        precision="float32",
        progress=False,
        **SETTINGS,
    )
    assert steps.count == 3
    assert not stopped.finished
    assert "not finished" in repr(stopped)


def test_train_refuses_unlabeled_data(digits, tmp_path):
    with pytest.raises(DataError, match="no labeled digits"):
        tenfold.train(tenfold.from_arrays(digits.test.images), out=tmp_path / "run")


def test_resolve_recipe_takes_settings_of_any_type():
    recipe = resolve_recipe("fast", {"augment.rotation": 5, "net.filters": [32], "calibrate": False}, epochs=3)
    assert (recipe.epochs, recipe.augment.rotation, recipe.net.filters) == (3, 5, (32,))
    assert resolve_recipe(recipe, {}) == recipe
    with pytest.raises(RecipeError, match="optimizer"):
        resolve_recipe("fast", {"optimizer.speed": 1})


def test_unused_folder_counts_on(tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.api.train.RUNS", tmp_path)
    assert unused_folder("fast") == tmp_path / "fast"
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast-2").mkdir()
    assert unused_folder("fast") == tmp_path / "fast-3"


def test_train_takes_a_network_of_the_users_own(digits, tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    linear = tenfold.train(
        digits.train[:300],
        "fast",
        out=tmp_path / "run",
        epochs=1,
        network=network,
        precision="float32",
        progress=False,
        **{"batch_size": 64},
    )
    assert linear.metrics["parameters"] == 7850
    assert tenfold.evaluate(linear, digits.test[:50]).n == 50


def test_train_with_folds_measures_every_sample(digits, tmp_path):
    data = digits.train[:200]
    folds = tenfold.train(
        data, "fast", out=tmp_path / "run", epochs=1, precision="float32", progress=False, folds=2, **SETTINGS
    )
    assert folds.oof.shape == (200, 10)
    np.testing.assert_allclose(folds.oof.sum(axis=1), 1, rtol=1e-3)
    suspects = folds.label_errors()
    assert all(0 <= suspect.index < 200 for suspect in suspects)
    with pytest.raises(RunError, match="other data"):
        folds.label_errors(tenfold.load_data("digits"))


def test_figures_show_themselves_in_notebooks(run):
    assert run.plot_history()._repr_png_().startswith(b"\x89PNG")


def test_run_plots_are_figures(run):
    for figure in (run.plot_history(), run.plot_mistakes()):
        assert isinstance(figure, matplotlib.figure.Figure)


def test_run_summary_counts_parameters(run):
    layers = run.summary().splitlines()
    assert layers[0].split() == ["layer", "kind", "output", "parameters"]
    assert layers[-1] == f"{run.metrics['parameters']:,} parameters"


def test_run_opens_a_folder_and_refuses_another(run, digits, tmp_path):
    opened = tenfold.Run(run.folder)
    assert opened.metrics == run.metrics
    with pytest.raises(RunError, match="give the data"):
        opened.plot_mistakes()
    assert len(opened.validation_set(digits)) == len(run.validation_set())
    with pytest.raises(RunError, match="not a tenfold run folder"):
        tenfold.Run(tmp_path)


def test_evaluate_measures_and_plots(run, digits):
    evaluation = tenfold.evaluate(run, digits.test)
    predicted = run.model.predict(digits.test.images)
    assert evaluation.accuracy == np.mean(predicted == digits.test.labels)
    low, high = evaluation.interval
    assert low < evaluation.accuracy < high
    assert evaluation.confusion.sum() == evaluation.n == 360
    assert np.trace(evaluation.confusion) == 360 - evaluation.errors == 360 - len(evaluation.mistakes)
    for figure in (evaluation.plot_confusion(), evaluation.plot_calibration(), evaluation.plot_mistakes(5)):
        assert isinstance(figure, matplotlib.figure.Figure)
    assert evaluation.to_dict()["evaluation"]["errors"] == evaluation.errors


def test_evaluate_says_what_the_model_has_seen(run, digits):
    assert "used to make this model" in " ".join(tenfold.evaluate(run.model, digits.train[:100]).notes)


def test_evaluate_takes_paths_and_names(run):
    assert tenfold.evaluate(run.folder, "digits:test").accuracy == tenfold.evaluate(run.model, "digits").accuracy
    with pytest.raises(TypeError, match="expected a Model, a Run or a path, not int"):
        tenfold.evaluate(7, "digits")


def test_compare_ranks_runs_and_models(run, digits):
    board = tenfold.compare({"small": run, "bundled": "bundled"}, digits.test)
    assert [row.recipe for row in board.rows] == ["bundled", "small"]
    assert board.rows[0].parameters is None
    assert board.rows[1].parameters == run.metrics["parameters"]
    assert board.rows[1].against_best is not None
    assert "bundled: " in repr(board)


def test_write_submission_predicts_the_test_split(run, digits, tmp_path):
    summary = tenfold.write_submission(run.model, digits, tmp_path / "submission.csv")
    assert summary.rows == 360
    lines = (tmp_path / "submission.csv").read_text().split()
    assert lines[0] == "ImageId,Label"
    assert [int(line.split(",")[1]) for line in lines[1:]] == run.model.predict(digits.test.images).tolist()


def test_models_pickle_as_their_onnx_file(run, digits):
    loaded = pickle.loads(pickle.dumps(run.model))
    np.testing.assert_array_equal(loaded.predict(digits.test.images), run.model.predict(digits.test.images))
    assert loaded.digest == run.model.digest


def test_notebook_displays_are_html_without_scripts(run, digits):
    shown = (
        digits,
        digits.train,
        tenfold.from_arrays(digits.test.images),
        run,
        run.model,
        tenfold.evaluate(run, digits.test),
        tenfold.compare({"<b>": run}, digits.test),
        resolve_recipe("fast", {}),
        tenfold.read(np.full((40, 60), 255, np.uint8)),
    )
    for thing in shown:
        html = thing._repr_html_()
        assert html.startswith(("<p>", "<table>", "<svg"))
        assert "<script" not in html
        assert "<b>" not in html
