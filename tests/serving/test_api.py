import base64
import gzip
import json
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import tenfold
from tenfold.serving.app import create_app
from tenfold.serving.settings import Settings
from tests.serving.serving_help import BASE_URL, ONE, drawn, png

OCTETS = {"Content-Type": "application/octet-stream"}
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def model(model_file):
    return tenfold.load_model(model_file)


@pytest.mark.parametrize("form", ["raw", "nested", "flat", "floats"])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_predict_equals_model(client, model, digits, form, n):
    images = digits[0][:n]
    if form == "raw":
        answer = client.post("/v1/predict", content=images.tobytes(), headers=OCTETS)
    else:
        given = {"nested": images, "flat": images.reshape(n, 784), "floats": images.astype(float)}[form]
        answer = client.post("/v1/predict", json={"images": given.tolist()})
    assert answer.status_code == 200, answer.text
    probabilities = np.array(answer.json()["probabilities"])
    np.testing.assert_allclose(probabilities, model.predict_proba(images), atol=1e-6)
    assert answer.json()["digits"] == model.predict(images).tolist()


def test_many_concurrent_requests_get_their_own_results(client, model, digits):
    sizes = [1, 2, 1, 40, 1, 1, 9, 3] * 4
    ends = np.cumsum(sizes)
    parts = [digits[0][np.arange(end - size, end) % len(digits[0])] for end, size in zip(ends, sizes, strict=True)]

    def ask(images):
        return client.post("/v1/predict", content=images.tobytes(), headers=OCTETS).json()["probabilities"]

    with ThreadPoolExecutor(8) as users:
        responses = list(users.map(ask, parts))
    for images, probabilities in zip(parts, responses, strict=True):
        np.testing.assert_allclose(probabilities, model.predict_proba(images), atol=1e-6)


def test_predict_png(client, model, digits):
    for image in digits[0][:5]:
        answer = client.post("/v1/predict", content=png(image), headers=PNG).json()
        np.testing.assert_allclose(answer["probabilities"], model.predict_proba(image[None]), atol=1e-6)


def test_read_equals_library(client, model):
    picture = drawn([(40, 40), (40, 160)], [(140, 30), (90, 120), (170, 120)], [(150, 60), (150, 170)])
    reading = tenfold.read(picture, "line", model)
    answer = client.post("/v1/read?expect=line", content=picture, headers=PNG).json()
    assert answer["text"] == reading.text
    assert answer["confidence"] == pytest.approx(reading.confidence)
    for digit_content, digit in zip(answer["digits"], reading.digits, strict=True):
        assert (digit_content["value"], tuple(digit_content["box"])) == (digit.value, digit.box)
        assert digit_content["confidence"] == pytest.approx(digit.confidence)
        assert [tuple(pair) for pair in digit_content["alternatives"]] == list(digit.alternatives)
        assert "image" not in digit_content


def test_read_details(client, model):
    answer = client.post("/v1/read?details=true&expect=digit", content=ONE, headers=PNG).json()
    (digit_content,) = answer["digits"]
    frame = np.frombuffer(base64.b64decode(digit_content["image"]), np.uint8).reshape(1, 28, 28)
    np.testing.assert_array_equal(frame[0], tenfold.read(ONE, "digit", model).digits[0].image)
    np.testing.assert_allclose(digit_content["probabilities"], model.predict_proba(frame)[0], atol=1e-6)


def test_read_form_equals_body(client):
    plain = client.post("/v1/read?expect=digit", content=ONE, headers=PNG).json()
    form = client.post("/v1/read", files={"picture": ("one.png", ONE)}, data={"expect": "digit"}).json()
    octets = client.post("/v1/read?expect=digit", content=ONE, headers=OCTETS).json()
    detailed = client.post("/v1/read", files={"picture": ("one.png", ONE)}, data={"details": "true"}).json()
    assert "image" in detailed["digits"][0]
    for answer in (plain, form, octets):
        del answer["milliseconds"]
    assert plain == form == octets


def test_read_blank_picture(client):
    answer = client.post("/v1/read", content=png(np.full((100, 100), 255, np.uint8)), headers=PNG).json()
    assert (answer["text"], answer["confidence"], answer["digits"]) == ("", 0, [])


def nested(value, n=1):
    return json.dumps({"images": np.full((n, 28, 28), value).tolist()}).encode()


URL_ENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
TEXT, JSON = {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
# The head of a picture of 64 megapixels, and the pixels of a small one.
HUGE_PNG = png(np.zeros((9, 9), np.uint8))[:12] + b"IHDR" + (8_000).to_bytes(4) * 2 + b"\x08\0\0\0\0"
HUGE_PNG += zlib.crc32(HUGE_PNG[12:]).to_bytes(4) + png(np.zeros((9, 9), np.uint8))[33:]
GZIP, GZIPPED = OCTETS | {"Content-Encoding": "gzip"}, gzip.compress(bytes(784), mtime=0)
WRONG = [
    ("/v1/predict", b"x", TEXT, 415, "unsupported_type"),
    ("/v1/predict", b"x", {}, 415, "unsupported_type"),
    ("/v1/predict", bytes(784), OCTETS | {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
    ("/v1/predict", bytes(784), GZIP, 400, "not_gzip"),
    ("/v1/predict", GZIPPED[:-9], GZIP, 400, "not_gzip"),
    ("/v1/predict", gzip.compress(bytes(784 * 1025)), GZIP, 413, "too_large"),
    ("/v1/predict", gzip.compress(bytes(1 << 26)), GZIP, 413, "too_large"),
    ("/v1/predict", b'"data:image/png;base64,?"', JSON, 422, "invalid"),
    ("/v1/predict", b'"data:image/png,abc"', JSON, 422, "invalid"),
    ("/v1/predict", b"data:image/png;base64,R0lGODlh", TEXT, 415, "unsupported_type"),
    ("/v1/predict", b"x", {"Content-Type": "image/jpeg"}, 415, "unsupported_type"),
    ("/v1/predict", b"", OCTETS, 422, "invalid"),
    ("/v1/predict", bytes(783), OCTETS, 422, "invalid"),
    ("/v1/predict", bytes(784 * 1025), OCTETS, 413, "too_large"),
    ("/v1/predict", b"{", JSON, 400, "not_json"),
    ("/v1/predict", b"[]", JSON, 422, "invalid"),
    ("/v1/predict", b"{}", JSON, 422, "invalid"),
    ("/v1/predict", b'{"images": []}', JSON, 422, "invalid"),
    ("/v1/predict", b'{"images": [[1, 2], [3]]}', JSON, 422, "invalid"),
    ("/v1/predict", nested("x" * 5000), JSON, 422, "invalid"),
    ("/v1/models/digits:predict", b'{"images": [1]}', JSON, 422, "invalid"),
    ("/v1/models/digits:predict", b'{"instances": [[1]]}', JSON, 422, "invalid"),
    ("/v1/predict", nested(256), JSON, 422, "invalid"),
    ("/v1/predict", nested(-1), JSON, 422, "invalid"),
    ("/v1/predict", nested(True), JSON, 422, "invalid"),
    ("/v1/predict", nested(2**70), JSON, 422, "invalid"),
    ("/v1/predict", nested("1"), JSON, 422, "invalid"),
    ("/v1/predict", nested(0, 1025), JSON, 422, "invalid"),
    ("/v1/predict", b"GIF89a", PNG, 422, "unreadable"),
    ("/v1/predict", png(np.zeros((29, 28), np.uint8)), PNG, 422, "unreadable"),
    ("/v1/predict", png(np.zeros((28, 28), np.uint8))[:60], PNG, 422, "unreadable"),
    ("/v1/explain", bytes(784 * 2), OCTETS, 422, "invalid"),
    ("/v1/read", b"x", {"Content-Type": "text/html"}, 415, "unsupported_type"),
    ("/v1/read", b"x", {"Content-Type": "x" * 5000}, 415, "unsupported_type"),
    ("/v1/read", nested(0), JSON, 422, "invalid"),
    ("/v1/read", b"x", TEXT, 422, "unreadable"),
    ("/v1/read", b'{"picture": ["data:"]}', JSON, 422, "invalid"),
    ("/v1/read", b'{"expect": "digit"}', JSON, 422, "invalid"),
    ("/v1/read", b'{"picture": 5}', JSON, 422, "invalid"),
    ("/v1/read", b"expect=digit", URL_ENCODED, 422, "invalid"),
    ("/v1/read", b"picture=5%205", URL_ENCODED, 422, "invalid"),
    ("/v1/read", b"", PNG, 422, "unreadable"),
    ("/v1/read", b"no picture", PNG, 422, "unreadable"),
    ("/v1/read", ONE[:80], PNG, 422, "unreadable"),
    ("/v1/read", HUGE_PNG, PNG, 422, "too_many_pixels"),
    ("/v1/read?expect=poem", ONE, PNG, 422, "invalid"),
    ("/v1/read", b"x", {"Content-Type": "multipart/form-data"}, 400, "not_a_form"),
    ("/v1/read", b"--x--\r\n", FORM, 422, "invalid"),
    ("/v1/feedback", b"{}", JSON, 422, "invalid"),
    ("/v1/feedback", b'{"picture": 5, "label": 1}', JSON, 422, "invalid"),
    ("/v1/feedback", b'{"picture": "?", "label": 1}', JSON, 422, "invalid"),
    ("/v1/nothing", b"", OCTETS, 404, "not_found"),
    ("/v1/model", b"", OCTETS, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("path", "body", "headers", "status", "code"), WRONG)
def test_error_status_and_code(client, path, body, headers, status, code):
    answer = client.post(path, content=body, headers=headers)
    error = answer.json()["error"]
    if path.endswith(":predict"):  # TensorFlow Serving's form
        error = {"message": error, "code": answer.json()["code"]}
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert 5 < len(error["message"]) < 300
    assert "xxx" not in error["message"] or path == "/v1/read"


def test_body_without_length_is_limited(client):
    def endless():
        for _ in range(100):
            yield bytes(1 << 16)

    answer = client.post("/v1/predict", content=endless(), headers=OCTETS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert answer.headers["connection"] == "close"


def test_explain_equals_occlusion_by_hand(client, model, digits):
    image = digits[0][0]
    answer = client.post("/v1/explain", content=image.tobytes(), headers=OCTETS).json()
    losses = np.array(answer["heatmap"])
    assert answer["digit"] == model.predict(image[None])[0]
    assert losses.shape == (28, 28)
    touched = np.lib.stride_tricks.sliding_window_view(np.pad(image, 4), (9, 9)).any(axis=(2, 3))
    assert not losses[~touched].any()  # a patch that covers this place and any ink would lie within four pixels

    def log_odds(one):
        p = model.predict_proba(one[None])[0].astype(np.float64)
        others = np.delete(p, answer["digit"]).sum()
        return np.log(p[answer["digit"]]) - np.log(others)

    # (0, 0) is covered by one patch alone, and so are no others: compare the whole with patches laid by hand.
    total, times = np.zeros((28, 28)), np.zeros((28, 28))
    for top in range(0, 24, 2):
        for left in range(0, 24, 2):
            covered = image.copy()
            covered[top : top + 5, left : left + 5] = 0
            total[top : top + 5, left : left + 5] += log_odds(image) - log_odds(covered)
            times[top : top + 5, left : left + 5] += bool(image[top : top + 5, left : left + 5].any())
    np.testing.assert_allclose(losses, total / np.maximum(times, 1), atol=2e-2)


def test_model(client, model):
    answer = client.get("/v1/model").json()
    assert answer["digest"] == model.digest
    assert answer["name"] == "linear"
    assert answer["feedback"] is True


def test_model_info_of_run(tmp_path, model_file):
    from tenfold.serving.model_info import model_info

    (tmp_path / "metrics.json").write_text('{"validation": {"accuracy": 0.9}}')
    (tmp_path / "README.md").write_text("# a card")
    info = model_info(tenfold.load_model(model_file), tmp_path)
    assert info["metrics"] == {"accuracy": 0.9}
    assert info["card"] == "# a card"


def test_app_can_be_mounted(model_file):
    outer = Starlette(routes=[Mount("/digits", create_app(Settings(model_file, token="t")))])
    client = TestClient(outer, base_url=BASE_URL)
    token = {"Authorization": "Bearer t"}
    assert client.get("/digits/healthz").status_code == 200
    assert client.get("/digits/v1/model").status_code == 401
    assert client.get("/digits/v1/model", headers=token).status_code == 200
    assert client.post("/digits/v1/predict", content=bytes(784), headers=OCTETS | token).status_code == 200
    assert isinstance(client.get("/digits/v2/nothing", headers=token).json()["error"], str)
