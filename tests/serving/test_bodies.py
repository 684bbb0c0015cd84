"""Bodies as people send them: every form gives the same response as the plain one."""

import base64
import gzip
import json
import urllib.parse

import numpy as np
import pytest

from tests.serving.serving_help import ONE, png

TYPES = ["image/png", "application/octet-stream", "text/plain", "application/x-www-form-urlencoded", None]
READ = "/v1/read?expect=digit"


def data_url(content, kind="image/png"):
    """As `canvas.toDataURL()` returns it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def send(client, path, content, kind, **headers):
    """The JSON of the response, without its duration."""
    if kind is not None:
        headers["Content-Type"] = kind
    response = client.post(path, content=content, headers=headers)
    assert response.status_code == 200, response.text
    return {key: value for key, value in response.json().items() if key != "milliseconds"}


@pytest.fixture
def digit(digits):
    return png(digits[0][3])


@pytest.fixture
def read(client):
    return send(client, READ, ONE, "image/png")


@pytest.fixture
def predicted(client, digit):
    return send(client, "/v1/predict", digit, "image/png")


@pytest.mark.parametrize("kind", TYPES)
def test_type_is_recognized_by_the_first_bytes(client, digit, digits, read, predicted, kind):
    assert send(client, READ, ONE, kind) == read
    assert send(client, "/v1/predict", digit, kind) == predicted
    arrays = json.dumps({"images": digits[0][3].tolist()})
    if kind != "image/png":
        assert send(client, "/v1/predict", arrays, kind) == predicted
        assert send(client, "/v1/predict", digits[0][3].tobytes(), kind) == predicted


@pytest.mark.parametrize("kind", [*TYPES, "application/json"])
def test_data_url_as_text(client, digit, read, predicted, kind):
    as_json = kind == "application/json"
    for path, content, expected in ((READ, ONE, read), ("/v1/predict", digit, predicted)):
        url = data_url(content)
        assert send(client, path, json.dumps(url) if as_json else url, kind) == expected


@pytest.mark.parametrize("name", ["picture", "image", "Bild"])
@pytest.mark.parametrize("encode", [data_url, lambda content: base64.b64encode(content).decode()])
def test_picture_in_json(client, read, predicted, digit, name, encode):
    document = {"expect": "digit", "details": False, "size": [200, {"a": 1}], "title": "a 1", name: encode(ONE)}
    assert send(client, "/v1/read", json.dumps(document), "application/json") == read
    assert send(client, "/v1/predict", json.dumps({name: encode(digit)}), "application/json") == predicted


@pytest.mark.parametrize("name", ["picture", "file", "upload[]"])
def test_file_in_a_form_under_any_name(client, read, predicted, digit, name):
    for path, content, expected in ((READ, ONE, read), ("/v1/predict", digit, predicted)):
        response = client.post(path, files={name: ("one.png", content)}).json()
        response.pop("milliseconds", None)
        assert response == expected


@pytest.mark.parametrize("escaped", [True, False])
def test_data_url_in_a_form(client, read, escaped):
    fields = {"expect": "digit", "image": data_url(ONE)}
    plain = "&".join(f"{name}={value}" for name, value in fields.items())
    body = urllib.parse.urlencode(fields) if escaped else plain
    assert send(client, "/v1/read", body, "application/x-www-form-urlencoded") == read
    boundary = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    assert send(client, "/v1/read", boundary + "--x--\r\n", "multipart/form-data; boundary=x") == read


def test_long_data_url_in_a_form(client):
    noise = png(np.random.default_rng(0).integers(0, 256, (1200, 1200)).astype(np.uint8))
    assert len(noise) > 1 << 20
    assert client.post(READ, data={"image": data_url(noise)}).status_code == 200


def test_gzip_bodies(client, digits, read, predicted, digit):
    packed = {"Content-Encoding": "gzip"}
    assert send(client, READ, gzip.compress(ONE), "image/png", **packed) == read
    assert send(client, "/v1/predict", gzip.compress(digit), None, **packed) == predicted
    arrays = json.dumps({"images": [digits[0][3].tolist()]}).encode()
    assert send(client, "/v1/predict", gzip.compress(arrays), "application/json", **packed) == predicted


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
def test_values_from_0_to_1_are_rescaled_with_a_warning(client, digits, path):
    image = digits[0][3]
    plain = send(client, path, json.dumps({"images": [image.tolist()]}), "application/json")
    scaled = send(client, path, json.dumps({"images": [(image / 255).tolist()]}), "application/json")
    (warning,) = scaled.pop("warnings")
    assert "multiplied by 255" in warning
    assert scaled == plain
    binary = send(client, path, (image > 99).astype(np.uint8).tobytes(), "application/octet-stream")
    assert binary["warnings"] == [warning]


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 784), (5, 28, 28, 1)])
def test_instances_as_in_tensorflow_serving(client, digits, shape):
    images = digits[0][:5]
    expected = client.post("/v1/predict", json={"images": images.tolist()}).json()["probabilities"]
    document = {"signature_name": "serving_default", "instances": images.reshape(shape).tolist()}
    assert send(client, "/v1/models/digits:predict", json.dumps(document), None) == {"predictions": expected}
    document["instances"] = (images / 255).reshape(shape).tolist()
    scaled = send(client, "/v1/models/digits:predict", json.dumps(document), None)
    assert scaled["predictions"] == expected
    assert "multiplied by 255" in scaled["warnings"][0]


def test_correction_of_a_data_url(client):
    response = client.post("/v1/feedback", json={"picture": data_url(ONE), "label": 1, "expect": "digit"})
    assert response.status_code == 201
