import sys

import pytest
import torch
from torch import nn

from tenfold.errors import RecipeError
from tenfold.nets import build, layer_table, parameter_count
from tenfold.recipes import Recipe, find
from tenfold.recipes.networks import Custom
from tenfold.recipes.toml import from_dict

IMAGES = torch.randint(0, 256, (4, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Attention(nn.Module):
    """Has parameters of its own, and a layer of PyTorch's with layers inside."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(28, 8)
        self.position = nn.Parameter(torch.zeros(28, 8))
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 10))

    def forward(self, x):
        return self.head(self.encoder(self.embed(x.squeeze(1)) + self.position).mean(1))


def lazy():
    return nn.Sequential(nn.Conv2d(1, 3, 5), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))


def nine_classes():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 9))


def without_parameters():
    return nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(10))


def wrong_input():
    return nn.Linear(3, 10)


def raising():
    raise OSError("no weights here")


def recipe(factory):
    return find("fast").recipe.model_copy(update={"net": Custom(factory=f"{__name__}:{factory}"), "tta": 1})


def test_factory_builds_from_the_seed():
    weights = [build(recipe("lazy").model_copy(update={"seed": seed}), IMAGES).state_dict() for seed in (0, 0, 1)]
    convolution = "body.network.0.weight"
    assert torch.equal(weights[0][convolution], weights[1][convolution])
    assert not torch.equal(weights[0][convolution], weights[2][convolution])
    assert torch.equal(weights[0]["body.network.1.running_mean"], torch.zeros(3)), "checking it must not train it"


def test_module_is_copied():
    module = lazy()
    module(torch.zeros(2, 1, 28, 28))
    network = build(find("fast").recipe.model_copy(update={"net": Custom()}), IMAGES, module)
    nn.init.zeros_(network.body.network[0].weight)
    assert module[0].weight.any()


def test_network_normalizes_before_the_module():
    network = build(recipe("lazy"), IMAGES).eval()
    pixels = network.normalize(IMAGES.unsqueeze(1).float())
    torch.testing.assert_close(network(IMAGES), network.body.network(pixels))


def test_layer_table_of_a_module():
    network = build(recipe("Attention"))
    rows = {layer.name: (layer.kind, layer.output_shape, layer.parameters) for layer in layer_table(network)}
    assert rows["network.embed"] == ("Linear", "28 × 8", 28 * 8 + 8)
    assert rows["network.encoder"][:2] == ("TransformerEncoderLayer", "28 × 8")
    assert rows["network.head.2"] == ("Linear", "10", 90)
    assert rows["network.position"] == ("Parameter", "28 × 8", 28 * 8)
    assert sum(parameters for _, _, parameters in rows.values()) == parameter_count(network)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("nine_classes", r"expected logits float \(2, 10\) for two images, got torch.float32 \(2, 9\)"),
        ("without_parameters", "it has no parameters to train"),
        ("wrong_input", r"its forward pass failed on images float \(2, 1, 28, 28\) \(RuntimeError: "),
        ("raising", r"calling it without arguments failed \(OSError: no weights here\)"),
        ("IMAGES", "expected it to return a torch.nn.Module, got Tensor"),
        ("missing", r"can't be imported \(AttributeError: "),
    ],
)
def test_unusable_factory_is_named_with_the_reason(factory, message):
    if factory == "IMAGES":
        message = "calling it|expected it"
    with pytest.raises(RecipeError, match=f"^network {__name__}:{factory}: .*{message}") as caught:
        build(recipe(factory))
    assert len(str(caught.value)) < 300


def test_factory_is_found_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_own_nets.py").write_text(
        "from torch import nn\ndef net(): return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    network = build(find("fast").recipe.model_copy(update={"net": Custom(factory="my_own_nets:net")}))
    assert parameter_count(network) == 7850


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net": {"kind": "custom", "factory": "nets.make"}}, "net.factory: expected package.module:factory, such as"),
        ({"synthesis": {"negatives": 1}}, "synthesis.negatives: only tenfold's own networks have a digitness head"),
        ({"ensemble_size": 2, "calibrate": False}, "ensemble_size: name the network as package.module:factory"),
    ],
)
def test_settings_that_a_custom_network_rules_out(changes, message):
    values = find("fast").recipe.model_dump(mode="json") | {"net": {"kind": "custom"}} | changes
    with pytest.raises(RecipeError, match=message):
        from_dict(values, "recipe")
    assert isinstance(from_dict(values | {"net": {"kind": "mlp", "dense": []}}, "recipe"), Recipe)
