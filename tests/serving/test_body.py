import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from tenfold.serving.answers import Refused
from tenfold.serving.body import json_images

ROW = [0] * 28
IMAGE = [ROW] * 28


def images(value):
    return json_images(json.dumps({"images": value}).encode())


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=1, max_side=3).map(lambda shape: (*shape, 28, 28))))
def test_pixels_arrive_as_they_were_sent_nested_or_flat(pixels):
    np.testing.assert_array_equal(images(pixels.tolist()), pixels)
    np.testing.assert_array_equal(images(pixels.reshape(len(pixels), -1).tolist()), pixels)
    np.testing.assert_array_equal(images(pixels.astype(float).tolist()), pixels)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        "x" * 28,
        [],
        [[]],
        IMAGE,
        [[*[ROW] * 27, [0] * 27]],
        [[*[ROW] * 27, [0] * 29]],
        [[*[ROW] * 26, [0] * 27, [0] * 29]],  # as many numbers as an image has
        [[ROW] * 27],
        [[ROW] * 29],
        [IMAGE, [ROW] * 27],
        [[*[ROW] * 27, [256] * 28]],
        [[*[ROW] * 27, [-1] * 28]],
        [[*[ROW] * 27, [0.5] * 28]],
        [[*[ROW] * 27, "0" * 28]],
        [[*[ROW] * 27, None]],
        [[[True] * 28] * 28],
        [[*[ROW] * 27, [*[0] * 27, True]]],
        [[*[0] * 783, False]],
        {"0" * 28: IMAGE},
    ],
)
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(Refused, match="expected `images`"):
        images(wrong)
