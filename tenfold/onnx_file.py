"""The content of an ONNX file, read and extended without the package `onnx`, which prediction does not need.

An ONNX file is one protobuf message (onnx.proto): https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# The fields through which a tensor can be reached: number -> message.
MESSAGE_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # fields of a tensor
GRAPH = 7  # field of a model
NODE, OUTPUT = 1, 12  # fields of a graph
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR = 1, 2, 4  # fields of a node
VALUE_NAME = 1  # field of an output
FIXED_SIZES = {1: 8, 5: 4}  # bytes of a protobuf value by its wire type
VARINT, LENGTH_DELIMITED = 0, 2  # the other wire types
WEIGHTED = {"Gemm", "MatMul", "Conv"}  # operators of layers with weights


@dataclass(frozen=True)
class Node:
    operator: str
    inputs: list[str]
    outputs: list[str]


def has_external_data(content: bytes) -> bool:
    """Whether any tensor of the ONNX file `content` is stored outside it. Raises ValueError for invalid protobuf."""
    messages = [("model", memoryview(content))]
    while messages:
        message, data = messages.pop()
        for number, value in _read_fields(data):
            if message == "tensor" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0)):
                return True
            inner = MESSAGE_FIELDS.get(message, {}).get(number)
            if inner and isinstance(value, memoryview):
                messages.append((inner, value))
    return False


def read_nodes(content: bytes) -> list[Node]:
    """The nodes of the graph, in order."""
    graphs = _submessages(memoryview(content), GRAPH)
    return [_read_node(node) for graph in graphs for node in _submessages(graph, NODE)]


def last_layer_inputs(nodes: Sequence[Node], output: str) -> list[str]:
    """What the last layers with weights before `output` are given: the features, one tensor for each network."""
    producers = {name: node for node in nodes for name in node.outputs}
    found, waiting, seen = [], [output], set()
    while waiting:
        name = waiting.pop(0)
        node = producers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if node.operator in WEIGHTED:
            found.append(node.inputs[0])
        else:
            waiting += node.inputs
    return list(dict.fromkeys(found))


def with_outputs(content: bytes, names: Sequence[str]) -> bytes:
    """The file with more of the graph's tensors as outputs.

    Protobuf merges a message that is there twice, so a second graph that has nothing but outputs is appended.
    """
    values = b"".join(_field(OUTPUT, _field(VALUE_NAME, name.encode())) for name in names)
    return content + _field(GRAPH, values)


def _read_node(data: memoryview) -> Node:
    text: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], NODE_OPERATOR: []}
    for number, value in _read_fields(data):
        if number in text and isinstance(value, memoryview):
            text[number].append(bytes(value).decode())
    return Node("".join(text[NODE_OPERATOR]), text[NODE_INPUT], text[NODE_OUTPUT])


def _submessages(data: memoryview, field: int) -> list[memoryview]:
    return [value for number, value in _read_fields(data) if number == field and isinstance(value, memoryview)]


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def _read_fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field of a protobuf message."""
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        wire_type = tag & 7
        value: int | memoryview
        if wire_type == VARINT:
            value, position = _read_varint(data, position)
        elif wire_type == LENGTH_DELIMITED or wire_type in FIXED_SIZES:
            size = FIXED_SIZES.get(wire_type)
            if size is None:
                size, position = _read_varint(data, position)
            value, position = data[position : position + size], position + size
        else:
            raise ValueError("it is not protobuf")
        if position > len(data):
            raise ValueError("the file is truncated")
        yield tag >> 3, value


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """The number at `position`, seven bits per byte, and the position after it."""
    value = 0
    for i, byte in enumerate(data[position : position + 10]):
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            return value, position + i + 1
    raise ValueError("the file is truncated")
