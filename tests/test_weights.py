"""The model that tenfold brings: it is there, small, and reads what it was made for."""

import hashlib
from importlib.resources import files

import numpy as np
import onnx
import pytest

import tenfold
from tenfold.data import load_data
from tenfold.errors import RunError
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.model import BUNDLED, Model, is_bundled, load_model
from tenfold.weights import read_weights


@pytest.fixture(scope="module")
def model():
    return load_model()


def test_it_has_a_name_but_a_file_of_that_name_comes_first(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model.name == load_model(BUNDLED).name == BUNDLED
    assert model.has_digitness
    (tmp_path / BUNDLED).write_bytes(b"something else")
    assert not is_bundled(BUNDLED)
    with pytest.raises(RunError, match="expected an ONNX model"):
        load_model(BUNDLED)


def test_weights_that_are_not_there_are_named():
    with pytest.raises(RunError, match=r"nothing\.onnx: this file is missing"):
        read_weights("nothing")


def test_all_weights_together_are_under_two_megabytes():
    sizes = [file.stat().st_size for file in files("tenfold.weights").iterdir() if file.name.endswith(".onnx")]
    assert 0 < sum(sizes) < 2_000_000


def test_nothing_in_them_names_a_machine():
    content = read_weights("digits")
    assert not [hint for hint in (b"/root", b"/work", b"/home", b"/tmp", b".py") if hint in content]
    assert "recipe" in Model(content).metadata


def test_the_card_tells_of_these_weights():
    card = files("tenfold.weights").joinpath("README.md").read_text()
    assert hashlib.sha256(read_weights("digits")).hexdigest() in card


@pytest.mark.parametrize(("name", "ir_version", "opset"), [("digits", 7, 13), ("line", 8, 15)])
def test_bundled_models_have_a_format_that_old_runtimes_load(name, ir_version, opset):
    model = onnx.load_from_string(read_weights(name))
    assert (model.ir_version, [imported.version for imported in model.opset_import]) == (ir_version, [opset])
    onnx.checker.check_model(model)
    card = files("tenfold.weights").joinpath("README.md").read_text()
    assert f"IR version {ir_version}, operator set {opset}" in card


def test_an_empty_or_even_picture_is_no_digit(model):
    even = np.stack([np.full((28, 28), gray, np.uint8) for gray in range(0, 256, 15)])
    assert model.digitness(even).max() < 0.5


def test_noise_is_no_digit(model):
    noise = np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8)
    assert model.digitness(noise).max() < 0.5


def test_the_embedded_digits_are_read(model):
    """They are of another collection, of 8x8 pixels."""
    data = load_data("digits").test
    assert evaluate_predictions(model.predict_proba(data.images), data.labels).accuracy > 0.97
    assert np.median(model.digitness(data.images)) > 0.9
    assert tenfold.load_model is load_model


@pytest.mark.shared
def test_mnist_is_read_calibrated_and_inverted_too(model, shared):
    data = load_data(shared / "mnist").test
    evaluation = evaluate_predictions(model.predict_proba(data.images), data.labels)
    assert evaluation.accuracy > 0.996
    assert evaluation.calibration_error < 0.005
    assert (model.predict(255 - data.images[:1000]) == data.labels[:1000]).mean() > 0.98
