from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage
from torch import nn

from tenfold.errors import RecipeError
from tenfold.nets import build, layer_table, parameter_count
from tenfold.recipes import RECIPES, find
from tenfold.recipes.networks import CNN
from tenfold.recipes.toml import from_dict, with_settings


def images(n=40, seed=0):
    return torch.tensor(np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8))


def conv(inputs, outputs, kernel):
    return outputs * (inputs * kernel * kernel + 1)


def dense(*sizes):
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))


def dense_batch_norm(*sizes):
    """Hidden layers with weights, no biases and two parameters per unit, then the last layer."""
    return sum(inputs * outputs + 2 * outputs for inputs, outputs in pairwise(sizes[:-1])) + dense(*sizes[-2:])


def outputs(recipe):
    """Ten digits, and digitness as the eleventh."""
    return 11 if recipe.synthesis.negatives else 10


def cnn_parameters(net, outputs):
    """Weights without biases, and two parameters per channel for each batch norm."""
    channels = [net.stem_filters, *(filters for filters in net.filters for _ in range(net.depth))]
    convolutions = 25 * net.stem_filters + sum(9 * i * o for i, o in pairwise(channels))
    features = channels[-1] * {"avg": 1, "avgmax": 2, "flatten": net.final_side() ** 2}[net.head]
    return convolutions + 2 * sum(channels) + dense_batch_norm(features, *net.dense, outputs)


DIGIT_RECIPES = [name for name, entry in RECIPES.items() if entry.recipe.net.kind != "ctc"]
COUNTS = {
    "cnn-635k": conv(1, 32, 5) + conv(32, 32, 3) + conv(32, 64, 5) + conv(64, 64, 3) + dense(4 * 4 * 64, 519, 10),
    "six-conv": conv(1, 32, 3)
    + conv(32, 32, 3)
    + conv(32, 64, 3)
    + conv(64, 32, 3)
    + conv(32, 64, 3)
    + conv(64, 64, 3)
    + dense(64, 256, 10),
    "cnn-887k": conv(1, 32, 5) + conv(32, 32, 5) + conv(32, 64, 3) + conv(64, 64, 3) + dense(7 * 7 * 64, 256, 10),
    "dense-128": dense(784, 128, 128, 10),
}


@pytest.mark.parametrize("name", DIGIT_RECIPES)
def test_parameter_count_by_hand(name):
    recipe = find(name).recipe
    if isinstance(recipe.net, CNN):
        expected = cnn_parameters(recipe.net, outputs(recipe))
    else:
        count_dense = dense_batch_norm if getattr(recipe.net, "batch_norm", False) else dense
        expected = COUNTS.get(name) or count_dense(784, *recipe.net.dense, 10)
    assert parameter_count(build(recipe)) == expected * recipe.ensemble_size


def test_parameter_count_published():
    assert parameter_count(build(find("cnn-887k").recipe)) == 887_530
    assert parameter_count(build(find("cnn-635k").recipe)) == 635_447


def test_layer_table_of_cnn_887k():
    """The write-up's own table, without activations."""
    layers = [
        (layer.kind, layer.output_shape, layer.parameters)
        for layer in layer_table(build(find("cnn-887k").recipe))
        if layer.kind not in ("ReLU", "Standardize")
    ]
    assert layers == [
        ("Conv 5×5, same", "32 × 28 × 28", 832),
        ("Conv 5×5, same", "32 × 28 × 28", 25_632),
        ("MaxPool2d", "32 × 14 × 14", 0),
        ("Dropout", "32 × 14 × 14", 0),
        ("Conv 3×3, same", "64 × 14 × 14", 18_496),
        ("Conv 3×3, same", "64 × 14 × 14", 36_928),
        ("MaxPool2d", "64 × 7 × 7", 0),
        ("Dropout", "64 × 7 × 7", 0),
        ("Flatten", "3136", 0),
        ("Linear", "256", 803_072),
        ("Dropout", "256", 0),
        ("Linear", "10", 2_570),
    ]


@pytest.mark.parametrize("name", DIGIT_RECIPES)
def test_layer_table_is_complete_and_changes_nothing(name):
    recipe = find(name).recipe
    network = build(recipe, images())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.train()
    layers = layer_table(network)
    assert sum(layer.parameters for layer in layers) == parameter_count(network)
    assert layers[0].name.endswith("normalize")
    assert layers[-1].output_shape == str(outputs(recipe))
    assert len({layer.name for layer in layers}) == len(layers)
    assert network.training
    assert all(module.training for module in network.modules())
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)  # batch norm's statistics too


def test_layer_kinds():
    layers = layer_table(build(with_settings(find("cnn-635k").recipe, ["net.kernel_sizes=[5,1,5,3]"])))
    convolutions = [layer.kind for layer in layers if layer.kind.startswith("Conv")]
    assert convolutions == ["Conv 5×5, valid", "Conv 1×1, same", "Conv 5×5, valid", "Conv 3×3, same"]


@pytest.mark.parametrize("name", DIGIT_RECIPES)
@pytest.mark.parametrize("batch", [1, 3])
def test_uint8_and_float_pixels_give_same_logits(name, batch):
    network = build(find(name).recipe, images()).eval()
    with torch.no_grad():
        logits = network(images(batch, seed=1))
        assert logits.shape == (batch, 10)
        assert logits.dtype == torch.float32
        assert torch.equal(logits, network(images(batch, seed=1).float()))


@pytest.mark.parametrize("name", ["fast", "six-conv", "dense-s"])
def test_build_draws_from_recipe_seed_only(name):
    recipe = find(name).recipe
    torch.manual_seed(1)
    first = build(recipe, images()).state_dict()
    expected = torch.rand(3)  # the caller's generator
    torch.manual_seed(1)
    second = build(recipe, images()).state_dict()
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), expected), "building must not draw from the global generator"
    other = build(with_settings(recipe, ["seed=7"]), images()).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    weights = [key for key in first if key.endswith(".weight") and first[key].ndim > 1]
    assert len(weights) >= 2
    assert not any(torch.equal(first[key], other[key]) for key in weights)


@pytest.mark.parametrize("name", ["cnn-887k", "dense-xxl"])
def test_write_up_networks_have_keras_initial_weights(name):
    """Glorot-uniform: within ±sqrt(6 / (inputs + outputs)) times the receptive field, biases zero."""
    for module in build(find(name).recipe).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            field = module.weight[0, 0].numel() if module.weight.ndim == 4 else 1
            limit = (6 / (field * (module.weight.shape[0] + module.weight.shape[1]))) ** 0.5
            assert module.weight.abs().max() <= limit * 1.0001
            assert module.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.06)
            assert not module.bias.any()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=8),
    st.integers(1, 29),
    st.sampled_from(["same", "valid"]),
    st.integers(1, 4),
)
def test_any_valid_plain_cnn_runs(filters, kernel, padding, pool_every):
    values = find("cnn-887k").recipe.model_dump(mode="json")
    values["net"] |= {"filters": filters, "kernel_sizes": [kernel], "padding": [padding], "pool_every": pool_every}
    try:
        recipe = from_dict(values, "recipe")
    except RecipeError:
        return
    assert layer_table(build(recipe))[-1].output_shape == "10"


@pytest.mark.parametrize("depth", [1, 8])
@pytest.mark.parametrize("filters", [(4,), (4, 4, 4)])
def test_cnn_trains_on_single_image(filters, depth):
    """The last batch of an epoch may be one image: every map must keep more than one pixel."""
    recipe = find("fast").recipe.model_copy(update={"net": CNN(stem_filters=4, filters=filters, depth=depth)})
    logits = build(recipe, images()).train()(images(1))
    assert logits.isfinite().all()


def test_negatives_add_a_digitness_head():
    with_head = with_settings(find("fast").recipe, ["synthesis.negatives=0.5"])
    network = build(with_head, images()).eval()
    assert network.has_digitness_head
    assert not build(find("fast").recipe, images()).has_digitness_head
    with torch.no_grad():
        logits, digitness = network.forward_heads(images(3))
        assert torch.equal(logits, network(images(3)))
        network.classifier.bias[10] += 1
        changed = network.forward_heads(images(3))
    assert (logits.shape, digitness.shape) == ((3, 10), (3,))
    assert torch.equal(changed[0], logits)
    torch.testing.assert_close(changed[1], digitness + 1)


@pytest.mark.parametrize("settings", [[], ["synthesis.negatives=0.5"]])
def test_tta_averages_logits_of_shifted_images(settings):
    recipe = with_settings(find("flash").recipe, ["tta=1", *settings])
    plain, averaged = build(recipe, images()).eval(), build(with_settings(recipe, ["tta=5"]), images()).eval()
    averaged.load_state_dict(plain.state_dict())
    shifts = [(0, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    with torch.no_grad():
        shifted = [torch.tensor(ndimage.shift(images(3).numpy(), shift, order=0)) for shift in shifts]
        torch.testing.assert_close(averaged(images(3)), torch.stack([plain(image) for image in shifted]).mean(0))
        if settings:
            expected = torch.stack([plain.forward_heads(image)[1] for image in shifted]).mean(0)
            torch.testing.assert_close(averaged.forward_heads(images(3))[1], expected)
        torch.testing.assert_close(averaged.train()(images(3)), plain.train()(images(3)))


@pytest.mark.parametrize("head", ["avg", "avgmax", "flatten"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("stride", "stem_padding"), [(1, "same"), (1, "valid"), (2, "same"), (2, "valid")])
@pytest.mark.parametrize(("filters", "depth"), [((4,), 1), ((4,), 2), ((4, 6), 1), ((4, 6), 2), ((4, 6, 8), 1)])
def test_any_valid_cnn_trains(head, padding, stride, stem_padding, filters, depth):
    settings = {"head": head, "padding": padding, "stem_stride": stride, "stem_padding": stem_padding}
    try:
        net = CNN(stem_filters=4, filters=filters, depth=depth, **settings)
    except ValidationError:
        assert padding == "valid" or stride == 2  # too few pixels are left
        return
    network = build(find("fast").recipe.model_copy(update={"net": net}), images()).train()
    assert network(images(1)).shape == (1, 10)
    assert parameter_count(network) == cnn_parameters(net, 10)
    net = net.model_copy(update={"dense": (7, 5)})
    network = build(find("fast").recipe.model_copy(update={"net": net}), images()).train()
    assert network(images(2)).shape == (2, 10)
    assert parameter_count(network) == cnn_parameters(net, 10)
