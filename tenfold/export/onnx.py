"""A trained network as one ONNX file that takes raw pixels and returns probabilities.

The graph is written node by node (`layers.py`): PyTorch's exporter takes seconds where this takes milliseconds. It
still exports networks with layers that have no converter.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto
from torch import Tensor, nn

from tenfold.errors import RecipeError, UnavailableError
from tenfold.export.graph import IR_VERSION, OPSET, Graph, TensorType, cast_to_float
from tenfold.export.layers import UnsupportedLayer, add_layer
from tenfold.files import write_bytes
from tenfold.images import CLASSES, SIDE
from tenfold.nets import Ensemble, Network
from tenfold.nets.network import TTA_SHIFTS, LineNetwork

STRIP_HEIGHT = 32
OLDEST_RUNTIME = "1.16"  # of ONNX Runtime, that the tests load models with


def export(network: Network, path: Path, metadata: dict[str, str]) -> None:
    """Write a network as one ONNX file without external data, metadata inside; the network stays as it is.

    Of single digits: input `images`, uint8 (B, 28, 28); outputs `probabilities`, float32 (B, 10), and, if the network
    has that head, `digitness`, float32 (B,). Of lines: input `strips`, uint8 (B, 32, W), W a multiple of 4; output
    `log_probabilities`, float32 (B, W / 2, 11). Raises UnavailableError if a layer has no converter and the package
    onnxscript is missing, and RecipeError if PyTorch can't export the network.
    """
    write_bytes(path, to_onnx(network, metadata))


def to_onnx(network: Network, metadata: dict[str, str]) -> bytes:
    """The content of the file that `export` writes."""
    network = copy.deepcopy(network).cpu().eval()
    try:
        model = line_model(network, metadata) if isinstance(network, LineNetwork) else digit_model(network, metadata)
    except UnsupportedLayer as layer:
        model = traced_model(network, metadata, str(layer))
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def line_model(network: LineNetwork, metadata: dict[str, str]) -> onnx.ModelProto:
    """The ONNX model of a network of lines in evaluation mode. Raises UnsupportedLayer."""
    graph = Graph()
    pixels = graph.add("Unsqueeze", cast_to_float(graph, "strips"), graph.constant([1]))
    logits = add_layer(graph, network.body, add_layer(graph, network.normalize, pixels))
    graph.add("LogSoftmax", logits, output="log_probabilities", axis=2)
    return graph.to_model(
        {"strips": (TensorProto.UINT8, ["batch", STRIP_HEIGHT, "width"])},
        {"log_probabilities": (TensorProto.FLOAT, ["batch", "steps", CLASSES + 1])},
        metadata,
    )


def digit_model(network: Network, metadata: dict[str, str]) -> onnx.ModelProto:
    """The ONNX model of a network or an ensemble in evaluation mode. Raises UnsupportedLayer."""
    graph = Graph()
    members = list(network) if isinstance(network, Ensemble) else [network]
    images = graph.add("Unsqueeze", cast_to_float(graph, "images"), graph.constant([1]))
    outputs = [_add_heads(graph, member, images) for member in members]
    # The ensemble's logits are the logarithm of its members' mean probabilities; softmax gives these again.
    graph.add("Mean", *(probabilities for probabilities, _ in outputs), output="probabilities")
    types: dict[str, TensorType] = {"probabilities": (TensorProto.FLOAT, ["batch", CLASSES])}
    if network.has_digitness_head:
        graph.add("Mean", *(digitness for _, digitness in outputs if digitness), output="digitness")
        types["digitness"] = (TensorProto.FLOAT, ["batch"])
    return graph.to_model({"images": (TensorProto.UINT8, ["batch", SIDE, SIDE])}, types, metadata)


def _add_heads(graph: Graph, network: Network, images: str) -> tuple[str, str | None]:
    """Probabilities (B, 10) and digitness (B,), if the network has it, of images (B, 1, 28, 28)."""
    uses_tta = network.tta > 1
    pixels = _add_shifts(graph, images) if uses_tta else images
    logits = add_layer(graph, network.body, add_layer(graph, network.normalize, pixels))
    outputs = network.outputs
    if uses_tta:
        logits = graph.add("Reshape", logits, graph.constant([len(TTA_SHIFTS), -1, outputs]))
        logits = graph.add("ReduceMean", logits, axes=[0], keepdims=0)
    if not network.has_digitness_head:
        return graph.add("Softmax", logits, axis=1), None
    names = [f"{logits}_digit", f"{logits}_digitness"]
    digit, digitness = graph.add_split("Split", logits, graph.constant([CLASSES, 1]), outputs=names, axis=1)
    probability = graph.add("Sigmoid", graph.add("Squeeze", digitness, graph.constant([1])))
    return graph.add("Softmax", digit, axis=1), probability


def _add_shifts(graph: Graph, images: str) -> str:
    """Images (B, 1, 28, 28) moved by each of TTA_SHIFTS, one after the other (5 B, 1, 28, 28); black comes in."""
    padded = graph.add("Pad", images, graph.constant([0, 0, 1, 1, 0, 0, 1, 1]), mode="constant")
    axes = graph.constant([2, 3])
    shifted = [
        graph.add("Slice", padded, graph.constant([1 + y, 1 + x]), graph.constant([1 + y + SIDE, 1 + x + SIDE]), axes)
        for y, x in TTA_SHIFTS
    ]
    return graph.add("Concat", *shifted, axis=0)


class Probabilities(nn.Module):
    """uint8 (B, 28, 28) to float32 (B, 10) that sum to 1, and digitness (B,) if the network has that head."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        if self.network.has_digitness_head:
            logits, digitness = self.network.forward_heads(images)
            return logits.softmax(dim=1), digitness.sigmoid()
        return (self.network(images).softmax(dim=1),)


def traced_model(network: Network, metadata: dict[str, str], layer: str) -> onnx.ModelProto:
    """The ONNX model by PyTorch's exporter, for a network with a `layer` of another kind.

    Raises UnavailableError, RecipeError.
    """
    names = ["images", "probabilities", *(["digitness"] if network.has_digitness_head else [])]
    sizes: tuple[dict[int, Any]] = ({0: torch.export.Dim("batch")},)
    try:
        with _quiet():
            program = torch.onnx.export(
                Probabilities(network).eval(),
                (torch.zeros(2, SIDE, SIDE, dtype=torch.uint8),),
                input_names=names[:1],
                output_names=names[1:],
                dynamic_shapes=sizes,
                dynamo=True,
                verbose=False,
            )
    except ImportError:  # PyTorch raises its own for a missing package
        raise UnavailableError(
            f"to export the layer {layer}, PyTorch needs another package; install it with: pip install onnxscript"
        ) from None
    except Exception as error:  # of many kinds, raised by the user's own code among others
        reason = str(error.__cause__ or error).splitlines()[0][:120]
        raise RecipeError(f"the layer {layer} can't be exported to ONNX by PyTorch ({reason})") from error
    assert program is not None
    model = program.model_proto
    model.producer_name = "tenfold"
    onnx.helper.set_model_props(model, metadata)
    for node in model.graph.node:  # the exporter leaves stack traces with paths of the machine in each node
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model)
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch's exporter logs every optional package that is missing, and warns of its own deprecated calls."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


def add_metadata(path: Path, metadata: dict[str, str]) -> None:
    """Add to the metadata of an ONNX file."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {prop.key: prop.value for prop in model.metadata_props} | metadata)
    write_bytes(path, model.SerializeToString(deterministic=True))


def describe_format(path: Path) -> str:
    """The versions of an ONNX file's format and operators, and what loads it, for a model card."""
    model = onnx.load(path)
    opset = max(imported.version for imported in model.opset_import if not imported.domain)
    ours = (model.ir_version, opset) == (IR_VERSION, OPSET)
    runtimes = f"; ONNX Runtime {OLDEST_RUNTIME} and newer load it" if ours else ""
    return f"IR version {model.ir_version}, operator set {opset}{runtimes}"
