"""Each layer becomes nodes that compute the same, in the order in which runtimes compute them fastest."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from torch import nn

from tenfold.export.graph import Graph
from tenfold.export.layers import UnsupportedLayer, add_layer
from tenfold.nets import build
from tenfold.nets.layers import ACTIVATIONS
from tenfold.nets.resnet import ResidualBlock


def to_model(*layers, dimensions=4):
    """The model of these layers, whose output has this many dimensions."""
    graph = Graph()
    graph.add("Identity", add_layer(graph, nn.Sequential(*layers).eval(), "x"), output="y")
    shape = ["batch", "channels", "height", "width"]
    return graph.to_model(
        {"x": (TensorProto.FLOAT, shape)}, {"y": (TensorProto.FLOAT, [f"y{i}" for i in range(dimensions)])}, {}
    )


def operators(model):
    return [node.op_type for node in model.graph.node][:-1]


def assert_same(model, layers, x):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    with torch.no_grad():
        expected = nn.Sequential(*layers).eval()(x).numpy()
    np.testing.assert_allclose(session.run(None, {"x": x.numpy()})[0], expected, atol=1e-5)


@pytest.fixture
def layers(make_recipe, make_digits):
    """Two stages that begin with pooling, with batch norm statistics as after a training."""
    recipe = make_recipe(net={"kind": "cnn", "stem_filters": 4, "filters": [6, 8], "depth": 2, "head": "avgmax"})
    network = build(recipe, torch.tensor(make_digits(50).images))
    torch.manual_seed(0)
    for norm in norms(network.body):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.2, 2)
        nn.init.normal_(norm.bias, 0, 0.5)
    return network.body


def norms(layers):
    return [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]


def test_batch_norm_is_folded_and_pooling_comes_last(layers):
    model = to_model(*layers, dimensions=2)
    assert operators(model)[:3] == ["Conv", "Relu", "MaxPool"]
    assert "BatchNormalization" not in operators(model)
    assert_same(model, layers, torch.randn(3, 1, 28, 28))


def test_pooling_stays_before_batch_norm_with_a_negative_weight(layers):
    """A negative weight makes the maximum a minimum."""
    nn.init.constant_(norms(layers)[0].weight[:1], -0.5)
    model = to_model(*layers, dimensions=2)
    assert operators(model)[:4] == ["Conv", "MaxPool", "BatchNormalization", "Relu"]
    assert operators(model)[4:9] == ["Conv", "Relu", "Conv", "Relu", "MaxPool"], "the second pooling still moves"
    assert_same(model, layers, torch.randn(3, 1, 28, 28))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding="same", bias=False),
        nn.Conv2d(4, 6, (3, 5), padding="same"),
        nn.Conv2d(4, 6, 3, padding="same", dilation=2),
        nn.Conv2d(4, 6, 3, padding="valid", stride=(1, 2)),
        nn.Conv2d(4, 6, (4, 1), padding=(2, 0), groups=2),
        nn.BatchNorm2d(4),
        nn.MaxPool2d((2, 1)),
        nn.MaxPool2d(3, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Identity(),
        nn.LeakyReLU(0.2),
        nn.ELU(0.5),
        nn.GELU(),
        nn.SiLU(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.AvgPool2d((2, 1), stride=1),
    ],
    ids=repr,
)
def test_layer_computes_what_pytorch_computes(layer):
    dimensions = 2 if isinstance(layer, nn.Flatten) else 4
    assert_same(to_model(layer, dimensions=dimensions), [layer], torch.randn(2, 4, 12, 9))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("filters", [4, 6])
def test_residual_block_is_folded_and_computes_what_pytorch_computes(filters, activation):
    torch.manual_seed(0)
    block = ResidualBlock(4, filters, activation)
    for norm in norms(block.modules()):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, -1, 1)
    model = to_model(block)
    assert operators(model).count("Conv") == (2 if filters == 4 else 3)
    assert "BatchNormalization" not in operators(model)
    assert_same(model, [block], torch.randn(3, 4, 6, 5))


class DoubledReLU(nn.ReLU):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    "layer",
    [
        nn.GELU("tanh"),
        nn.Softsign(),
        nn.AvgPool2d(3, padding=1),
        nn.AvgPool2d(2, ceil_mode=True),
        DoubledReLU(),
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"),
        nn.BatchNorm2d(4, affine=False),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(3, padding=1),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(2),
    ],
    ids=repr,
)
def test_layer_without_a_converter_is_named(layer):
    with pytest.raises(UnsupportedLayer, match=type(layer).__name__):
        to_model(layer)


def test_equal_constants_are_stored_once():
    graph = Graph()
    assert graph.constant([1, 2]) == graph.constant([1, 2])
    assert len({graph.constant([1, 2]), graph.constant([2, 1]), graph.constant(1.0), graph.constant([1])}) == 4
    model = graph.to_model({"x": (TensorProto.FLOAT, [1])}, {"x": (TensorProto.FLOAT, [1])}, {})
    assert len(model.graph.initializer) == 4
    onnx.checker.check_model(model)
