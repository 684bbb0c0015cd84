import hashlib
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenfold
from tenfold.errors import RunError
from tenfold.external import has_external_data
from tenfold.model import BATCH, WORTH_A_THREAD, Model, load_model

WEIGHTS = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32) / 784


def softmax_model(
    weights=None,
    kind=TensorProto.UINT8,
    shape=("batch", 28, 28),
    classes=10,
    gives=TensorProto.FLOAT,
    rows="batch",
    location=None,
    second=None,
):
    """The bytes of softmax(flatten(images) @ weights), with `location` for weights in another file.

    second: the name of a second output, each image's mean share of white, (N, 1).
    """
    weights = WEIGHTS[:, :classes] if weights is None else weights
    tensor = numpy_helper.from_array(weights, "weights")
    if location is not None:
        tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=weights.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", str(weights.nbytes))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["shares"], axis=1),
        helper.make_node("Cast", ["shares"], ["probabilities"], to=gives),
    ]
    outputs = [helper.make_tensor_value_info("probabilities", gives, (rows, classes))]
    tensors = [tensor]
    if second:
        tensors.append(numpy_helper.from_array(np.full((784, 1), 1 / 784 / 255, np.float32), "mean"))
        nodes.append(helper.make_node("MatMul", ["flat", "mean"], [second]))
        outputs.append(helper.make_tensor_value_info(second, TensorProto.FLOAT, (rows, 1)))
    graph = helper.make_graph(
        nodes,
        "softmax",
        [helper.make_tensor_value_info("images", kind, shape)],
        outputs,
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)


def by_hand(images, weights=WEIGHTS):
    logits = images.reshape(len(images), 784).astype(np.float64) @ weights
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


@pytest.mark.parametrize("threads", [None, 1, 3])
@pytest.mark.parametrize(
    "n", [0, 1, 2, 3 * WORTH_A_THREAD - 1, 3 * WORTH_A_THREAD, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 7, 9 * BATCH]
)
def test_probabilities_are_those_of_the_network_for_any_number_of_images_and_threads(n, threads):
    model = Model(softmax_model(), threads=threads)
    probabilities = model.predict_proba(images(n))
    assert probabilities.shape == (n, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, by_hand(images(n)), atol=1e-5)
    digits = model.predict(images(n))
    assert digits.dtype == np.uint8
    assert digits.tolist() == by_hand(images(n)).argmax(1).tolist()


@pytest.mark.parametrize("n", [0, 1, BATCH + 1, 5 * BATCH + 1])
def test_digitness_is_the_second_output_for_any_number_of_images(n):
    model = Model(softmax_model(second="digitness"))
    digitness = model.digitness(images(n))
    assert digitness.shape == (n,)
    assert digitness.dtype == np.float32
    np.testing.assert_allclose(digitness, images(n).reshape(n, 784).mean(1) / 255, rtol=1e-4)
    np.testing.assert_allclose(model.predict_proba(images(n)), by_hand(images(n)), atol=1e-5)


def test_a_model_without_digitness_stands_in_with_its_confidence_and_no_blank_is_a_digit():
    model = Model(softmax_model())
    some = np.concatenate([images(3), np.full((1, 28, 28), 200, np.uint8)])
    assert not model.tells_digits
    np.testing.assert_array_equal(model.digitness(some)[:3], model.predict_proba(some).max(1)[:3])
    assert model.digitness(some)[3] == 0
    with pytest.raises(ValueError, match=r"expected uint8 images \(N, 28, 28\)"):
        model.digitness(some[0])


def test_images_may_lie_in_memory_as_they_like():
    turned = np.asfortranarray(images(5))
    every_second = images(10)[::2]
    model = Model(softmax_model())
    np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(images(5)))
    np.testing.assert_array_equal(model.predict_proba(every_second), model.predict_proba(every_second.copy()))


@pytest.mark.parametrize(
    "wrong",
    [
        images(3).astype(np.float32),
        images(3).astype(np.int64),
        images(3)[:, :27],
        images(3)[0],
        images(3)[..., None],
        images(3).reshape(3, 784),
        [],
    ],
    ids=lambda wrong: f"{np.asarray(wrong).dtype}{np.asarray(wrong).shape}",
)
def test_images_of_another_type_or_shape_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected uint8 images \(N, 28, 28\), got"):
        Model(softmax_model()).predict_proba(wrong)


def test_a_model_is_loaded_from_a_file_and_from_a_run_folder(tmp_path):
    (tmp_path / "model.onnx").write_bytes(softmax_model())
    for path in (tmp_path, tmp_path / "model.onnx", str(tmp_path)):
        np.testing.assert_array_equal(
            load_model(path).predict_proba(images(3)), Model(softmax_model()).predict_proba(images(3))
        )
    assert load_model(tmp_path).name == str(tmp_path)
    assert tenfold.load_model is load_model


def test_what_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(RunError, match=r"nowhere: No such file or directory; expected a run folder or an \.onnx file"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"there is no model\.onnx in this folder"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"no model", b"\x00" * 64, softmax_model()[:-1], softmax_model()[: len(softmax_model()) // 2]],
    ids=["empty", "text", "zeros", "a byte short", "half"],
)
def test_a_file_that_is_no_model_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(RunError, match=r"this is no ONNX model that can be used here") as caught:
        load_model(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (softmax_model(kind=TensorProto.FLOAT), r"takes uint8 images .* not tensor\(float\)"),
        (
            softmax_model(shape=("batch", 28, 28, 1)),
            r"takes uint8 images .* not tensor\(uint8\) \['batch', 28, 28, 1\]",
        ),
        (softmax_model(shape=("batch", 784)), r"takes uint8 images"),
        (softmax_model(shape=(1, 28, 28), rows=1), r"takes uint8 images .* not tensor\(uint8\) \[1, 28, 28\]"),
        (softmax_model(classes=1), r"gives float \(N, 10\), not tensor\(float\) \['batch', 1\]"),
        (softmax_model(classes=9), r"gives float \(N, 10\)"),
        (softmax_model(gives=TensorProto.DOUBLE), r"gives float \(N, 10\), not tensor\(double\)"),
        (softmax_model(second="embedding"), r"gives float \(N, 10\), not tensor\(float\) .*, tensor\(float\)"),
    ],
    ids=["float in", "four axes", "flat", "one image", "one class", "nine classes", "double out", "two outputs"],
)
def test_a_model_of_something_else_is_refused(model, said):
    onnxruntime.InferenceSession(model)  # it is a model
    with pytest.raises(RunError, match=said):
        Model(model)


@pytest.fixture
def weights_beside(tmp_path, monkeypatch):
    """A present folder with a weights file in it, which a model from elsewhere might read."""
    WEIGHTS.tofile(tmp_path / "weights.bin")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("location", ["weights.bin", "./weights.bin", "inner/../weights.bin", "{here}/weights.bin"])
def test_weights_outside_the_file_are_refused_even_where_they_are_at_hand(weights_beside, location):
    content = softmax_model(location=location.format(here=weights_beside))
    assert has_external_data(content)
    (weights_beside / "model.onnx").write_bytes(content)
    with pytest.raises(RunError, match="its weights lie in other files"):
        load_model("model.onnx")
    with pytest.raises(RunError, match="its weights lie in other files"):
        load_model(weights_beside)


def test_the_refusal_is_ours_because_the_runtime_would_read_them(weights_beside):
    """If this fails, ONNX Runtime has become stricter; the refusal may stay."""
    session = onnxruntime.InferenceSession(softmax_model(location="weights.bin"))
    np.testing.assert_allclose(session.run(None, {"images": images(2)})[0], by_hand(images(2)), atol=1e-5)


def external_tensor():
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return tensor


def hidden_in(place):
    graph = helper.make_graph([], "g", [], [])
    model = helper.make_model(graph)
    if place == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(external_tensor())
    elif place == "constant":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=external_tensor()))
    elif place == "branch":
        branch = helper.make_graph([], "b", [], [], [external_tensor()])
        model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))
    elif place == "function":
        node = helper.make_node("Constant", [], ["c"], value=external_tensor())
        model.functions.append(helper.make_function("d", "f", [], ["c"], [node], []))
    elif place == "training":
        model.training_info.add().algorithm.initializer.append(external_tensor())
    elif place == "location alone":
        tensor = model.graph.initializer.add()
        tensor.external_data.add(key="location", value="weights.bin")
    elif place == "flag alone":
        model.graph.initializer.add(data_location=TensorProto.EXTERNAL)
    return model.SerializeToString()


@pytest.mark.parametrize(
    "place", ["sparse", "constant", "branch", "function", "training", "location alone", "flag alone"]
)
def test_external_weights_are_found_wherever_they_hide(place):
    assert has_external_data(hidden_in(place))
    assert not has_external_data(hidden_in(None))


def test_a_model_that_only_speaks_of_locations_is_used():
    model = onnx.load_from_string(softmax_model())
    model.graph.node[0].name = "location"
    helper.set_model_props(model, {"location": "external_data"})
    assert not has_external_data(model.SerializeToString())
    assert Model(model.SerializeToString()).metadata == {"location": "external_data"}


SCRIPT = """
import hashlib, sys, warnings
warnings.simplefilter("error")
import numpy as np, tenfold
images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
print(hashlib.sha256(tenfold.load_model(sys.argv[1]).predict_proba(images)).hexdigest())
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_predicting_needs_no_more_than_the_core(tmp_path):
    (tmp_path / "model.onnx").write_bytes(softmax_model())
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True, env=environment
    )
    digest, modules = done.stdout.splitlines()
    assert digest == hashlib.sha256(load_model(tmp_path).predict_proba(images(20))).hexdigest()
    too_much = {"torch", "pydantic", "matplotlib", "sklearn", "pandas", "polars", "scipy", "onnx", "safetensors"}
    assert not too_much & set(modules.split())
    assert "onnxruntime" in modules.split()
