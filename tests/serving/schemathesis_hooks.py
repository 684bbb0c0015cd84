"""Strategies for media types that schemathesis can't generate: pictures. Loaded by test_openapi.py."""

import base64
import io

import numpy as np
import schemathesis
from hypothesis import strategies as st
from PIL import Image


def png(size, seed):
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def pictures(*sizes):
    return st.builds(png, st.sampled_from(sizes), st.integers(0, 1000))


schemathesis.openapi.media_type("image/*", pictures((28, 28), (1, 1), (40, 90)))
schemathesis.openapi.media_type("image/png", pictures((28, 28)))
schemathesis.openapi.media_type("application/octet-stream", pictures((28, 28)))
schemathesis.openapi.format("picture", pictures((40, 90)).map(lambda picture: base64.b64encode(picture).decode()))


@schemathesis.hook
def map_case(context, case):
    """Make positive cases valid: images and tensors of a shape that fits, and files that are pictures."""
    if not case.meta.generation.mode.is_positive:
        return case
    if case.operation.path.endswith("/infer"):
        for tensor in case.body["inputs"]:
            tensor |= {"shape": [1, 28, 28], "data": [0] * 784, "parameters": {}}
    for name in ("images", "instances"):
        if isinstance(case.body, dict) and name in case.body:
            case.body[name] = [[[0] * 28] * 28]
    if case.operation.path == "/v1/feedback" and isinstance(
        case.body, dict
    ):  # 5.0 is an integer of JSON Schema, but not of msgspec
        for name in ("label", "digit"):
            if isinstance(case.body.get(name), float):
                case.body[name] = int(case.body[name])
    if case.media_type == "multipart/form-data":
        case.body["picture"] = png((40, 90), 1)
    return case
