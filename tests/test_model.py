import hashlib
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import tenfold
from tenfold.errors import DataWarning, RunError
from tenfold.model import BATCH_SIZE, MIN_IMAGES_PER_THREAD, Model, load_model
from tenfold.onnx_file import has_external_data

WEIGHTS = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32) / 784


def softmax_model(
    weights=None,
    kind=TensorProto.UINT8,
    shape=("batch", 28, 28),
    classes=10,
    output_type=TensorProto.FLOAT,
    batch="batch",
    location=None,
    second=None,
):
    """The bytes of softmax(flatten(images) @ weights), with weights in the file `location`, if given.

    second: the name of a second output, each image's mean brightness from 0 to 1, (N, 1).
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
        helper.make_node("Softmax", ["logits"], ["softmax"], axis=1),
        helper.make_node("Cast", ["softmax"], ["probabilities"], to=output_type),
    ]
    outputs = [helper.make_tensor_value_info("probabilities", output_type, (batch, classes))]
    tensors = [tensor]
    if second:
        tensors.append(numpy_helper.from_array(np.full((784, 1), 1 / 784 / 255, np.float32), "mean"))
        nodes.append(helper.make_node("MatMul", ["flat", "mean"], [second]))
        outputs.append(helper.make_tensor_value_info(second, TensorProto.FLOAT, (batch, 1)))
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


def reference(images, weights=WEIGHTS):
    logits = images.reshape(len(images), 784).astype(np.float64) @ weights
    probabilities = np.exp(logits - logits.max(1, keepdims=True))
    return probabilities / probabilities.sum(1, keepdims=True)


@pytest.mark.parametrize("threads", [None, 1, 3])
@pytest.mark.parametrize(
    "n",
    [
        0,
        1,
        2,
        3 * MIN_IMAGES_PER_THREAD - 1,
        3 * MIN_IMAGES_PER_THREAD,
        BATCH_SIZE - 1,
        BATCH_SIZE,
        BATCH_SIZE + 1,
        3 * BATCH_SIZE + 7,
        9 * BATCH_SIZE,
    ],
)
def test_predict_proba_at_any_batch_size_and_number_of_threads(n, threads):
    model = Model(softmax_model(), threads=threads)
    probabilities = model.predict_proba(images(n))
    assert probabilities.shape == (n, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, reference(images(n)), atol=1e-5)
    digits = model.predict(images(n))
    assert digits.dtype == np.uint8
    assert digits.tolist() == reference(images(n)).argmax(1).tolist()


@pytest.mark.parametrize("n", [0, 1, BATCH_SIZE + 1, 5 * BATCH_SIZE + 1])
def test_digitness_at_any_batch_size(n):
    model = Model(softmax_model(second="digitness"))
    digitness = model.digitness(images(n))
    assert digitness.shape == (n,)
    assert digitness.dtype == np.float32
    np.testing.assert_allclose(digitness, images(n).reshape(n, 784).mean(1) / 255, rtol=1e-4)
    np.testing.assert_allclose(model.predict_proba(images(n)), reference(images(n)), atol=1e-5)


def test_digitness_without_that_output_is_the_confidence_or_zero_for_blank_images():
    model = Model(softmax_model())
    some = np.concatenate([images(3), np.full((1, 28, 28), 200, np.uint8)])
    assert not model.has_digitness
    np.testing.assert_array_equal(model.digitness(some)[:3], model.predict_proba(some).max(1)[:3])
    assert model.digitness(some)[3] == 0
    assert model.digitness(some[3]) == [0], "a single image is a batch of one"


def test_predict_proba_of_images_in_any_memory_layout():
    fortran_order = np.asfortranarray(images(5))
    every_second = images(10)[::2]
    model = Model(softmax_model())
    np.testing.assert_array_equal(model.predict_proba(fortran_order), model.predict_proba(images(5)))
    np.testing.assert_array_equal(model.predict_proba(every_second), model.predict_proba(every_second.copy()))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (images(3)[:, :27], r"shape \(3, 27, 28\)"),
        (images(3).reshape(3, 784)[:, :700], r"shape \(3, 700\)"),
        (np.zeros((2, 28, 28, 3)) + np.arange(3), "color images"),
        (images(3) / 255 * 1.02, "pixels from 0 to 1.02"),
        (images(3) - 300.0, "pixels from -300"),
        (np.full((1, 28, 28), np.nan), "no number"),
        (images(3).astype(str), "expected numbers"),
        (images(3)[:, 6:-6, 6:-6], "16x16 pixels; expected 28x28"),
        ([], "no images"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_predict_rejects_what_is_not_images_of_digits(wrong, problem):
    with pytest.raises(ValueError, match=problem):
        Model(softmax_model()).predict_proba(wrong)


@pytest.mark.parametrize(
    ("convert", "note"),
    [
        (lambda x: x.reshape(len(x), 784), None),
        (lambda x: x[..., None], None),
        (lambda x: x[:, None], None),
        (lambda x: x.astype(np.int64), None),
        (lambda x: x.astype(np.float32), None),
        (lambda x: x.reshape(len(x), 784).tolist(), None),
        (lambda x: torch.tensor(x), None),
        (lambda x: pd.DataFrame(x.reshape(len(x), 784)), None),
        (lambda x: x / 255, "from 0 to 1: scaled to 255"),
        (lambda x: torch.tensor(x)[:, None] / 255, "from 0 to 1: scaled to 255"),
    ],
)
def test_predict_accepts_the_usual_forms(convert, note):
    model, expected = Model(softmax_model()), Model(softmax_model()).predict_proba(images(5))
    if note:
        with pytest.warns(DataWarning, match=note):
            np.testing.assert_array_equal(model.predict_proba(convert(images(5))), expected)
    else:
        np.testing.assert_array_equal(model.predict_proba(convert(images(5))), expected)


def test_predict_scales_zeros_and_ones():
    binary = (images(9) > 127).astype(np.uint8)
    with pytest.warns(DataWarning, match="0 and 1: scaled"):
        found = Model(softmax_model()).predict_proba(binary)
    np.testing.assert_array_equal(found, Model(softmax_model()).predict_proba(binary * 255))


def test_predict_scales_booleans():
    binary = images(4) > 127
    with pytest.warns(DataWarning, match="true or false"):
        found = Model(softmax_model()).predict_proba(binary)
    np.testing.assert_array_equal(found, Model(softmax_model()).predict_proba(binary.astype(np.uint8) * 255))


def test_load_model_from_a_file_and_from_a_run_folder(tmp_path):
    (tmp_path / "model.onnx").write_bytes(softmax_model())
    for path in (tmp_path, tmp_path / "model.onnx", str(tmp_path)):
        np.testing.assert_array_equal(
            load_model(path).predict_proba(images(3)), Model(softmax_model()).predict_proba(images(3))
        )
    assert load_model(tmp_path).name == str(tmp_path)
    assert tenfold.load_model is load_model


def test_load_model_from_a_missing_path(tmp_path):
    with pytest.raises(RunError, match=r"nowhere: No such file or directory; expected a run folder or an \.onnx file"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"this folder has no model\.onnx"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"\x00" * 64, softmax_model()[:-1], softmax_model()[: len(softmax_model()) // 2]],
    ids=["empty", "text", "zeros", "one byte short", "half"],
)
def test_load_model_rejects_other_files_in_one_line(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(RunError, match=r"expected an ONNX model in one file") as caught:
        load_model(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (softmax_model(kind=TensorProto.FLOAT), r"the input uint8 \(N, 28, 28\), got tensor\(float\)"),
        (
            softmax_model(shape=("batch", 28, 28, 1)),
            r"the input uint8 .* got tensor\(uint8\) \['batch', 28, 28, 1\]",
        ),
        (softmax_model(shape=("batch", 784)), r"the input uint8"),
        (softmax_model(shape=(1, 28, 28), batch=1), r"the input uint8 .* got tensor\(uint8\) \[1, 28, 28\]"),
        (softmax_model(classes=1), r"the output float \(N, 10\), got tensor\(float\) \['batch', 1\]"),
        (softmax_model(classes=9), r"the output float \(N, 10\)"),
        (softmax_model(output_type=TensorProto.DOUBLE), r"the output float \(N, 10\), got tensor\(double\)"),
        (softmax_model(second="embedding"), r"the output float \(N, 10\), got tensor\(float\) .*, tensor\(float\)"),
    ],
    ids=["float in", "four axes", "flat", "one image", "one class", "nine classes", "double out", "two outputs"],
)
def test_model_with_other_inputs_or_outputs_is_rejected(model, message):
    onnxruntime.InferenceSession(model)  # it is a valid model
    with pytest.raises(RunError, match=message):
        Model(model)


@pytest.fixture
def folder_with_weights(tmp_path, monkeypatch):
    """A current folder with a weights file, which a model from elsewhere might read."""
    WEIGHTS.tofile(tmp_path / "weights.bin")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("location", ["weights.bin", "./weights.bin", "inner/../weights.bin", "{here}/weights.bin"])
def test_external_data_is_rejected_even_if_the_file_exists(folder_with_weights, location):
    content = softmax_model(location=location.format(here=folder_with_weights))
    assert has_external_data(content)
    (folder_with_weights / "model.onnx").write_bytes(content)
    with pytest.raises(RunError, match="its weights are in other files"):
        load_model("model.onnx")
    with pytest.raises(RunError, match="its weights are in other files"):
        load_model(folder_with_weights)


def test_runtime_alone_would_read_external_data(folder_with_weights):
    """If this fails, ONNX Runtime has become stricter; our check may stay."""
    session = onnxruntime.InferenceSession(softmax_model(location="weights.bin"))
    np.testing.assert_allclose(session.run(None, {"images": images(2)})[0], reference(images(2)), atol=1e-5)


def external_tensor():
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return tensor


def model_with_external_data_in(field):
    graph = helper.make_graph([], "g", [], [])
    model = helper.make_model(graph)
    if field == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(external_tensor())
    elif field == "constant":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=external_tensor()))
    elif field == "branch":
        branch = helper.make_graph([], "b", [], [], [external_tensor()])
        model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))
    elif field == "function":
        node = helper.make_node("Constant", [], ["c"], value=external_tensor())
        model.functions.append(helper.make_function("d", "f", [], ["c"], [node], []))
    elif field == "training":
        model.training_info.add().algorithm.initializer.append(external_tensor())
    elif field == "location only":
        tensor = model.graph.initializer.add()
        tensor.external_data.add(key="location", value="weights.bin")
    elif field == "flag only":
        model.graph.initializer.add(data_location=TensorProto.EXTERNAL)
    return model.SerializeToString()


@pytest.mark.parametrize(
    "field", ["sparse", "constant", "branch", "function", "training", "location only", "flag only"]
)
def test_external_data_is_found_in_every_field(field):
    assert has_external_data(model_with_external_data_in(field))
    assert not has_external_data(model_with_external_data_in(None))


def test_model_that_only_mentions_external_data_is_loaded():
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


def test_prediction_imports_only_the_core(tmp_path):
    (tmp_path / "model.onnx").write_bytes(softmax_model())
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True, env=environment
    )
    digest, modules = done.stdout.splitlines()
    assert digest == hashlib.sha256(load_model(tmp_path).predict_proba(images(20))).hexdigest()
    not_core = {"torch", "pydantic", "matplotlib", "sklearn", "pandas", "polars", "scipy", "onnx", "safetensors"}
    assert not not_core & set(modules.split())
    assert "onnxruntime" in modules.split()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x93NUMPY\1\0", "is a NumPy array (.npy); expected an ONNX model in one file"),
        (b"\x80\4\x95", "is a pickle; loading it could run code"),
        (b"<html><title>Sign in</title>", "is a web page; download the file itself again"),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "is a Git LFS pointer, not the file; fetch it with `git lfs pull`",
        ),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, content, problem):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(RunError) as caught:
        load_model(tmp_path / "model.onnx")
    assert problem in str(caught.value)
