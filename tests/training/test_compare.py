import json
import signal

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from rich.console import Console

from tenfold.data.dataset import Dataset
from tenfold.errors import Interrupted, RecipeError, RunError
from tenfold.recipes import find
from tenfold.recipes.toml import with_settings
from tenfold.run import Run
from tenfold.training import compare as compare_module
from tenfold.training import digits
from tenfold.training.callbacks import ProgressCallback
from tenfold.training.compare import ComparisonData, compare


def weights_of(name: str) -> np.ndarray:
    return np.random.default_rng(sum(name.encode())).normal(size=(784, 10)).astype(np.float32)


def linear(name: str) -> bytes:
    """A fixed linear model of each name: what it predicts can be computed by hand."""
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [onnx.numpy_helper.from_array(weights_of(name), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (160, 28, 28), np.uint8)
    labels = (np.arange(160) % 10).astype(np.uint8)
    # The predictions of 'a' are nearly always right, so that the ranking is known.
    labels[100:] = (images[100:].reshape(60, 784).astype(np.float32) @ weights_of("a")).argmax(1)
    labels[100:103] = (labels[100:103] + 1) % 10
    labeled = Dataset(images[:100], labels[:100], "some digits")
    return ComparisonData(labeled, Dataset(images[100:], labels[100:], "others"), "Measured on 60 others.")


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    """The names of the runs that were trained, in order; each gets the linear model of its recipe."""
    names: list[str] = []
    train = compare_module.train

    def counted(recipe, data, run, *args, **options):
        names.append(run.folder.name)
        return train(recipe, data, run, *args, **options)

    def export(network, path, metadata):
        path.write_bytes(linear(json.loads(metadata["recipe"])["name"]))

    monkeypatch.setattr(compare_module, "train", counted)
    monkeypatch.setattr(digits, "export", export)
    return names


def recipe(name, *settings):
    return with_settings(
        find("dense-s").recipe,
        [f"name={name}", "net.dense=[4]", "validation_split=20", "epochs=2", "batch_size=40", *settings],
    )


def run(data, recipes, folder, seeds=1):
    return compare(data, recipes, seeds, folder, Console(stderr=True))


def test_best_recipe_ranks_first(data, tmp_path, trained, capsys):
    board = run(data, [recipe("b"), recipe("a")], tmp_path, seeds=2)
    assert trained == ["b-seed0", "b-seed1", "a-seed0", "a-seed1"]
    assert [row.recipe for row in board.rows] == ["a", "b"]
    assert [row.seeds for row in board.rows] == [[0, 1], [0, 1]]
    flat, labels = data.test.images.reshape(60, 784).astype(np.float32), data.test.labels
    right = {name: (flat @ weights_of(name)).argmax(1) == labels for name in ("a", "b")}
    assert right["a"].sum() == 57
    assert [row.errors for row in board.rows] == [2 * int((~right[name]).sum()) for name in ("a", "b")]
    assert board.rows[0].against_best is None
    assert board.rows[1].against_best.only_a == int((right["a"] & ~right["b"]).sum())
    assert json.loads((tmp_path / "leaderboard.json").read_text()) == board.to_dict() | {
        "measured_on": "Measured on 60 others."
    }
    page = (tmp_path / "compare.html").read_text()
    assert "Measured on 60 others." in page
    assert page.index(">a<") < page.index(">b<")
    assert capsys.readouterr().out == ""


def test_finished_runs_are_reused(data, tmp_path, trained):
    first = run(data, [recipe("a")], tmp_path)
    manifest = (tmp_path / "a-seed0" / "manifest.json").read_bytes()
    second = run(data, [recipe("a"), recipe("b")], tmp_path)
    assert trained == ["a-seed0", "b-seed0"]
    assert (tmp_path / "a-seed0" / "manifest.json").read_bytes() == manifest
    assert second.rows[0] == first.rows[0]


def test_seeds_start_from_the_recipes_own(data, tmp_path, trained):
    board = run(data, [recipe("a", "seed=42")], tmp_path, seeds=2)
    assert trained == ["a-seed42", "a-seed43"]
    assert board.rows[0].seeds == [42, 43]


def test_ctrl_c_stops_and_the_same_call_resumes(data, tmp_path, trained, monkeypatch):
    with monkeypatch.context() as patch:
        on_step = ProgressCallback.on_step

        def interrupt(self, state):
            on_step(self, state)
            if len(trained) == 2 and (state.epoch, state.step) == (1, 1):
                signal.raise_signal(signal.SIGINT)

        patch.setattr(ProgressCallback, "on_step", interrupt)
        with pytest.raises(Interrupted, match=r"stopped in .*b-seed0; the same command resumes from there"):
            run(data, [recipe("a"), recipe("b")], tmp_path)
    assert not (tmp_path / "leaderboard.json").exists()
    board = run(data, [recipe("a"), recipe("b")], tmp_path)
    assert trained == ["a-seed0", "b-seed0", "b-seed0"]
    assert [row.epochs for row in board.rows] == [2, 2]
    history = (tmp_path / "b-seed0" / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in history] == ["epoch", "1", "2"]


def test_run_of_another_recipe(data, tmp_path, trained):
    run(data, [recipe("a")], tmp_path)
    with pytest.raises(RunError, match="a-seed0: this run was started with another recipe; choose another --out"):
        run(data, [recipe("a", "optimizer.lr=0.5")], tmp_path)
    (tmp_path / "a-seed0" / "manifest.json").unlink()  # nor is it resumed
    with pytest.raises(RunError, match="a-seed0: this run was started with another recipe"):
        run(data, [recipe("a", "epochs=3")], tmp_path)
    assert trained == ["a-seed0"]


def test_run_on_other_data(data, tmp_path, trained):
    run(data, [recipe("a")], tmp_path)
    other = ComparisonData(data.labeled.subset(slice(90)), data.test, data.note)
    with pytest.raises(
        RunError, match="a-seed0: this run was started on other data than some digits; choose another --out"
    ):
        run(other, [recipe("a")], tmp_path)
    assert trained == ["a-seed0"]


def test_damaged_run(data, tmp_path):
    run(data, [recipe("a")], tmp_path)
    Run(tmp_path / "a-seed0").metrics.write_text("{")
    with pytest.raises(RunError, match=r"metrics\.json: missing or changed since training"):
        run(data, [recipe("a")], tmp_path)


def test_recipes_of_the_same_name(data, tmp_path):
    with pytest.raises(RecipeError, match="two recipes have the name 'a'"):
        run(data, [recipe("a"), recipe("b"), recipe("a", "epochs=1")], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_recipe_that_reads_lines(data, tmp_path):
    with pytest.raises(RecipeError, match="'line' reads lines"):
        run(data, [recipe("a"), find("line").recipe], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_recipe_that_needs_a_teacher(data, tmp_path):
    with pytest.raises(RecipeError, match="'distilled' learns from a teacher"):
        run(data, [recipe("a"), find("distilled").recipe], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_ensembles_of_different_seeds_have_different_networks(data, tmp_path, trained):
    run(data, [recipe("a", "ensemble_size=2", "calibrate=false")], tmp_path, seeds=2)
    seeds = [json.loads((tmp_path / name / "recipe.json").read_text())["seed"] for name in ("a-seed0", "a-seed2")]
    assert seeds == [0, 2]
