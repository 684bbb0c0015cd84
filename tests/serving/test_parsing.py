import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from tenfold.serving.errors import APIError, InvalidBody, QueueFull
from tenfold.serving.parsing import BODY_BUDGET, BodyBudget, parse_json_images, parse_png_image

ROW = [0] * 28
IMAGE = [ROW] * 28


def images(value):
    return parse_json_images(json.dumps({"images": value}).encode())


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=1, max_side=3).map(lambda shape: (*shape, 28, 28))))
def test_parse_json_images_nested_or_flat(pixels):
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
def test_parse_json_images_refuses(wrong):
    with pytest.raises(InvalidBody):
        images(wrong)


def test_parse_json_images_with_long_string_needs_little_memory():
    tracemalloc.start()
    try:
        with pytest.raises(InvalidBody):
            images(["a" * 10_000, *[1] * 100_000])
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_body_budget_limits_all_bodies_together():
    budget, first, second = BodyBudget(100), {}, {}
    budget.take(first, 60)
    budget.take(second, 30)
    with pytest.raises(QueueFull):
        budget.take(second, 11)
    budget.release(first)
    budget.take(second, 11)
    budget.release(second)
    budget.release(second)  # only once
    assert budget.used == 0


def parts(size, count=4):
    """A body that arrives in several parts."""
    return (bytes(size // count) for _ in range(count))


def test_body_budget_is_released_with_the_response(client, monkeypatch):
    used = []
    take = BodyBudget.take
    monkeypatch.setattr(BodyBudget, "take", lambda self, *args: (take(self, *args), used.append(self.used)))
    png = {"Content-Type": "image/png"}
    assert client.post("/v1/read", content=parts(3_000_000), headers=png).status_code == 422
    assert BODY_BUDGET.used == 0
    monkeypatch.setattr(BODY_BUDGET, "limit", 1_000_000)
    response = client.post("/v1/read", content=parts(3_000_000), headers=png)
    if used:  # the test client may join the parts
        assert (response.status_code, response.json()["error"]["code"]) == (503, "queue_full")
    assert BODY_BUDGET.used == 0


@pytest.mark.parametrize("body", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(100)])
def test_parse_png_image_refuses(body):
    with pytest.raises(APIError, match="28x28"):
        parse_png_image(body)
