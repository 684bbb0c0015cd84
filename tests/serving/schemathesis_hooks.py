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
# A picture for /v1/read, and 784 bytes for endpoints that expect pixels.
schemathesis.openapi.media_type(
    "application/octet-stream", pictures((9, 9)).map(lambda picture: picture.ljust(784, b"\0"))
)
schemathesis.openapi.format("picture", pictures((40, 90)).map(lambda picture: base64.b64encode(picture).decode()))


@schemathesis.hook
def map_case(context, case):
    """Make positive cases valid: tensors of the size that their shape says, and files that are pictures."""
    if not case.meta.generation.mode.is_positive:
        return case
    if case.operation.path.endswith("/infer"):
        for tensor in case.body["inputs"]:
            tensor |= {"shape": [1, 28, 28], "data": [0] * 784, "parameters": {}}
    if case.media_type == "multipart/form-data":
        case.body["picture"] = png((40, 90), 1)
    return case
