"""`import tenfold`: the public names, what it imports, and what works without the extra `train`."""

import json
import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import tenfold

HEAVY = (
    "numpy",
    "torch",
    "onnxruntime",
    "onnx",
    "polars",
    "rich",
    "pydantic",
    "sklearn",
    "matplotlib",
    "PIL",
    "pooch",
    "cv2",
)
TRAINING = ("torch", "pydantic", "safetensors", "onnx", "sklearn", "matplotlib")


def python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=120)


def test_public_names():
    assert dir(tenfold) == tenfold.__all__ == sorted(tenfold.__all__)
    modules = {
        "api.evaluation": ["Evaluation", "compare", "evaluate"],
        "api.run": ["Run"],
        "api.train": ["check", "load_recipe", "train", "write_submission"],
        "data": ["Dataset", "load_data"],
        "data.arrays": ["from_arrays", "from_frame"],
        "errors": ["DataWarning", "TenfoldError"],
        "estimator": ["DigitClassifier"],
        "evaluation": ["Leaderboard"],
        "model": ["Model", "load_model"],
        "ocr.reader": ["Digit", "Reader", "Reading", "read"],
    }
    assert {name for names in modules.values() for name in names} | {"__version__"} == set(tenfold.__all__)
    for module, names in modules.items():
        for name in names:
            assert getattr(tenfold, name) is getattr(import_module(f"tenfold.{module}"), name)
            assert getattr(tenfold, name).__doc__, f"{name} has no docstring"
    with pytest.raises(AttributeError, match="module 'tenfold' has no attribute 'train_everything'"):
        _ = tenfold.train_everything


def command(*args: str) -> str:
    return f"import sys; sys.argv = ['tenfold', *{args}]; from tenfold.cli.app import main; main()"


@pytest.mark.parametrize(
    "code", ["import tenfold", command(), command("--help"), command("--version"), command("train", "--help")]
)
def test_start_imports_nothing_heavy(code):
    ran = python(f"import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); {code}")
    loaded = {name.partition(".")[0] for name in ran.stderr.splitlines()[-1].split()}
    assert "tenfold" in loaded
    assert not loaded & set(HEAVY)


LIBRARY_ONLY = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {(*TRAINING, "typer", "rich")}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
import tenfold
from tenfold.submission import read_submission, write_submission
model, data, out = sys.argv[1:]
images = tenfold.load_data(data).test.images
write_submission(out, tenfold.load_model(model).predict(images))
print(*read_submission(out))
"""
WITHOUT_TRAINING = f"""
import json, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
from tenfold.cli.app import main
for args in json.loads(sys.argv[1]):
    sys.argv = ["tenfold", *args]
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code
    print("code", code)
"""


@pytest.fixture
def model_and_data(tmp_path):
    """A folder with a model that classifies squares of ten gray levels and with such images in Kaggle's format."""
    labels = np.random.default_rng(0).permutation(np.arange(40) % 10)
    squares = np.zeros((40, 28, 28), int)
    squares[:, 7:21, 7:21] = 25 * (labels + 1)[:, None, None]
    images = squares.reshape(40, 784)
    names = ",".join(f"pixel{number}" for number in range(784))
    (tmp_path / "data").mkdir()
    np.savetxt(tmp_path / "data" / "test.csv", images, "%d", delimiter=",", header=names, comments="")
    table = np.column_stack([labels, images])
    np.savetxt(tmp_path / "data" / "train.csv", table, "%d", delimiter=",", header=f"label,{names}", comments="")
    # The logits are -(level - mean)^2 of the image, without the term that is equal for all levels.
    levels = np.arange(1, 11, dtype=np.float32) * 25 / 4
    weights, bias = np.outer(np.full(784, 1 / 784), 2 * levels).astype(np.float32), -(levels**2)
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["rows"]),
        helper.make_node("Gemm", ["rows", "weights", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "levels",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [onnx.numpy_helper.from_array(weights, "weights"), onnx.numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    return tmp_path, labels


def test_prediction_works_without_the_training_packages(model_and_data):
    folder, labels = model_and_data
    ran = python(LIBRARY_ONLY, str(folder / "model.onnx"), str(folder / "data"), str(folder / "submission.csv"))
    assert ran.stderr == ""
    assert [int(label) for label in ran.stdout.split()] == labels.tolist()


def test_command_line_without_the_training_packages(model_and_data):
    folder, labels = model_and_data
    model, data, out = str(folder / "model.onnx"), str(folder / "data"), str(folder / "submission.csv")
    commands = [
        ["submit", model, data, "-o", out],
        ["submit", "--check", out],
        ["check", data, "--report", str(folder / "check.html")],
        ["evaluate", model, f"{data}:train", "--report", str(folder / "evaluation.html"), "--json"],
        ["train", data, "--out", str(folder / "run")],
        ["recipes"],
    ]
    ran = python(WITHOUT_TRAINING, json.dumps(commands))
    assert ran.returncode == 0, ran.stderr
    codes = [line for line in ran.stdout.splitlines() if line.startswith("code ")]
    assert codes == ["code 0", "code 0", "code 0", "code 0", "code 5", "code 5"], ran.stderr
    errors = ran.stderr.splitlines()
    assert len(errors) == 2
    for line in errors:
        assert line.startswith("tenfold: this needs the package ")
        assert line.endswith("; install it with: pip install 'tenfold[train]'")
    rows = (folder / "submission.csv").read_text().splitlines()
    assert rows == ["ImageId,Label", *(f"{number},{label}" for number, label in enumerate(labels, 1))]
    assert '"accuracy": 1.0' in ran.stdout
    assert (folder / "check.html").exists()
    assert (folder / "evaluation.html").exists()
    assert not (folder / "run").exists()


def test_onnx_runtime_sends_no_telemetry(tmp_path):
    """It would write an identifier of the machine and a queue of events to the user's cache."""
    code = "import time, tenfold; tenfold.load_model(); time.sleep(1)"
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], env=env | {"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("onnxruntime*")) == []
