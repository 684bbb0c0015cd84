"""The bundled models, and the script that makes them."""

import hashlib
import json
import runpy
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import tenfold
import tenfold.weights
from tenfold.data import load_data
from tenfold.errors import RunError
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.export.onnx import export
from tenfold.model import BUNDLED, Model, is_bundled, load_model
from tenfold.nets import build
from tenfold.recipes import find
from tenfold.recipes.networks import CNN
from tenfold.recipes.toml import from_dict
from tenfold.weights import read_weights

SCRIPT = Path(__file__).parents[1] / "scripts" / "bundle_weights.py"


@pytest.fixture(scope="module")
def model():
    return load_model()


def test_file_named_like_bundled_model_comes_first(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model.name == load_model(BUNDLED).name == BUNDLED
    assert model.has_digitness
    (tmp_path / BUNDLED).write_bytes(b"something else")
    assert not is_bundled(BUNDLED)
    with pytest.raises(RunError, match="expected an ONNX model"):
        load_model(BUNDLED)


def test_missing_weights():
    with pytest.raises(RunError, match=r"nothing\.onnx: this file is missing"):
        read_weights("nothing")


def test_weights_are_below_2_megabytes():
    sizes = [file.stat().st_size for file in files("tenfold.weights").iterdir() if file.name.endswith(".onnx")]
    assert 0 < sum(sizes) < 2_000_000


@pytest.mark.parametrize("name", ["digits", "line"])
def test_weights_contain_no_paths(name):
    content = read_weights(name)
    assert not [hint for hint in (b"/root", b"/work", b"/home", b"/tmp", b".py") if hint in content]


@pytest.mark.parametrize(("name", "recipe"), [("digits", "robust"), ("line", "line")])
def test_metadata_has_recipe(name, recipe):
    metadata = {prop.key: prop.value for prop in onnx.load_from_string(read_weights(name)).metadata_props}
    assert from_dict(json.loads(metadata["recipe"]), name) == find(recipe).recipe


def test_card_has_checksum():
    card = files("tenfold.weights").joinpath("README.md").read_text()
    assert hashlib.sha256(read_weights("digits")).hexdigest() in card


@pytest.mark.parametrize(("name", "ir_version", "opset"), [("digits", 7, 13), ("line", 7, 13)])
def test_weights_load_in_old_runtimes(name, ir_version, opset):
    model = onnx.load_from_string(read_weights(name))
    assert (model.ir_version, [imported.version for imported in model.opset_import]) == (ir_version, [opset])
    onnx.checker.check_model(model)
    card = files("tenfold.weights").joinpath("README.md").read_text()
    assert f"IR version {ir_version}, operator set {opset}" in card


def test_digitness_of_blank_images(model):
    even = np.stack([np.full((28, 28), gray, np.uint8) for gray in range(0, 256, 15)])
    assert model.digitness(even).max() < 0.5


def test_digitness_of_noise(model):
    noise = np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8)
    assert model.digitness(noise).max() < 0.5


def test_accuracy_on_embedded_digits(model):
    """Another collection, of 8x8 pixels."""
    data = load_data("digits").test
    assert evaluate_predictions(model.predict_proba(data.images), data.labels).accuracy > 0.97
    assert np.median(model.digitness(data.images)) > 0.9
    assert tenfold.load_model is load_model


@pytest.mark.shared
def test_mnist_accuracy_calibration_and_inversion(model, shared):
    data = load_data(shared / "mnist").test
    evaluation = evaluate_predictions(model.predict_proba(data.images), data.labels)
    assert evaluation.accuracy > 0.996
    assert evaluation.calibration_error < 0.005
    assert (model.predict(255 - data.images[:1000]) == data.labels[:1000]).mean() > 0.98


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The functions of scripts/bundle_weights.py, which writes into `tmp_path`."""
    monkeypatch.setattr(tenfold.weights, "__path__", [str(tmp_path)])
    return runpy.run_path(str(SCRIPT))


def test_float16_weights_are_half_the_size(script, tmp_path, capsys):
    recipe = find("robust").recipe.model_copy(update={"net": CNN(stem_filters=8, filters=(16, 32))})
    network = build(recipe)
    (tmp_path / "run").mkdir()
    file = tmp_path / "run" / "model.onnx"
    export(network, file, {"recipe": "{}", "other": "kept"})
    script["main"](["digits", "--run", str(tmp_path / "run")])
    bundled = (tmp_path / "digits.onnx").read_bytes()
    assert f"{len(bundled):,} bytes" in capsys.readouterr().out
    weights = sum(tensor.numel() for tensor in network.parameters())
    assert len(file.read_bytes()) - len(bundled) > 1.7 * weights
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    first, second = Model(file.read_bytes()), Model(bundled)
    assert np.abs(first.predict_proba(images) - second.predict_proba(images)).max() < 2e-3
    assert np.abs(first.digitness(images) - second.digitness(images)).max() < 2e-3
    assert second.metadata == {"recipe": find("robust").recipe.model_dump_json(), "other": "kept"}
    torch.testing.assert_close(torch.tensor(second.predict_proba(images)).sum(1), torch.ones(50), rtol=1e-5, atol=1e-5)


def test_metadata_only_changes_nothing_else(script, tmp_path):
    """The stored recipe may lack keys that the schema got since; they have their defaults."""
    before = onnx.load_from_string(read_weights("digits"))
    script["main"](["digits", "--metadata-only"])
    after = onnx.load(tmp_path / "digits.onnx")
    metadata = {prop.key: prop.value for prop in after.metadata_props}
    assert metadata["recipe"] == find("robust").recipe.model_dump_json()
    for model in (before, after):
        [recipe] = [prop for prop in model.metadata_props if prop.key == "recipe"]
        recipe.value = ""
    assert before == after


def test_interrupted_training_is_resumed(script, tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr("subprocess.run", lambda command, check: commands.append(command[2:]))
    run = script["Run"](tmp_path / "run")
    script["train_or_resume"]("robust", run)
    assert commands.pop() == ["tenfold", "train", "mnist:train", "--recipe", "robust", "--out", str(run.folder)]
    run.folder.mkdir()
    for file in (run.recipe, run.data):
        file.write_text("{}")
    script["train_or_resume"]("robust", run)
    assert commands.pop() == ["tenfold", "train", "mnist:train", "--resume", "--out", str(run.folder)]
    run.metrics.write_text('{"finished": true}')
    run.manifest.write_text("{}")
    script["train_or_resume"]("robust", run)
    assert not commands
