import pytest
import torch
from torch import nn

from tenfold.errors import RecipeError
from tenfold.nets import build, layer_table
from tenfold.nets.layers import ACTIVATIONS
from tenfold.nets.plain_cnn import plain_cnn
from tenfold.recipes import find
from tenfold.recipes.networks import PlainCNN
from tenfold.recipes.toml import with_settings

SMALL = {"filters": (3, 4), "kernel_sizes": (3,), "padding": ("same",), "dense": (5,)}
IMAGES = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
FUNCTIONS = {
    "relu": torch.relu,
    "leaky_relu": nn.functional.leaky_relu,
    "elu": nn.functional.elu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
POOLING = {
    "max": lambda x: nn.functional.max_pool2d(x, 2),
    "avg": lambda x: nn.functional.avg_pool2d(x, 2),
    "none": lambda x: x,
}


@pytest.mark.parametrize("pooling", POOLING)
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_plain_cnn_is_convolutions_activations_then_pooling(activation, pooling):
    """In the usual order, also where the network pools first because the values are the same."""
    torch.manual_seed(0)
    network = plain_cnn(PlainCNN(**SMALL, activation=activation, pooling=pooling))
    first, second, dense, last = [layer for layer in network if isinstance(layer, nn.Conv2d | nn.Linear)]
    f, pool = FUNCTIONS[activation], POOLING[pooling]
    expected = last(f(dense(pool(f(second(f(first(IMAGES))))).flatten(1))))
    torch.testing.assert_close(network(IMAGES), expected)


def test_every_activation_is_tested():
    assert set(FUNCTIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("pooling", POOLING)
def test_batch_norm_stands_before_each_activation(pooling):
    network = plain_cnn(PlainCNN(**SMALL, batch_norm=True, pooling=pooling))
    kinds = [type(layer).__name__ for layer in network]
    pooled = {"max": ["MaxPool2d"], "avg": ["AvgPool2d"], "none": []}[pooling]
    convolution = ["Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds == [*convolution, *convolution, *pooled, "Flatten", "Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert [layer.bias is None for layer in network if hasattr(layer, "bias") and layer.weight.ndim != 1] == [
        True,
        True,
        True,
        False,
    ]


def test_strides_shrink_maps_as_pytorch_does():
    settings = ["net.strides=[2,1,3,1]", "net.pooling=none"]
    layers = layer_table(build(with_settings(find("cnn-635k").recipe, settings)))
    convolutions = [(layer.kind, layer.output_shape) for layer in layers if layer.kind.startswith("Conv")]
    assert convolutions == [
        ("Conv 5×5, valid, stride 2", "32 × 12 × 12"),
        ("Conv 3×3, same", "32 × 12 × 12"),
        ("Conv 5×5, valid, stride 3", "64 × 3 × 3"),
        ("Conv 3×3, same", "64 × 3 × 3"),
    ]


def test_dropout_follows_each_block_without_pooling():
    network = plain_cnn(PlainCNN(**SMALL, pooling="none", pool_every=1, dropout=0.2))
    assert [type(layer).__name__ for layer in network][:6] == ["Conv2d", "ReLU", "Dropout"] * 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["net.strides=[1,2]"], "net.strides has 2 entries: give one for all convolutions, or one for each of the 4"),
        (
            ["net.strides=[9]"],
            "nothing is left of the 28x28 pixels after convolution 2; use fewer convolutions, smaller",
        ),
        (["net.activation=softmax"], "expected one of relu, leaky_relu, elu, gelu, silu, tanh, sigmoid"),
        (["net.pooling=min"], "expected one of max, avg, none"),
    ],
)
def test_impossible_settings_are_rejected(settings, message):
    with pytest.raises(RecipeError) as caught:
        with_settings(find("cnn-635k").recipe, settings)
    assert message in str(caught.value)


def test_batch_norm_of_single_pixels_needs_two_images():
    one_pixel = [
        "net.filters=[2]",
        "net.kernel_sizes=[28]",
        'net.padding=["valid"]',
        "net.pooling=none",
        "net.dense=[]",
    ]
    settings = ["batch_size=1", "net.batch_norm=true", *one_pixel]
    with pytest.raises(RecipeError, match="needs 2 or more images per step"):
        with_settings(find("cnn-635k").recipe, settings)
