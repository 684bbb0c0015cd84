"""PyTorch and ONNX compute the same, for every named recipe."""

import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tenfold.errors import UnavailableError
from tenfold.export.graph import IR_VERSION, OPSET
from tenfold.export.onnx import OLDEST_RUNTIME, add_metadata, describe_format, export
from tenfold.export.quantize import quantize
from tenfold.model import Model
from tenfold.nets import build
from tenfold.nets.network import LineNetwork
from tenfold.ocr.line_model import LineModel
from tenfold.ocr.marks import SYMBOLS
from tenfold.recipes import RECIPES, Recipe, find

TOLERANCE = 1e-5
MACHINE_HINTS = (b".py", b"site-packages", b"/home", b"/root", b"/tmp", b"/usr", b"Traceback")
is_line_recipe = {name: entry.recipe.net.kind == "ctc" for name, entry in RECIPES.items()}


def make_trained_like(network, inputs):
    """Change what training would change: biases, batch norm, and a last layer whose logits differ between inputs."""
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.weight.uniform_(0.5, 2)
                module.momentum = None  # the statistics become those of the next batch
            if getattr(module, "bias", None) is not None:
                module.bias.normal_(0, 0.1)
        network.train()(inputs)
        network.eval()
        for member in getattr(network, "members", [network]):
            if not isinstance(member, LineNetwork):
                standardize_logits(member, inputs)
    return network


def standardize_logits(network, images):
    heads = network.forward_heads(images) if network.has_digitness_head else [network(images)]
    logits = torch.cat([head.view(len(images), -1) for head in heads], dim=1)
    scale = 1 / logits.std(0).mean()
    network.classifier.weight.mul_(scale)
    network.classifier.bias.sub_(logits.mean(0)).mul_(scale)


@pytest.fixture(scope="module", params=RECIPES)
def exported(request, tmp_path_factory, make_digits):
    """(recipe, PyTorch network, ONNX file), made once for all tests of a recipe."""
    recipe = find(request.param).recipe
    images = torch.tensor(make_digits(100).images)
    inputs = nn.functional.pad(images, (0, 0, 2, 2)) if recipe.net.kind == "ctc" else images
    network = make_trained_like(build(recipe, images), inputs)
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export(network, path, {"tenfold": "1.2.3", "recipe": recipe.model_dump_json()})
    return recipe, network, path


@pytest.mark.parametrize("exported", [name for name, is_line in is_line_recipe.items() if not is_line], indirect=True)
def test_probabilities_match_pytorch_at_any_batch_size(exported, make_digits):
    _, network, path = exported
    model = Model(path.read_bytes())
    noise = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    black, white = np.zeros((1, 28, 28), np.uint8), np.full((1, 28, 28), 255, np.uint8)
    images = np.concatenate([make_digits(30, seed=1).images, noise, black, white])
    with torch.no_grad():
        expected = network(torch.tensor(images)).softmax(1).numpy()
        digitness = (
            network.forward_heads(torch.tensor(images))[1].sigmoid().numpy() if network.has_digitness_head else None
        )
    for n in (1, 2, 7, len(images)):
        probabilities = np.concatenate([model.predict_proba(images[i : i + n]) for i in range(0, len(images), n)])
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert expected.std(axis=0).mean() > 0.02, "the images must differ to show something"
    assert model.has_digitness == (digitness is not None)
    if digitness is not None:
        np.testing.assert_allclose(model.digitness(images), digitness, rtol=0, atol=TOLERANCE)
        assert digitness.std() > 0.02, "the images must differ to show something"


@pytest.mark.parametrize("exported", [name for name, is_line in is_line_recipe.items() if is_line], indirect=True)
@pytest.mark.parametrize(("n", "width"), [(1, 8), (2, 32), (3, 44), (1, 400)])
def test_log_probabilities_match_pytorch_at_any_size(exported, n, width):
    _, network, path = exported
    session = LineModel(path.read_bytes())._session
    strips = np.random.default_rng(width).integers(0, 256, (n, 32, width), dtype=np.uint8)
    (log_probabilities,) = session.run(None, {"strips": strips})
    with torch.no_grad():
        expected = network(torch.tensor(strips)).log_softmax(2).numpy()
    assert log_probabilities.shape == (n, width // 2, len(SYMBOLS) + 1)
    np.testing.assert_allclose(np.exp(log_probabilities), np.exp(expected), rtol=0, atol=TOLERANCE)
    assert expected.std() > 0.02, "the columns must differ to show something"


def test_file_is_complete_and_holds_nothing_of_this_machine(exported):
    recipe, _, path = exported
    content = path.read_bytes()
    model, words = onnx.load_from_string(content), onnx.load_from_string(content)
    for tensor in words.graph.initializer:
        tensor.ClearField("raw_data")  # megabytes of numbers may spell anything
    for hint in (*MACHINE_HINTS, str(path.parent).encode()):
        assert hint not in words.SerializeToString(), hint
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["tenfold"] == "1.2.3"
    assert Recipe.model_validate_json(metadata["recipe"]) == recipe
    assert model.producer_name == "tenfold"


def test_file_holds_each_weight_once(exported):
    recipe, network, path = exported
    parameters = sum(tensor.numel() for tensor in network.parameters())
    buffers = sum(tensor.numel() for tensor in network.buffers())
    assert path.stat().st_size < 4 * (parameters + buffers) + 40_000 * recipe.ensemble_size


def test_inputs_and_outputs(exported):
    recipe, network, path = exported
    graph = onnx.load(path).graph
    shapes = {
        value.name: (
            value.type.tensor_type.elem_type,
            [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim],
        )
        for value in (*graph.input, *graph.output)
    }
    uint8, float32 = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
    if recipe.net.kind == "ctc":
        assert shapes == {
            "strips": (uint8, ["batch", 32, "width"]),
            "log_probabilities": (float32, ["batch", "steps", 11]),
        }
        return
    digitness = {"digitness": (float32, ["batch"])} if network.has_digitness_head else {}
    assert (
        shapes
        == {
            "images": (uint8, ["batch", 28, 28]),
            "probabilities": (float32, ["batch", 10]),
        }
        | digitness
    )
    assert network.has_digitness_head == bool(recipe.synthesis.negatives)


def test_operators_exist_in_the_declared_operator_set(exported, tmp_path, make_digits):
    recipe, _, path = exported
    if recipe.int8:
        path = tmp_path / "quantized.onnx"
        path.write_bytes(exported[2].read_bytes())
        quantize(path, make_digits(20).images)
    model = onnx.load(path)
    assert (model.ir_version, [(opset.domain, opset.version) for opset in model.opset_import]) == (
        IR_VERSION,
        [("", OPSET)],
    )
    for node in model.graph.node:
        assert node.domain == ""
        assert onnx.defs.get_schema(node.op_type, OPSET).since_version <= OPSET
    assert describe_format(path) == f"IR version 7, operator set 13; ONNX Runtime {OLDEST_RUNTIME} and newer load it"


def test_export_is_deterministic_silent_and_leaves_the_network_unchanged(make_recipe, digits, tmp_path, capfd, recwarn):
    network = build(make_recipe(), torch.tensor(digits.images)).to(memory_format=torch.channels_last).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    export(network, tmp_path / "first.onnx", {"recipe": json.dumps({})})
    export(network, tmp_path / "second.onnx", {"recipe": json.dumps({})})
    assert (tmp_path / "first.onnx").read_bytes() == (tmp_path / "second.onnx").read_bytes()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert network.training
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_add_metadata_keeps_what_is_there(make_recipe, tmp_path):
    path = tmp_path / "model.onnx"
    export(build(make_recipe()), path, {"recipe": "kept", "tenfold": "old"})
    add_metadata(path, {"tenfold": "new", "calibration": "[1, 0]"})
    assert Model(path.read_bytes()).metadata == {"recipe": "kept", "tenfold": "new", "calibration": "[1, 0]"}


class Swish(nn.Module):
    def forward(self, x):
        return x * x.sigmoid()


def test_unknown_layer_is_exported_by_pytorch(make_recipe, tmp_path, make_digits):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    images = make_digits(20, seed=3).images
    network = build(make_recipe(), torch.tensor(images)).eval()
    network.body.insert(len(network.body) - 1, Swish())
    export(network, tmp_path / "model.onnx", {"recipe": "mine"})
    content = (tmp_path / "model.onnx").read_bytes()
    model = Model(content)
    assert model.metadata == {"recipe": "mine"}
    with torch.no_grad():
        expected = network(torch.tensor(images)).softmax(1).numpy()
    np.testing.assert_allclose(model.predict_proba(images), expected, rtol=0, atol=TOLERANCE)
    assert not any(hint in content for hint in (b".py", b"site-packages", b"/root", b"/tmp"))
    assert describe_format(tmp_path / "model.onnx").startswith("IR version ")


def test_unknown_layer_without_the_exporter_names_the_package_to_install(make_recipe, tmp_path, monkeypatch):
    def without_onnxscript(*args, **kwargs):
        raise ImportError("Module onnxscript is not installed!")

    monkeypatch.setattr(torch.onnx, "export", without_onnxscript)
    network = build(make_recipe())
    network.body.insert(len(network.body) - 1, Swish())
    with pytest.raises(
        UnavailableError, match=r"to export the layer Swish, .* install it with: pip install onnxscript"
    ):
        export(network, tmp_path / "model.onnx", {})
    assert not list(tmp_path.iterdir())
