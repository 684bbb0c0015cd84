import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from tenfold.export.onnx import export
from tenfold.export.quantize import quantize
from tenfold.model import Model
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training.checkpoint import load_network
from tenfold.training.train import split, train

NET = {"kind": "cnn", "stem_filters": 16, "stem_stride": 2, "filters": [32], "depth": 2, "head": "flatten"}


@pytest.fixture(scope="module")
def trained(make_recipe, make_digits, tmp_path_factory):
    """A finished run with a quantized model."""
    recipe = make_recipe(net=NET, int8=True, epochs=4, validation_split=0.2)
    return train(recipe, make_digits(600), Run(tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture
def unquantized(trained, tmp_path):
    """The model of the same network in float32."""
    export(load_network(trained.run), tmp_path / "unquantized.onnx", {"recipe": "kept"})
    return tmp_path / "unquantized.onnx"


def weights(content):
    """The weights of all convolutions and linear layers."""
    return [t for t in onnx.load_from_string(content).graph.initializer if np.prod(t.dims) > 100]


def test_quantized_run_predicts_nearly_what_its_network_does(trained, unquantized, make_digits):
    quantized, images = Model(trained.run.model.read_bytes()), make_digits(300, seed=5)
    probabilities, expected = (
        quantized.predict_proba(images.images),
        Model(unquantized.read_bytes()).predict_proba(images.images),
    )
    assert np.abs(probabilities - expected).mean() < 0.01
    assert (probabilities.argmax(1) == expected.argmax(1)).mean() > 0.98
    assert (expected.argmax(1) == images.labels).mean() > 0.9, "an untrained network would show nothing"
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert json.loads(quantized.metadata["recipe"])["int8"] is True


def test_weights_use_seven_bits_so_that_sums_cannot_overflow(trained, unquantized):
    content = trained.run.model.read_bytes()
    assert {tensor.data_type for tensor in weights(content)} == {TensorProto.INT8}
    assert max(np.abs(numpy_helper.to_array(tensor).astype(int)).max() for tensor in weights(content)) <= 64
    assert len(content) < 0.5 * unquantized.stat().st_size


def test_metrics_are_those_of_the_quantized_file(trained, make_digits):
    _, val_set = split(from_dict(trained.run.read_json(trained.run.recipe), "recipe"), make_digits(600))
    right = Model(trained.run.model.read_bytes()).predict(val_set.images) == val_set.labels
    assert trained.metrics["validation"]["accuracy"] == pytest.approx(right.mean())
    assert "8 bits" in trained.run.card.read_text()


def test_quantize_is_deterministic_silent_and_keeps_metadata(unquantized, make_digits, capfd, recwarn):
    content, images = unquantized.read_bytes(), make_digits(50).images
    quantize(unquantized, images)
    first = unquantized.read_bytes()
    unquantized.write_bytes(content)
    quantize(unquantized, images)
    assert unquantized.read_bytes() == first
    assert Model(first).metadata == {"recipe": "kept"}
    assert onnx.load_from_string(first).producer_name == "tenfold"
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    assert [file.name for file in unquantized.parent.iterdir()] == [unquantized.name]
