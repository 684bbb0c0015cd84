"""PyTorch and ONNX are the same network, for every named recipe."""

import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tenfold.export.onnx import export
from tenfold.model import Model
from tenfold.nets import build
from tenfold.recipes import RECIPES, Recipe, find

# Logits are stretched below until random networks tell images apart, and float32's rounding with them.
TOLERANCE = 1e-4


def trained_looking(recipe, images):
    """The recipe's network with what training would change: other weights, other figures of batch norm."""
    network = build(recipe, torch.tensor(images))
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)
            if getattr(module, "bias", None) is not None:
                module.bias.normal_(0, 0.1)
        for member in getattr(network, "members", [network]):  # those of an ensemble
            member.eval()
            heads = member.heads(torch.tensor(images)) if member.tells_digits else [member(torch.tensor(images))]
            outputs = torch.cat([head.view(len(images), -1) for head in heads], dim=1)
            scale = 1 / outputs.std(0).mean()  # as different for different images as a trained one's
            member.last.weight.mul_(scale)
            member.last.bias.sub_(outputs.mean(0)).mul_(scale)
    return network


@pytest.fixture(scope="module", params=[name for name, entry in RECIPES.items() if entry.recipe.net.kind != "ctc"])
def exported(request, tmp_path_factory, make_digits):
    """(recipe, PyTorch network, ONNX file); made once for all tests of a recipe."""
    recipe = find(request.param).recipe
    network = trained_looking(recipe, make_digits(100).images)
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export(network, path, {"tenfold": "1.2.3", "recipe": recipe.model_dump_json()})
    return recipe, network, path


def test_probabilities_agree_for_any_number_of_images(exported, make_digits):
    _, network, path = exported
    model = Model(path.read_bytes())
    noise = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    blank, full = np.zeros((1, 28, 28), np.uint8), np.full((1, 28, 28), 255, np.uint8)
    images = np.concatenate([make_digits(30, seed=1).images, noise, blank, full])
    with torch.no_grad():
        expected = network.eval()(torch.tensor(images)).softmax(1).numpy()
        digitness = network.heads(torch.tensor(images))[1].sigmoid().numpy() if network.tells_digits else None
    for n in (1, 2, 7, len(images)):
        probabilities = np.concatenate([model.predict_proba(images[i : i + n]) for i in range(0, len(images), n)])
        assert np.abs(probabilities - expected).max() < TOLERANCE
        np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert model.tells_digits == (digitness is not None)
    if digitness is not None:
        assert np.abs(model.digitness(images) - digitness).max() < TOLERANCE
        assert digitness.std() > 0.02, "all images alike would show nothing"
    assert expected.std(axis=0).mean() > 0.02, "all images alike would show nothing"


def test_the_file_is_whole_and_says_nothing_of_this_machine(exported):
    recipe, _, path = exported
    content = path.read_bytes()
    model, wordy = onnx.load_from_string(content), onnx.load_from_string(content)
    for tensor in wordy.graph.initializer:
        tensor.ClearField("raw_data")  # megabytes of numbers may spell anything
    words = wordy.SerializeToString()
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    for hint in (
        b".py",
        b"site-packages",
        b"/home",
        b"/root",
        b"/tmp",
        b"/usr",
        str(path.parent).encode(),
        b"Traceback",
    ):
        assert hint not in words, hint
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert {entry.key: entry.value for entry in model.metadata_props}["tenfold"] == "1.2.3"
    assert Recipe.model_validate_json(Model(content).metadata["recipe"]) == recipe
    assert model.producer_name == "tenfold"
    weights = sum(int(np.prod(tensor.dims)) * 4 for tensor in model.graph.initializer)
    assert len(content) < weights + 40_000 * recipe.ensemble_size  # no weights twice


def test_the_interface(exported):
    graph = onnx.load(exported[2]).graph
    (images,), (probabilities, *more) = graph.input, graph.output
    assert [output.name for output in more] == (["digitness"] if exported[0].synthesis.negatives else [])
    assert all([d.dim_param for d in output.type.tensor_type.shape.dim] == ["batch"] for output in more)
    assert (images.name, probabilities.name) == ("images", "probabilities")
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert probabilities.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [d.dim_param or d.dim_value for d in images.type.tensor_type.shape.dim] == ["batch", 28, 28]
    assert [d.dim_param or d.dim_value for d in probabilities.type.tensor_type.shape.dim] == ["batch", 10]


def test_export_is_quiet_repeatable_and_leaves_the_weights_alone(make_recipe, digits, tmp_path, capfd, recwarn):
    network = build(make_recipe(), torch.tensor(digits.images)).to(memory_format=torch.channels_last).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    export(network, tmp_path / "one.onnx", {"recipe": json.dumps({})})
    export(network, tmp_path / "two.onnx", {"recipe": json.dumps({})})
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
