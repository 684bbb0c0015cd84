import io
from base64 import b64decode

import numpy as np
from PIL import Image

from tenfold.report.images import mosaic, png_uri, samples_by_digit


def decoded(uri: str) -> np.ndarray:
    prefix, data = uri.split(",")
    assert prefix == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(b64decode(data))))


def test_png_uri_opacity_is_the_ink(digits):
    pixels = decoded(png_uri(digits.images[3]))
    assert (pixels[..., 1] == digits.images[3]).all()
    assert not pixels[..., 0].any()


def test_mosaic_order(digits):
    canvas = mosaic(digits.images[:5], columns=3, gap=2)
    assert canvas.shape == (2 * 28 + 2, 3 * 28 + 2 * 2)
    assert (canvas[:28, 60:88] == digits.images[2]).all()
    assert (canvas[30:, 30:58] == digits.images[4]).all()
    assert not canvas[:, 28:30].any()
    assert not canvas[30:, 60:].any()


def test_samples_by_digit(digits):
    samples = samples_by_digit(digits.subset([12, 5, 22, 2]))
    assert [digit for digit, _ in samples] == [2, 5]
    np.testing.assert_array_equal(samples[0][1], digits.images[[12, 22, 2]])
