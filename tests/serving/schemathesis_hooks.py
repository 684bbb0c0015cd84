"""What schemathesis sends where the API takes pictures: pictures, for it knows none. Loaded by test_openapi.py."""

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
