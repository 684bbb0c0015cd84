"""Put a run's model among the weights that tenfold brings: python -m tenfold.training.bundle RUN NAME."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tenfold.weights
from tenfold.files import write_bytes

SMALL = 256  # tensors with fewer numbers stay as they are


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with its weights stored as float16: half the size. What has 8 bits stays as it is.

    ONNX Runtime turns them into float32 when it loads the model, so that speed stays the same; each weight is off by
    at most 1/2048 of itself, and those below 0.00006 by at most 0.00000003.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    casts = []
    for tensor in small.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALL:
            continue
        name, half = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *small.graph.node]
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    onnx.checker.check_model(small)
    return small


def main(run: str, name: str) -> None:
    model = halved(onnx.load(Path(run) / "model.onnx"))
    file = Path(tenfold.weights.__path__[0]) / f"{name}.onnx"
    write_bytes(file, model.SerializeToString())
    print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
