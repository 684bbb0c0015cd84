"""A small model that reads most digits, and clients of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tenfold.data import load_data
from tenfold.serving.settings import Settings
from tests.serving.serving_help import command, serving


@pytest.fixture(scope="session")
def model_file(tmp_path_factory) -> Path:
    """A linear model of the small digits, fitted by least squares: exact on its training data, and fast."""
    digits = load_data("digits").train
    rows = digits.images.reshape(len(digits), 784).astype(np.float64) / 255
    wanted = 8 * np.eye(10)[digits.labels] - 4
    weights = np.linalg.solve(rows.T @ rows + 5 * np.eye(784), rows.T @ wanted).astype(np.float32) / 255
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(weights, "weights")],
    )
    file = tmp_path_factory.mktemp("model") / "linear.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


@pytest.fixture(scope="module")
def settings(model_file, tmp_path_factory) -> Settings:
    return Settings(model_file, port=0, feedback=tmp_path_factory.mktemp("feedback") / "feedback.db")


@pytest.fixture(scope="module")
def client(settings) -> Iterator[httpx.Client]:
    with serving(settings) as client:
        yield client


@pytest.fixture(scope="session")
def server_url(model_file) -> Iterator[str]:
    """The address of a real server of the small model."""
    with command(model_file, "--no-feedback") as server:
        yield server.url


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images and labels that the model was not fitted to."""
    test = load_data("digits").test
    return test.images[:40], test.labels[:40]
