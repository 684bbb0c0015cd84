"""Open Inference Protocol, version 2, over HTTP: what clients of KServe and Triton speak.

https://github.com/kserve/open-inference-protocol; binary tensors as Triton's extension of it has them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from tenfold.images import CLASSES, SIDE, Images
from tenfold.serving import parsing as body
from tenfold.serving.engine import Engine
from tenfold.serving.errors import Busy, Json
from tenfold.serving.settings import Limits

JSON_LENGTH = "inference-header-content-length"  # the body is that much JSON, then the tensors' bytes
IMAGES, PROBABILITIES = "images", "probabilities"


class Protocol:
    """The endpoints of the one model, which is always `digits` here, whatever its file is called."""

    name = "digits"
    paths = (f"/v2/models/{name}", f"/v2/models/{name}/versions/1")

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine, self._limits = engine, limits

    def metadata(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": IMAGES, "datatype": "UINT8", "shape": [-1, SIDE, SIDE]}],
            "outputs": [{"name": PROBABILITIES, "datatype": "FP32", "shape": [-1, CLASSES]}],
        }

    async def infer(self, request: Request) -> Response:
        """Images of digits in, probabilities out, as the Open Inference Protocol has it."""
        if self._engine.images.is_full:
            raise Busy
        content = await body.whole(request, self._limits.images * body.PIXELS * 8)
        length = request.headers.get(JSON_LENGTH)
        asked, images = await body.aside(lambda content: _asked(content, length), content)
        if len(images) > self._limits.images:
            raise body.invalid(f"expected at most {self._limits.images:,} images in a request, got {len(images):,}")
        if not isinstance(asked.get("id", ""), str):
            raise body.invalid("expected a string as `id`")
        binary = _wants_binary(asked)
        probabilities = await self._engine.predict(images)
        output: dict[str, Any] = {"name": PROBABILITIES, "datatype": "FP32", "shape": probabilities.shape}
        answer = {"model_name": self.name, "model_version": "1", "outputs": [output]}
        if "id" in asked:
            answer["id"] = asked["id"]
        if not binary:
            return Json(answer | {"outputs": [output | {"data": probabilities.ravel()}]})
        output["parameters"] = {"binary_data_size": probabilities.nbytes}
        head = orjson.dumps(answer)
        return Response(
            head + probabilities.astype("<f4").tobytes(),
            media_type="application/octet-stream",
            headers={JSON_LENGTH: str(len(head))},
        )


def _asked(content: bytes, length: str | None) -> tuple[dict[str, Any], Images]:
    """The JSON part of a body, and the images that are in it or after it. Raises Refused (400, 422)."""
    asked, tensors = _split(content, length)
    return asked, _images(asked, tensors)


def _split(content: bytes, length: str | None) -> tuple[dict[str, Any], bytes]:
    """The JSON part of a body, and the bytes of tensors after it."""
    if length is None:
        return body.json(content), b""
    if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > len(content):
        raise body.invalid(f"{JSON_LENGTH}: {length[:20]!r} is no length within the body's {len(content):,} bytes")
    return body.json(content[: int(length)]), content[int(length) :]


def _images(asked: dict[str, Any], tensors: bytes) -> Images:
    inputs = asked.get("inputs")
    if not (isinstance(inputs, list) and len(inputs) == 1 and isinstance(inputs[0], dict)):
        raise body.invalid(f"expected one input, {IMAGES!r}")
    given = inputs[0]
    shape = given.get("shape")
    if isinstance(shape, list):
        shape = [body.whole_number(side) for side in shape]
    if given.get("name") != IMAGES or given.get("datatype") != "UINT8":
        raise body.invalid(f"expected the input {IMAGES!r} of datatype UINT8")
    if not (isinstance(shape, list) and len(shape) == 3 and shape[1:] == [SIDE, SIDE] and (shape[0] or 0) > 0):
        raise body.invalid(f"{IMAGES}: expected the shape [N, {SIDE}, {SIDE}], got {shape}")
    pixels = shape[0] * SIDE * SIDE
    size = _parameters(given).get("binary_data_size")
    if tensors or size is not None:
        if size != pixels or len(tensors) != pixels:
            raise body.invalid(
                f"{IMAGES}: the shape {shape} takes {pixels:,} bytes as `binary_data_size` and behind the JSON, "
                f"got {size!r} and {len(tensors):,}"
            )
        return np.frombuffer(tensors, np.uint8).reshape(shape)
    numbers = body.gray_levels(given.get("data"))  # nested or flat
    if numbers is None or numbers.size != pixels:
        raise body.invalid(f"{IMAGES}: expected {pixels:,} whole numbers from 0 to 255 as `data`")
    return numbers.reshape(shape)


def _wants_binary(asked: dict[str, Any]) -> bool:
    outputs = asked.get("outputs")
    if not outputs:
        return bool(_parameters(asked).get("binary_data_output"))
    if not (isinstance(outputs, list) and len(outputs) == 1 and isinstance(outputs[0], dict)):
        raise body.invalid(f"expected one output, {PROBABILITIES!r}")
    if outputs[0].get("name") != PROBABILITIES:
        raise body.invalid(f"there is no output {outputs[0].get('name')!r}; here is {PROBABILITIES!r}")
    parameters = _parameters(outputs[0])
    if parameters.get("classification"):
        raise body.invalid("the classification extension is not supported")
    return bool(parameters.get("binary_data"))


def _parameters(part: dict[str, Any]) -> dict[str, Any]:
    parameters = part.get("parameters", {})
    if not isinstance(parameters, dict):
        raise body.invalid("expected an object as `parameters`")
    return parameters
