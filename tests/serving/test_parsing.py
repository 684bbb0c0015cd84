import base64
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from tenfold.serving.errors import Busy, Refused
from tenfold.serving.parsing import HELD, Held, json_images

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
        [[*[0] * 783, 2**63]],
        [[*[0] * 783, -(10**300)]],
    ],
)
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(Refused, match="expected `images`"):
        images(wrong)


def test_a_long_string_among_numbers_costs_no_memory():
    """NumPy alone would make a string of that length of each number: here 4 GB."""
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="expected `images`"):
            images(["a" * 10_000, *[1] * 100_000])
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_long_bodies_that_are_held_have_a_limit_together():
    held, one, two = Held(100), {}, {}
    held.take(one, 60)
    held.take(two, 30)
    with pytest.raises(Busy):
        held.take(two, 11)
    held.release(one)
    held.take(two, 11)
    held.release(two)
    held.release(two)  # no more than once
    assert held.bytes == 0


def test_a_long_body_is_held_until_its_request_is_answered(client, monkeypatch):
    sizes = []
    take = Held.take
    monkeypatch.setattr(Held, "take", lambda self, *args: (take(self, *args), sizes.append(self.bytes)))
    picture = bytes(3_000_000)
    assert client.post("/v1/read", content=picture, headers={"Content-Type": "image/png"}).status_code == 422
    feedback = {"picture": base64.b64encode(picture).decode(), "truth": 1}
    assert client.post("/v1/feedback", json=feedback).status_code in (404, 422)
    assert max(sizes) >= 3_000_000
    assert HELD.bytes == 0
    monkeypatch.setattr(HELD, "most", 1_000_000)
    refused = client.post("/v1/read", content=picture, headers={"Content-Type": "image/png"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert HELD.bytes == 0
