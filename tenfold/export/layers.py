"""PyTorch layers as ONNX nodes, with a converter for each type of layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

from tenfold.export.graph import Graph
from tenfold.nets.ctc import CLASSES, SplitTimeSteps
from tenfold.nets.layers import (
    AvgMaxPool,
    ChannelsLastFlatten,
    Dropout,
    NormalizeColumns,
    Standardize,
    StandardizePerPixel,
    Temperature,
)
from tenfold.nets.resnet import ResidualBlock


class UnsupportedLayer(Exception):
    """A layer that has no converter; the message is its type."""


Converter = Callable[[Graph, Any, str], str]  # (graph, layer, name of the input) -> name of the output
CONVERTERS: dict[type[nn.Module], Converter] = {}


def converts(*types: type[nn.Module]) -> Callable[[Converter], Converter]:
    """Register a converter for layers of exactly these types: a subclass may compute something else."""

    def register(converter: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(types, converter))
        return converter

    return register


def add_layer(graph: Graph, layer: nn.Module, x: str) -> str:
    """Add a layer; returns the name of its output. Raises UnsupportedLayer."""
    if type(layer) not in CONVERTERS:
        raise UnsupportedLayer(type(layer).__name__)
    return CONVERTERS[type(layer)](graph, layer, x)


@converts(nn.Sequential)
def add_layers(graph: Graph, layers: Sequence[nn.Module], x: str) -> str:
    """Add layers in order, each batch norm folded into the convolution or linear layer before it."""
    for layer in _fold_norms(_pool_last(layers)):
        x = add_layer(graph, layer, x)
    return x


def _pool_last(layers: Sequence[nn.Module]) -> list[Any]:
    """The layers with pooling behind the batch norm and ReLU that follow it, where that changes no value.

    Batch norm with positive weights and ReLU never decrease, so the maximum can be taken after them, and runtimes fuse
    them with the convolution. In training, pooling first leaves them a quarter of the work.
    """
    ordered: list[Any] = list(layers)
    for i in range(len(ordered) - 2):
        pool, norm, relu = ordered[i : i + 3]
        types = (type(pool), type(norm), type(relu))
        if types == (nn.MaxPool2d, nn.BatchNorm2d, nn.ReLU) and bool((norm.weight > 0).all()):
            ordered[i : i + 3] = norm, relu, pool
    return ordered


def _fold_norms(layers: Sequence[Any]) -> list[Any]:
    """The layers without the batch norms that follow a convolution or a linear layer; those get new weights."""
    folded: list[Any] = []
    for layer in layers:
        types = (type(folded[-1]) if folded else None, type(layer))
        if types == (nn.Conv2d, nn.BatchNorm2d):
            folded[-1] = fuse_conv_bn_eval(folded[-1], layer)
        elif types == (nn.Linear, nn.BatchNorm1d):
            folded[-1] = fuse_linear_bn_eval(folded[-1], layer)
        else:
            folded.append(layer)
    return folded


@converts(nn.Conv2d)
def _add_convolution(graph: Graph, layer: nn.Conv2d, x: str) -> str:
    if layer.padding_mode != "zeros":
        raise UnsupportedLayer(repr(layer))
    return graph.add(
        "Conv",
        x,
        graph.constant(layer.weight),
        *([] if layer.bias is None else [graph.constant(layer.bias)]),
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
        pads=_padding(layer),
        group=layer.groups,
    )


def _padding(layer: nn.Conv2d) -> list[int]:
    """Top, left, bottom, right."""
    if layer.padding == "same":
        total = [step * (size - 1) for step, size in zip(layer.dilation, layer.kernel_size, strict=True)]
        before = [size // 2 for size in total]
        return before + [size - first for size, first in zip(total, before, strict=True)]
    return [0, 0, 0, 0] if isinstance(layer.padding, str) else list(layer.padding) * 2


@converts(nn.Linear)
def _add_linear(graph: Graph, layer: nn.Linear, x: str) -> str:
    bias = [] if layer.bias is None else [graph.constant(layer.bias)]
    return graph.add("Gemm", x, graph.constant(layer.weight), *bias, transB=1)


@converts(nn.BatchNorm2d)
def _add_batch_norm(graph: Graph, layer: nn.BatchNorm2d, x: str) -> str:
    if layer.running_mean is None or layer.running_var is None or not layer.affine:
        raise UnsupportedLayer(repr(layer))
    tensors = [graph.constant(tensor) for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var)]
    return graph.add("BatchNormalization", x, *tensors, epsilon=layer.eps)


@converts(nn.ReLU)
def _add_relu(graph: Graph, layer: nn.ReLU, x: str) -> str:
    return graph.add("Relu", x)


@converts(nn.LeakyReLU)
def _add_leaky_relu(graph: Graph, layer: nn.LeakyReLU, x: str) -> str:
    return graph.add("LeakyRelu", x, alpha=layer.negative_slope)


@converts(nn.ELU)
def _add_elu(graph: Graph, layer: nn.ELU, x: str) -> str:
    return graph.add("Elu", x, alpha=layer.alpha)


@converts(nn.Tanh)
def _add_tanh(graph: Graph, layer: nn.Tanh, x: str) -> str:
    return graph.add("Tanh", x)


@converts(nn.Sigmoid)
def _add_sigmoid(graph: Graph, layer: nn.Sigmoid, x: str) -> str:
    return graph.add("Sigmoid", x)


@converts(nn.SiLU)
def _add_silu(graph: Graph, layer: nn.SiLU, x: str) -> str:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


@converts(nn.GELU)
def _add_gelu(graph: Graph, layer: nn.GELU, x: str) -> str:
    """GELU is x Φ(x), written out: ONNX has Gelu only from operator set 20 on."""
    if layer.approximate != "none":
        raise UnsupportedLayer(repr(layer))
    erf = graph.add("Erf", graph.add("Div", x, graph.constant(math.sqrt(2))))
    twice_phi = graph.add("Add", erf, graph.constant(1.0))
    return graph.add("Mul", graph.add("Mul", x, graph.constant(0.5)), twice_phi)


@converts(nn.MaxPool2d)
def _add_max_pool(graph: Graph, layer: nn.MaxPool2d, x: str) -> str:
    if layer.padding or layer.dilation != 1 or layer.ceil_mode or layer.return_indices:
        raise UnsupportedLayer(repr(layer))
    return graph.add("MaxPool", x, kernel_shape=_pair(layer.kernel_size), strides=_pair(layer.stride))


@converts(nn.AvgPool2d)
def _add_average_pool(graph: Graph, layer: nn.AvgPool2d, x: str) -> str:
    if layer.padding or layer.ceil_mode or layer.divisor_override:
        raise UnsupportedLayer(repr(layer))
    return graph.add("AveragePool", x, kernel_shape=_pair(layer.kernel_size), strides=_pair(layer.stride))


@converts(nn.AdaptiveAvgPool2d)
def _add_global_average_pool(graph: Graph, layer: nn.AdaptiveAvgPool2d, x: str) -> str:
    if _pair(layer.output_size) != [1, 1]:
        raise UnsupportedLayer(repr(layer))
    return graph.add("GlobalAveragePool", x)


@converts(nn.Flatten)
def _add_flatten(graph: Graph, layer: nn.Flatten, x: str) -> str:
    if (layer.start_dim, layer.end_dim) != (1, -1):
        raise UnsupportedLayer(repr(layer))
    return graph.add("Reshape", x, graph.constant([0, -1]))


@converts(nn.Identity, nn.Dropout, Dropout)
def _add_nothing(graph: Graph, layer: nn.Module, x: str) -> str:
    return x


@converts(Standardize)
def _add_standardize(graph: Graph, layer: Standardize, x: str) -> str:
    if layer.mean.any():
        x = graph.add("Sub", x, graph.constant(layer.mean))
    return graph.add("Div", x, graph.constant(layer.deviation))


@converts(StandardizePerPixel)
def _add_standardize_per_pixel(graph: Graph, layer: StandardizePerPixel, x: str) -> str:
    x = graph.add("Div", graph.add("Sub", x, graph.constant(layer.mean)), graph.constant(layer.deviation))
    return graph.add("Clip", x, graph.constant(-10.0), graph.constant(10.0))


@converts(Temperature)
def _add_temperature(graph: Graph, layer: Temperature, x: str) -> str:
    return graph.add("Div", x, graph.constant(layer.temperature))


@converts(NormalizeColumns)
def _add_normalize_columns(graph: Graph, layer: NormalizeColumns, x: str) -> str:
    x = graph.add("Div", x, graph.constant(255.0))
    norms = graph.add("ReduceL2", x, axes=[2], keepdims=1)
    return graph.add("Div", x, graph.add("Max", norms, graph.constant(1e-6)))


@converts(AvgMaxPool)
def _add_avg_max_pool(graph: Graph, layer: AvgMaxPool, x: str) -> str:
    mean, maximum = (graph.add(op, x, axes=[2, 3], keepdims=0) for op in ("ReduceMean", "ReduceMax"))
    return graph.add("Concat", mean, maximum, axis=1)


@converts(ResidualBlock)
def _add_residual_block(graph: Graph, layer: ResidualBlock, x: str) -> str:
    total = graph.add("Add", add_layer(graph, layer.residual, x), add_layer(graph, layer.shortcut, x))
    return add_layer(graph, layer.activation, total)


@converts(ChannelsLastFlatten)
def _add_channels_last_flatten(graph: Graph, layer: ChannelsLastFlatten, x: str) -> str:
    return graph.add("Reshape", graph.add("Transpose", x, perm=[0, 2, 3, 1]), graph.constant([0, -1]))


@converts(SplitTimeSteps)
def _add_split_time_steps(graph: Graph, layer: SplitTimeSteps, x: str) -> str:
    x = graph.add("Reshape", x, graph.constant([0, 2, CLASSES, -1]))
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    return graph.add("Reshape", x, graph.constant([0, -1, CLASSES]))


def _pair(size: Any) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)
