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
from tenfold.training.loop import Unwatched
from tenfold.training.train import split, train
from tenfold.training.trained import network_of

NET = {"kind": "cnn", "stem": 16, "stem_stride": 2, "filters": [32], "depth": 2, "head": "flatten"}


@pytest.fixture(scope="module")
def trained(make_recipe, make_digits, tmp_path_factory):
    """A finished run of a network in 8 bits."""
    recipe = make_recipe(net=NET, int8=True, epochs=4, validation_split=0.2)
    return train(recipe, make_digits(600), None, Run(tmp_path_factory.mktemp("runs") / "run"), Unwatched())


@pytest.fixture
def plain(trained, tmp_path):
    """The same network's file in float32."""
    export(network_of(trained.run), tmp_path / "plain.onnx", {"recipe": "kept"})
    return tmp_path / "plain.onnx"


def weights(content):
    """The weights of all convolutions and dense layers, and their types."""
    return [t for t in onnx.load_from_string(content).graph.initializer if np.prod(t.dims) > 100]


def test_a_run_in_8_bits_answers_nearly_as_its_network_does(trained, plain, make_digits):
    small, images = Model(trained.run.model.read_bytes()), make_digits(300, seed=5)
    said, expected = small.predict_proba(images.images), Model(plain.read_bytes()).predict_proba(images.images)
    assert np.abs(said - expected).mean() < 0.01
    assert (said.argmax(1) == expected.argmax(1)).mean() > 0.98
    assert (expected.argmax(1) == images.labels).mean() > 0.9, "a network that knows nothing would show nothing"
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)
    assert json.loads(small.metadata["recipe"])["int8"] is True


def test_its_weights_are_bytes_of_which_sums_of_two_products_cannot_overflow(trained, plain):
    content = trained.run.model.read_bytes()
    assert {tensor.data_type for tensor in weights(content)} == {TensorProto.INT8}
    assert max(np.abs(numpy_helper.to_array(tensor).astype(int)).max() for tensor in weights(content)) <= 64
    assert len(content) < 0.5 * plain.stat().st_size


def test_what_is_measured_is_what_is_kept(trained, make_digits):
    digits = make_digits(600)
    _, held_out = split(from_dict(trained.run.read_json(trained.run.recipe), "recipe"), digits)
    right = Model(trained.run.model.read_bytes()).predict(digits.images[held_out]) == digits.labels[held_out]
    assert trained.metrics["held_out"]["accuracy"] == pytest.approx(right.mean())
    assert "8 bits" in trained.run.card.read_text()


def test_it_is_quiet_repeatable_and_keeps_what_the_file_says_of_itself(plain, make_digits, capfd, recwarn):
    content, images = plain.read_bytes(), make_digits(50).images
    quantize(plain, images)
    once = plain.read_bytes()
    plain.write_bytes(content)
    quantize(plain, images)
    assert plain.read_bytes() == once
    assert Model(once).metadata == {"recipe": "kept"}
    assert onnx.load_from_string(once).producer_name == "tenfold"
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    assert [file.name for file in plain.parent.iterdir()] == [plain.name]
