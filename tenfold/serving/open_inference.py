"""The Open Inference Protocol, version 2, over HTTP, for clients of KServe and Triton.

https://github.com/kserve/open-inference-protocol; binary tensors as in Triton's extension of it.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from tenfold.images import CLASSES, SIDE, Images
from tenfold.serving.bodies import decode_json, get_header, parse, read_body
from tenfold.serving.engine import Engine
from tenfold.serving.errors import InvalidBody, JSONResponse, QueueFull, encode_json
from tenfold.serving.parsing import MAX_JSON_BYTES, Array, check_count, to_array, to_images
from tenfold.serving.schemas import InferRequest, InputTensor
from tenfold.serving.settings import Limits

JSON_LENGTH = "inference-header-content-length"  # so many bytes of the body are JSON; the tensors' bytes follow
DTYPES: dict[str, np.dtype[Any]] = {"UINT8": np.dtype(np.uint8), "FP32": np.dtype("<f4")}
DECODER = msgspec.json.Decoder(InferRequest)


class OpenInference:
    """The endpoints of the one model, which is called `digits` here, whatever its file's name is."""

    name = "digits"
    paths = (f"/v2/models/{name}", f"/v2/models/{name}/versions/1")

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine, self._limits = engine, limits

    def metadata(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, SIDE, SIDE]}],
            "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, CLASSES]}],
        }

    async def infer(self, request: Request) -> Response:
        """Classify 28x28 images of digits, as in the Open Inference Protocol."""
        if self._engine.images.is_full:
            raise QueueFull
        body = await read_body(request, self._limits.images * MAX_JSON_BYTES)
        length = get_header(request, JSON_LENGTH.encode())
        document, images, warnings = await parse(lambda body: _parse(body, length), body)
        check_count(images, self._limits)
        binary = _wants_binary(document)
        return self._response(document, await self._engine.predict(images), warnings, binary)

    def _response(
        self, document: InferRequest, probabilities: NDArray[np.float32], warnings: list[str], binary: bool
    ) -> Response:
        output: dict[str, Any] = {"name": "probabilities", "datatype": "FP32", "shape": probabilities.shape}
        content: dict[str, Any] = {"model_name": self.name, "model_version": "1", "outputs": [output]}
        if document.id is not UNSET:
            content["id"] = document.id
        if warnings:  # parameters of the protocol are no lists
            content["parameters"] = {"warnings": "; ".join(warnings)}
        if not binary:
            output["data"] = probabilities.ravel()
            return JSONResponse(content)
        output["parameters"] = {"binary_data_size": probabilities.nbytes}
        head = encode_json(content)
        return Response(
            head + probabilities.astype("<f4").tobytes(),
            media_type="application/octet-stream",
            headers={JSON_LENGTH: str(len(head))},
        )


def _parse(body: bytes, length: str) -> tuple[InferRequest, Images, list[str]]:
    """The JSON part of a body, the images in it or behind it, and what was done to them. Raises APIError."""
    tensors = b""
    if length:
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > len(body):
            raise InvalidBody(f"{JSON_LENGTH}: {length[:20]!r} is not a length within the body's {len(body):,} bytes")
        body, tensors = body[: int(length)], body[int(length) :]
    document = decode_json(body, DECODER)
    images, warnings = to_images(_tensor(document.inputs[0], tensors))
    return document, images, warnings


def _tensor(tensor: InputTensor, tensors: bytes) -> Array:
    """The values in the JSON or behind it, in the tensor's shape. Raises InvalidBody."""
    shape = [int(size) for size in tensor.shape]
    size = tensor.parameters.get("binary_data_size")
    if not tensors and size is None:
        values = to_array([] if tensor.data is UNSET else tensor.data)
        if values.size != math.prod(shape):
            raise InvalidBody(f"images: expected {math.prod(shape):,} numbers as `data`, got {values.size:,}")
        return values.reshape(shape)
    dtype = DTYPES[tensor.datatype]
    length = math.prod(shape) * dtype.itemsize
    if size != length or len(tensors) != length:
        raise InvalidBody(
            f"images: the shape {shape} takes {length:,} bytes as `binary_data_size` and behind the JSON, "
            f"got {size!r:.20} and {len(tensors):,}"
        )
    return np.frombuffer(tensors, dtype).reshape(shape)


def _wants_binary(document: InferRequest) -> bool:
    if not document.outputs:
        return bool(document.parameters.get("binary_data_output"))
    parameters = document.outputs[0].parameters
    if parameters.get("classification"):
        raise InvalidBody("the classification extension is not supported")
    return bool(parameters.get("binary_data"))
