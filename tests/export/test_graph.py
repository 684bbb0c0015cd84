"""Layers become nodes that old runtimes know, in the order in which they compute fastest."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tenfold.export.graph import IR_VERSION, OPSET
from tenfold.export.onnx import digit_model, export, export_line
from tenfold.export.quantize import quantize
from tenfold.model import Model
from tenfold.nets import build
from tenfold.recipes import RECIPES, find


@pytest.fixture
def network(make_recipe, make_digits):
    """Two stages that begin with pooling, with batch norm statistics as after a training."""
    recipe = make_recipe(net={"kind": "cnn", "stem": 4, "filters": [6, 8], "depth": 2, "head": "avgmax"})
    network = build(recipe, torch.tensor(make_digits(50).images))
    torch.manual_seed(0)
    for norm in norms(network):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.2, 2)
        nn.init.normal_(norm.bias, 0, 0.5)
    return network.eval()


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def operators(model):
    return [node.op_type for node in model.graph.node]


def probabilities(model, images):
    return Model(model.SerializeToString()).predict_proba(images)


def expected_probabilities(network, images):
    with torch.no_grad():
        return network(torch.tensor(images)).softmax(1).numpy()


def test_graph_folds_batch_norm_and_pools_last(network, make_digits):
    images, model = make_digits(20, seed=3).images, digit_model(network, {})
    assert operators(model)[3:6] == ["Conv", "Relu", "MaxPool"]
    assert not {"BatchNormalization", "Mul"} & set(operators(model))
    np.testing.assert_allclose(probabilities(model, images), expected_probabilities(network, images), atol=1e-5)


def test_graph_keeps_pooling_before_negative_batch_norm(network, make_digits):
    """A negative weight makes the maximum a minimum."""
    images = make_digits(20, seed=3).images
    nn.init.constant_(norms(network)[0].weight[:1], -0.5)
    model = digit_model(network, {})
    assert operators(model)[3:8] == ["Conv", "MaxPool", "Mul", "Add", "Relu"]
    assert operators(model)[11:13] == ["Relu", "MaxPool"], "the second pooling still moves"
    np.testing.assert_allclose(probabilities(model, images), expected_probabilities(network, images), atol=1e-5)


@pytest.mark.parametrize("name", RECIPES)
def test_graph_needs_no_new_runtime(name, tmp_path, make_digits):
    """Every operator stands in the checked operator set, which ONNX Runtime has read since 1.6."""
    recipe, path = find(name).recipe, tmp_path / "model.onnx"
    network = build(recipe, torch.tensor(make_digits(20).images))
    (export_line if recipe.net.kind == "ctc" else export)(network, path, {})
    if recipe.int8:
        quantize(path, make_digits(20).images)
    model = onnx.load(path)
    assert (model.ir_version, model.opset_import[0].version, len(model.opset_import)) == (IR_VERSION, OPSET, 1)
    for node in model.graph.node:
        assert onnx.defs.get_schema(node.op_type, OPSET).since_version <= OPSET


class Swish(nn.Module):
    def forward(self, x):
        return x * x.sigmoid()


def test_export_of_unknown_layers_uses_the_exporter_of_pytorch(network, tmp_path, make_digits):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    images = make_digits(20, seed=3).images
    network.body[2] = Swish()
    export(network, tmp_path / "model.onnx", {"recipe": "mine"})
    model = Model((tmp_path / "model.onnx").read_bytes())
    assert model.metadata == {"recipe": "mine"}
    np.testing.assert_allclose(model.predict_proba(images), expected_probabilities(network, images), atol=1e-5)
