"""An ONNX graph that is written node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET = 13  # the lowest with a scale per channel in QuantizeLinear
IR_VERSION = 7  # the file format that came with it; ONNX Runtime 1.6 reads both

TensorType = tuple[int, Sequence[int | str]]  # element type and shape; a string is a dimension of any size


class Graph:
    """Nodes and initializers, with a unique name for every tensor."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[bytes, onnx.TensorProto] = {}  # by their content

    def add(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        output = output or f"{op.lower()}_{len(self._nodes)}"
        return self.add_split(op, *inputs, outputs=[output], **attributes)[0]

    def add_split(self, op: str, *inputs: str, outputs: list[str], **attributes: Any) -> list[str]:
        """Add a node with several outputs; returns their names."""
        self._nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    def constant(self, value: Tensor | NDArray[Any] | list[int] | float) -> str:
        """Add an initializer; returns its name. Floating point becomes float32; equal values are stored once."""
        array = np.asarray(value.detach().cpu().numpy() if isinstance(value, Tensor) else value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        tensor = numpy_helper.from_array(np.ascontiguousarray(array))
        content = tensor.SerializeToString(deterministic=True)
        if content not in self._initializers:
            tensor.name = f"constant_{len(self._initializers)}"
            self._initializers[content] = tensor
        return str(self._initializers[content].name)

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


def cast_to_float(graph: Graph, x: str) -> str:
    return graph.add("Cast", x, to=TensorProto.FLOAT)
