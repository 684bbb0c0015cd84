import io
from base64 import b64decode

import numpy as np
from PIL import Image

from tenfold.report.images import data_uri, mosaic, picture, samples_by_digit


def decoded(uri: str) -> np.ndarray:
    prefix, data = uri.split(",")
    assert prefix == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(b64decode(data))))


def test_the_ink_is_the_opacity(digits):
    pixels = decoded(data_uri(digits.images[3]))
    assert (pixels[..., 1] == digits.images[3]).all()
    assert not pixels[..., 0].any()


def test_mosaic_places_row_by_row(digits):
    canvas = mosaic(digits.images[:5], columns=3, gap=2)
    assert canvas.shape == (2 * 28 + 2, 3 * 28 + 2 * 2)
    assert (canvas[:28, 60:88] == digits.images[2]).all()
    assert (canvas[30:, 30:58] == digits.images[4]).all()
    assert not canvas[:, 28:30].any()
    assert not canvas[30:, 60:].any()


def test_picture_keeps_the_size_it_promises_and_escapes_its_alt(digits, parse):
    (image,) = parse(picture(digits.images[0], 'a "<7>"', 3)).all("img")
    assert (image["width"], image["height"], image["alt"], image["class"]) == ("84", "84", 'a "<7>"', "ink")


def test_samples_show_rows_of_their_digit(digits, parse):
    images = parse(samples_by_digit(digits.subset([12, 5, 22, 2]), "Rows")).all("img")
    assert [image["alt"] for image in images] == ["Rows of the digit 2", "Rows of the digit 5"]
    # The rows in the order of the data set: 12, 22, 2.
    strip = decoded(images[0]["src"])[..., 1]
    assert (strip == mosaic(digits.images[[12, 22, 2]], columns=3, gap=4)).all()
