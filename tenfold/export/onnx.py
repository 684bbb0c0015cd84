"""From a trained network to one ONNX file that takes raw pixels and gives probabilities."""

from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from tenfold.export.fuse import pooled_last
from tenfold.export.quiet import quiet
from tenfold.files import write_bytes
from tenfold.nets import Network


class Probabilities(nn.Module):
    """uint8 (B, 28, 28) to float32 (B, 10) that sum to 1; also to digitness (B,), 0 to 1, where the network has it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        if self.network.tells_digits:
            logits, digitness = self.network.heads(images)
            return logits.softmax(dim=1), digitness.sigmoid()
        return (self.network(images).softmax(dim=1),)


def export(network: Network, path: Path, metadata: dict[str, str]) -> None:
    """Write `network` as one ONNX file without external data, for any batch size, metadata inside."""
    example = torch.zeros(2, 28, 28, dtype=torch.uint8)
    sizes = {0: torch.export.Dim("batch")}
    module = Probabilities(_ready(network))
    names = ["images", "probabilities", *(["digitness"] if network.tells_digits else [])]
    write_onnx(module, example, names, sizes, path, metadata)


class LogProbabilities(nn.Module):
    """uint8 (B, 32, W) to float32 (B, W / 2, 11), W a multiple of 4."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, strips: Tensor) -> Tensor:
        logits: Tensor = self.network(strips)
        return logits.log_softmax(dim=2)


def export_line(network: Network, path: Path, metadata: dict[str, str]) -> None:
    """Write a network that reads rows, for any number of strips of any width that is a multiple of 4."""
    example = torch.zeros(2, 32, 64, dtype=torch.uint8)
    sizes = {0: torch.export.Dim("batch"), 2: 4 * torch.export.Dim("quarter", min=2)}
    module = LogProbabilities(_ready(network))
    write_onnx(module, example, ["strips", "log_probabilities"], sizes, path, metadata)


def _ready(network: Network) -> Network:
    """A copy as it is exported."""
    ready: Network = pooled_last(network).cpu().eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return ready


def write_onnx(
    module: nn.Module, example: Tensor, names: list[str], sizes: dict[int, Any], path: Path, metadata: dict[str, str]
) -> None:
    """names: of the input and of the outputs; sizes: the dimensions of the input that are free."""
    with quiet():  # the exporter reports its progress and warns of its own future
        program = torch.onnx.export(
            module.eval(),
            (example,),
            input_names=names[:1],
            output_names=names[1:],
            dynamic_shapes=(sizes,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.producer_name = "tenfold"
    onnx.helper.set_model_props(model, metadata)
    for node in model.graph.node:  # the exporter leaves stack traces with paths of the machine in each node
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())


def remember(path: Path, metadata: dict[str, str]) -> None:
    """Add to the metadata of an ONNX file."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {prop.key: prop.value for prop in model.metadata_props} | metadata)
    write_bytes(path, model.SerializeToString())
