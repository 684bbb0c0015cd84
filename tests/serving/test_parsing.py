import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from tenfold.serving.bodies import BODY_BUDGET, BodyBudget
from tenfold.serving.errors import APIError, InvalidBody, QueueFull
from tenfold.serving.parsing import RESCALED, ROUNDED, parse_json_images, parse_png_image, to_images

ROW = [0] * 28
IMAGE = [ROW] * 28


def images(value):
    return to_images(parse_json_images(json.dumps({"images": value}).encode()))


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=1, max_side=3).map(lambda shape: (*shape, 28, 28))))
def test_parse_json_images_of_any_shape(pixels):
    n = len(pixels)
    expected, warnings = (pixels * 255, [RESCALED]) if pixels.max() == 1 else (pixels, [])
    for shape in ((n, 28, 28), (n, 784), (n, 28, 28, 1), (n, 1, 28, 28), (n, 784, 1)):
        for dtype in (int, float):
            found = images(pixels.reshape(shape).astype(dtype).tolist())
            np.testing.assert_array_equal(found[0], expected)
            assert found[0].dtype == np.uint8
            assert found[1] == warnings


@pytest.mark.parametrize("shape", [(28, 28), (784,), (28, 28, 1), (1, 28, 28)])
def test_parse_json_images_of_one_image(shape):
    pixels = np.arange(784).reshape(28, 28) % 256
    np.testing.assert_array_equal(images(pixels.reshape(shape).tolist())[0], pixels[None])


def test_values_from_0_to_1_are_rescaled():
    pixels = np.arange(784, dtype=np.uint8).reshape(1, 28, 28)
    for dtype in (np.float32, np.float64):
        found, warnings = to_images((pixels / 255).astype(dtype))
        np.testing.assert_array_equal(found, pixels)
        assert warnings == [RESCALED]
    assert to_images(np.zeros((1, 28, 28)))[1] == []


def test_fractions_are_rounded():
    found, warnings = to_images(np.full((1, 28, 28), 127.6))
    assert (found == 128).all()
    assert warnings == [ROUNDED]


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 255.1, 1e300])
def test_values_out_of_range_are_refused(value):
    wrong = np.zeros((1, 28, 28))
    wrong[0, 3, 4] = value
    with pytest.raises(InvalidBody, match="0 to 255"):
        to_images(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        "x" * 28,
        [],
        [[]],
        [[[IMAGE]]],
        [[*[ROW] * 27, [0] * 27]],
        [[*[ROW] * 27, [0] * 29]],
        [[*[ROW] * 26, [0] * 27, [0] * 29]],  # as many numbers as an image has
        [[ROW] * 27],
        [[ROW] * 29],
        [IMAGE, [ROW] * 27],
        [[*[ROW] * 27, [256] * 28]],
        [[*[ROW] * 27, [-1] * 28]],
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
