"""An ONNX graph as it is written: nodes, weights, and a converter for each kind of layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tenfold.nets.cnn import MeanMax, Places
from tenfold.nets.ctc import SYMBOLS, Halves
from tenfold.nets.dropout import Dropout
from tenfold.nets.normalize import Standardize, StandardizePixels, UnitColumns

OPSET = 13  # the lowest with quantization by channel
IR_VERSION = 7  # the format that came with it; ONNX Runtime 1.6 reads it

MAX_SHARED_BYTES = 64  # of axes, shapes and bounds

TensorType = tuple[int, Sequence[int | str]]  # element type and shape; a string is a free dimension


class UnsupportedLayer(Exception):
    """A layer that has no converter."""


class Graph:
    """Collects nodes and initializers; every tensor has a name of its own."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def add(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        return self.add_split(op, *inputs, outputs=[output or f"{op.lower()}_{len(self._nodes)}"], **attributes)[0]

    def add_split(self, op: str, *inputs: str, outputs: list[str], **attributes: Any) -> list[str]:
        """Add a node with several outputs; returns their names."""
        self._nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    def constant(self, value: Tensor | NDArray[Any] | list[int] | float) -> str:
        """Add an initializer; returns its name. Equal small constants are stored once."""
        array = np.asarray(value.detach().cpu().numpy() if isinstance(value, Tensor) else value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        tensor = numpy_helper.from_array(np.ascontiguousarray(array))
        name = next((name for name, other in self._initializers.items() if _equal(other, tensor)), None)
        if name is None:
            name = f"constant_{len(self._initializers)}"
            tensor.name = name
            self._initializers[name] = tensor
        return name

    def to_model(
        self, inputs: dict[str, TensorType], outputs: dict[str, TensorType], metadata: dict[str, str]
    ) -> onnx.ModelProto:
        """The checked model. inputs, outputs: types by name."""
        graph = helper.make_graph(
            self._nodes,
            "tenfold",
            [helper.make_tensor_value_info(name, *value) for name, value in inputs.items()],
            [helper.make_tensor_value_info(name, *value) for name, value in outputs.items()],
            list(self._initializers.values()),
        )
        model = helper.make_model(
            graph, producer_name="tenfold", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model


def _equal(left: onnx.TensorProto, right: onnx.TensorProto) -> bool:
    return bool(left.data_type == right.data_type and left.dims == right.dims and len(left.raw_data) <= 64) and bytes(
        left.raw_data
    ) == bytes(right.raw_data)


def cast_to_float(graph: Graph, x: str) -> str:
    return graph.add("Cast", x, to=TensorProto.FLOAT)


def add_layers(graph: Graph, layers: Sequence[nn.Module], x: str) -> str:
    """Add layers in order, batch norm folded into the convolution or linear layer before it.

    Batch norm may stand behind the pooling that follows the convolution. If all its weights are positive, it and ReLU
    keep the larger of two values the larger, so both can be computed before the maximum is taken, where runtimes fuse
    them with the convolution.
    """
    rest = list(layers)
    while rest:
        layer = rest.pop(0)
        pool = rest.pop(0) if _pools_before_positive_norm(layer, rest) else None
        norm = rest.pop(0) if rest and _normalizes(layer, rest[0]) else None
        x = (
            add_weighted(graph, x, layer, norm)
            if isinstance(layer, nn.Conv2d | nn.Linear)
            else add_layer(layer, graph, x)
        )
        if pool is not None:
            if rest and isinstance(rest[0], nn.ReLU):
                x = add_layer(rest.pop(0), graph, x)
            x = add_layer(pool, graph, x)
    return x


def _pools_before_positive_norm(layer: nn.Module, following: Sequence[nn.Module]) -> bool:
    return (
        isinstance(layer, nn.Conv2d)
        and len(following) > 1
        and isinstance(following[0], nn.MaxPool2d)
        and isinstance(following[1], nn.BatchNorm2d)
        and bool((following[1].weight > 0).all())
    )


def _normalizes(layer: nn.Module, norm: nn.Module) -> bool:
    return (isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)) or (
        isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d)
    )


def add_weighted(graph: Graph, x: str, layer: nn.Conv2d | nn.Linear, norm: nn.Module | None) -> str:
    """A convolution or linear layer with the batch norm that follows it, if any."""
    weight, bias = _folded(layer, norm)
    if isinstance(layer, nn.Linear):
        return graph.add("Gemm", x, graph.constant(weight), graph.constant(bias), transB=1)
    height, width = layer.kernel_size
    if isinstance(layer.padding, str):
        top, left = (height // 2, width // 2) if layer.padding == "same" else (0, 0)
    else:
        top, left = layer.padding
    return graph.add(
        "Conv",
        x,
        graph.constant(weight),
        graph.constant(bias),
        kernel_shape=[height, width],
        strides=list(layer.stride),
        pads=[top, left, top, left],
    )


def _folded(layer: nn.Conv2d | nn.Linear, norm: nn.Module | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weight and bias, float32, of the layer and its batch norm together, computed in float64."""
    weight = layer.weight.detach().cpu().double()
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().cpu().double()
    if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        scale, shift = _scale_and_shift(norm)
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        bias = bias * scale + shift
    return weight.float().numpy(), bias.float().numpy()


def _scale_and_shift(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What batch norm multiplies by and adds, float64 (C,)."""
    assert norm.running_mean is not None, "batch norm without running statistics"
    assert norm.running_var is not None
    weight, bias, mean, variance = (
        tensor.detach().cpu().double() for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = weight / (variance + norm.eps).sqrt()
    return scale, bias - mean * scale


@singledispatch
def add_layer(layer: nn.Module, graph: Graph, x: str) -> str:
    """Add one layer; returns the name of its output. Raises UnsupportedLayer."""
    raise UnsupportedLayer(type(layer).__name__)


@add_layer.register
def _(layer: nn.Sequential, graph: Graph, x: str) -> str:
    return add_layers(graph, list(layer), x)


@add_layer.register
def _(layer: Standardize, graph: Graph, x: str) -> str:
    if layer.mean.any():
        x = graph.add("Sub", x, graph.constant(layer.mean))
    return graph.add("Div", x, graph.constant(layer.deviation))


@add_layer.register
def _(layer: StandardizePixels, graph: Graph, x: str) -> str:
    x = graph.add("Div", graph.add("Sub", x, graph.constant(layer.mean)), graph.constant(layer.deviation))
    return graph.add("Clip", x, graph.constant(-10.0), graph.constant(10.0))


@add_layer.register
def _(layer: UnitColumns, graph: Graph, x: str) -> str:
    x = graph.add("Div", x, graph.constant(255.0))
    norms = graph.add("ReduceL2", x, axes=[2], keepdims=1)
    return graph.add("Div", x, graph.add("Max", norms, graph.constant(1e-6)))


@add_layer.register
def _(layer: nn.BatchNorm2d, graph: Graph, x: str) -> str:
    scale, shift = (graph.constant(value.reshape(-1, 1, 1).float()) for value in _scale_and_shift(layer))
    return graph.add("Add", graph.add("Mul", x, scale), shift)


@add_layer.register
def _(layer: nn.ReLU, graph: Graph, x: str) -> str:
    return graph.add("Relu", x)


@add_layer.register
def _(layer: nn.MaxPool2d, graph: Graph, x: str) -> str:
    return graph.add("MaxPool", x, kernel_shape=_pair(layer.kernel_size), strides=_pair(layer.stride))


@add_layer.register
def _(layer: nn.AdaptiveAvgPool2d, graph: Graph, x: str) -> str:
    if _pair(layer.output_size) != [1, 1]:
        raise UnsupportedLayer("AdaptiveAvgPool2d to more than one pixel")
    return graph.add("GlobalAveragePool", x)


@add_layer.register
def _(layer: nn.Flatten, graph: Graph, x: str) -> str:
    return graph.add("Reshape", x, graph.constant([0, -1]))


@add_layer.register(nn.Identity)
@add_layer.register(nn.Dropout)
@add_layer.register(Dropout)
def _(layer: nn.Module, graph: Graph, x: str) -> str:
    return x


@add_layer.register
def _(layer: MeanMax, graph: Graph, x: str) -> str:
    mean, maximum = (graph.add(op, x, axes=[2, 3], keepdims=0) for op in ("ReduceMean", "ReduceMax"))
    return graph.add("Concat", mean, maximum, axis=1)


@add_layer.register
def _(layer: Places, graph: Graph, x: str) -> str:
    return graph.add("Reshape", graph.add("Transpose", x, perm=[0, 2, 3, 1]), graph.constant([0, -1]))


@add_layer.register
def _(layer: Halves, graph: Graph, x: str) -> str:
    x = graph.add("Reshape", x, graph.constant([0, 2, SYMBOLS, -1]))
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    return graph.add("Reshape", x, graph.constant([0, -1, SYMBOLS]))


def _pair(size: Any) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)
