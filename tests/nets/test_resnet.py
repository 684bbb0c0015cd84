import pytest
import torch
from torch import nn

from tenfold.errors import RecipeError
from tenfold.nets import build, layer_table, parameter_count
from tenfold.nets.resnet import ResidualBlock
from tenfold.recipes import find
from tenfold.recipes.networks import ResNet
from tenfold.recipes.toml import with_settings

IMAGES = torch.randint(0, 256, (4, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def resnet(**settings):
    return find("fast").recipe.model_copy(update={"net": ResNet(**settings)})


def block_parameters(channels, filters):
    """Two convolutions, and one of 1x1 pixels if the number of channels changes; each has batch norm."""
    projection = channels * filters + 2 * filters if channels != filters else 0
    return 9 * filters * (channels + filters) + 4 * filters + projection


def test_residual_block_begins_as_its_shortcut():
    x = torch.randn(2, 5, 6, 6)
    torch.testing.assert_close(ResidualBlock(5, 5)(x), x.relu())
    projected = ResidualBlock(5, 7)
    torch.testing.assert_close(projected(x), projected.shortcut(x).relu())


def test_residual_block_adds_convolutions_to_its_input():
    torch.manual_seed(0)
    block = ResidualBlock(3, 3).eval()
    nn.init.ones_(block.residual[-1].weight)
    x = torch.randn(2, 3, 5, 5)
    first, second = block.residual[0].weight, block.residual[3].weight
    scale = (1 + block.residual[1].eps) ** -0.5  # of a batch norm that has seen nothing
    y = nn.functional.conv2d(x, first, padding=1).mul(scale).relu()
    y = nn.functional.conv2d(y, second, padding=1).mul(scale)
    torch.testing.assert_close(block(x), (x + y).relu())


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("filters", [(4,), (4, 6), (4, 4, 8)])
@pytest.mark.parametrize(("head", "features"), [("avg", 1), ("avgmax", 2), ("flatten", None)])
@pytest.mark.parametrize("stem", [{}, {"stem_padding": "valid"}, {"stem_stride": 1, "stem_pool": True}])
def test_any_valid_resnet_trains(stem, head, features, filters, depth):
    recipe = resnet(stem_filters=4, filters=filters, depth=depth, head=head, dropout=0.1, **stem)
    network = build(recipe, IMAGES).train()
    assert network(IMAGES[:1]).shape == (1, 10)
    channels = [4, *(each for each in filters for _ in range(depth))]
    blocks = sum(map(block_parameters, channels[:-1], channels[1:]))
    features = features or recipe.net.final_side() ** 2
    assert parameter_count(network) == 25 * 4 + 2 * 4 + blocks + (features * filters[-1] + 1) * 10


def test_layer_table_of_a_resnet():
    layers = layer_table(build(resnet(stem_filters=8, filters=(8, 16), depth=2)))
    assert [(layer.kind, layer.output_shape) for layer in layers if layer.kind.startswith("Residual")] == [
        ("Residual block, 2 × Conv 3×3", "8 × 14 × 14"),
        ("Residual block, 2 × Conv 3×3", "8 × 14 × 14"),
        ("Residual block, 2 × Conv 3×3, projection", "16 × 7 × 7"),
        ("Residual block, 2 × Conv 3×3", "16 × 7 × 7"),
    ]


def test_too_many_stages_are_rejected():
    with pytest.raises(RecipeError, match="less than 2x2 pixels are left of the 28x28; use fewer stages"):
        with_settings(find("fast").recipe, ["net.kind=resnet", "net.filters=[4,4,4,4]"])
