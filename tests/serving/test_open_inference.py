"""The Open Inference Protocol, tested with Triton's client, and with requests that this client never sends."""

import json

import numpy as np
import pytest

import tenfold

http = pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")
INFER = "/v2/models/digits/infer"


@pytest.fixture
def triton(server_url):
    with http.InferenceServerClient(server_url.removeprefix("http://")) as triton:
        yield triton


def test_health_and_metadata(triton):
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("digits")
    assert triton.get_server_metadata()["name"] == "tenfold"
    model = triton.get_model_metadata("digits")
    assert model["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert model["outputs"] == [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_infer(triton, model_file, digits, binary_in, binary_out):
    images = digits[0][:6]
    given = http.InferInput("images", images.shape, "UINT8")
    given.set_data_from_numpy(images, binary_data=binary_in)
    wanted = http.InferRequestedOutput("probabilities", binary_data=binary_out)
    result = triton.infer("digits", [given], outputs=[wanted], request_id="17")
    assert result.get_response()["id"] == "17"
    message = result.as_numpy("probabilities").reshape(6, 10)
    np.testing.assert_allclose(message, tenfold.load_model(model_file).predict_proba(images), atol=1e-6)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("shape", [(6, 28, 28), (6, 784), (6, 28, 28, 1), (6, 1, 28, 28)])
def test_infer_floats(triton, model_file, digits, binary, shape):
    images = digits[0][:6]
    expected = tenfold.load_model(model_file).predict_proba(images)
    for values in (images.astype(np.float32), (images / 255).astype(np.float32)):
        given = http.InferInput("images", shape, "FP32")
        given.set_data_from_numpy(values.reshape(shape), binary_data=binary)
        result = triton.infer("digits", [given])
        np.testing.assert_allclose(result.as_numpy("probabilities"), expected, atol=1e-6)
        parameters = result.get_response().get("parameters", {})
        assert ("multiplied by 255" in parameters.get("warnings", "")) == (values.max() <= 1)


def test_infer_without_named_outputs(triton, digits):
    given = http.InferInput("images", (1, 28, 28), "UINT8")
    given.set_data_from_numpy(digits[0][:1])
    assert triton.infer("digits", [given]).as_numpy("probabilities").shape == (1, 10)


def test_triton_client_raises_errors(triton):
    given = http.InferInput("pictures", (1, 28, 28), "UINT8")
    given.set_data_from_numpy(np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(http.InferenceServerException, match="pictures"):
        triton.infer("digits", [given])
    with pytest.raises(http.InferenceServerException):
        triton.get_model_metadata("letters")


def one(**changes):
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28], "data": [0] * 784}
    return {"inputs": [tensor | changes]}


@pytest.mark.parametrize(
    "changes", [{"data": np.zeros((1, 28, 28), int).tolist()}, {"data": [0.0] * 784}, {"shape": [1.0, 28.0, 28]}]
)
def test_infer_accepts_equivalent_json(client, changes):
    assert client.post(INFER, json=one(**changes)).json()["outputs"] == client.post(INFER, json=one()).json()["outputs"]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"inputs": []},
        {"inputs": [1]},
        {"inputs": [one()["inputs"][0]] * 2},
        one(datatype="FP16"),
        one(datatype="x" * 5000),
        one(shape=[1, 783]),
        one(shape=[1e300, 28, 28]),
        one(shape=[7, 4, 28], data=[0] * 784),
        one(datatype="FP32", parameters={"binary_data_size": 784}),
        one(shape=[0, 28, 28]),
        one(shape=[True, 28, 28]),
        one(shape="1"),
        one(data=[0] * 783),
        one(data=[256] * 784),
        one(data=["0"] * 784),
        one(data=[True] + [0] * 783),
        one(data=[[0], [1, 2]]),
        one(data=None),
        one(parameters=5),
        one() | {"id": 7},
        one() | {"id": [[[]]]},
        one() | {"outputs": [{"name": "letters"}]},
        one() | {"outputs": 5},
        one() | {"parameters": []},
        one() | {"outputs": [{"name": "probabilities", "parameters": {"classification": 3}}]},
    ],
)
def test_infer_invalid_request(client, asked):
    answer = client.post(INFER, json=asked)
    assert answer.status_code == 422
    assert 5 < len(answer.json()["error"]) < 300
    assert "xxx" not in answer.json()["error"]
    assert answer.json()["code"] == "invalid"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"inputs": [{key: value for key, value in one()["inputs"][0].items() if key != "data"}]}, "as `data`"),
        (
            one(parameters={"binary_data_size": "784"}),
            "`binary_data_size` and behind the JSON, got '784' and 0",
        ),
    ],
)
def test_infer_error_names_the_part(client, asked, message):
    assert message in client.post(INFER, json=asked).json()["error"]


def test_model_versions(client):
    path = INFER.removesuffix("/infer")
    (version,) = client.get(path).json()["versions"]
    assert client.get(f"{path}/versions/{version}").json() == client.get(path).json()
    assert client.get(f"{path}/versions/{version}/ready").json()["ready"] is True
    responses = [client.post(where, json=one()).json() for where in (INFER, f"{path}/versions/{version}/infer")]
    assert responses[0] == responses[1]
    missing = client.get(f"{path}/versions/2")
    assert (missing.status_code, missing.json()["error"]) == (404, f"there is nothing at {path}/versions/2")


@pytest.mark.parametrize("length", ["5", "x", "-1", "999999", b"\xb2", "9" * 5000])
def test_infer_wrong_json_length(client, length):
    headers = {"Inference-Header-Content-Length": length}
    answer = client.post(INFER, content=json.dumps(one()), headers=headers)
    assert answer.status_code in (400, 422)
    assert isinstance(answer.json()["error"], str)


def test_infer_incomplete_tensor(client):
    head = json.dumps({"inputs": [one()["inputs"][0] | {"parameters": {"binary_data_size": 784}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    assert client.post(INFER, content=head + bytes(783), headers=headers).status_code == 422
    assert client.post(INFER, content=head + bytes(784), headers=headers).status_code == 200
