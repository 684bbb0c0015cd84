"""Whether an ONNX file wants weights from other files, found in its bytes: the core has no `onnx` package.

ONNX Runtime reads such files from the present folder even where the model comes as bytes.
"""

from collections.abc import Iterator

# The fields of ONNX' messages (onnx.proto) through which a tensor can be reached: number -> message.
FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # fields of a tensor


def has_external_data(content: bytes) -> bool:
    """Whether any tensor of the ONNX file `content` lies outside it. Raises ValueError for what is no protobuf."""
    whole = memoryview(content)
    to_read = [("model", whole)]
    while to_read:
        message, part = to_read.pop()
        for number, value in _fields(part):
            if message == "tensor" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0)):
                return True
            inner = FIELDS.get(message, {}).get(number)
            if inner and isinstance(value, memoryview):
                to_read.append((inner, value))
    return False


def _fields(part: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field of a protobuf message."""
    at = 0
    while at < len(part):
        tag, at = _varint(part, at)
        kind = tag & 7
        value: int | memoryview
        if kind == 0:
            value, at = _varint(part, at)
        elif kind in (1, 2, 5):
            size, at = _varint(part, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = part[at : at + size], at + size
        else:
            raise ValueError(f"a field of kind {kind} at byte {at}")
        if at > len(part):
            raise ValueError("cut short")
        yield tag >> 3, value


def _varint(part: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, seven bits a byte, and the place after it."""
    value = 0
    for i, byte in enumerate(part[at : at + 10]):
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            return value, at + i + 1
    raise ValueError("cut short")
