import numpy as np
import pytest
import torch
from torch import nn

import tenfold
from tenfold.errors import RunError
from tenfold.explain import PATCH, Occlusion
from tenfold.export.onnx import export
from tenfold.export.quantize import quantize
from tenfold.model import Model
from tenfold.nets import Ensemble, build
from tenfold.recipes import find
from tenfold.recipes.toml import with_settings

IMAGES = np.random.default_rng(0).integers(0, 256, (150, 28, 28), dtype=np.uint8)


def make_network(*settings):
    return build(with_settings(find("fast").recipe, ["tta=1", *settings]), torch.tensor(IMAGES)).eval()


def to_model(network, path):
    export(network, path / "model.onnx", {})
    return Model((path / "model.onnx").read_bytes())


def features(network, images=IMAGES):
    """What PyTorch's last layer sees."""
    with torch.no_grad():
        return network.body[:-1](network.normalize(torch.tensor(images).unsqueeze(1).float())).numpy()


def test_explanation_finds_the_stroke_that_decides():
    """A 1 with a bar at the top is a 7: the bar supports it."""
    image = np.zeros((28, 28), np.uint8)
    image[5:23, 16:19] = 255
    image[5:8, 8:19] = 255
    explanation = tenfold.load_model().explain(image)
    assert explanation.digit == 7
    assert explanation.heatmap.shape == (28, 28)
    assert explanation.heatmap[5:8, 8:14].mean() > explanation.heatmap[15:23, 16:19].mean()
    assert not explanation.heatmap[:, 25:].any()


def test_occlusion_covers_every_place_with_ink_once_per_patch():
    image = np.zeros((28, 28), np.uint8)
    image[10, 10] = 255
    occlusion = Occlusion(image)
    assert all(not copy.any() for copy in occlusion.images[:-1])
    assert np.array_equal(occlusion.images[-1], image)
    assert len(occlusion.images) - 1 == 9, f"patches of {PATCH} pixels, two apart, that cover this pixel"


def test_explanation_of_an_empty_image_is_empty():
    assert not tenfold.load_model().explain(np.zeros((28, 28), np.uint8)).heatmap.any()


@pytest.mark.parametrize("image", [np.zeros((1, 28, 28), np.uint8), np.zeros((28, 28))])
def test_explain_rejects_other_images(image):
    with pytest.raises(ValueError, match=r"expected one uint8 image \(28, 28\)"):
        tenfold.load_model().explain(image)


@pytest.mark.parametrize("settings", [[], ["net.dense=[]", "net.head=avgmax"], ["net.kind=mlp", "net.dense=[20]"]])
def test_embedding_is_what_the_last_layer_sees(settings, tmp_path):
    network = make_network(*settings)
    model = to_model(network, tmp_path)
    np.testing.assert_allclose(model.embed(IMAGES), features(network), atol=1e-4)
    assert model.embed(IMAGES[:0]).shape[0] == 0
    np.testing.assert_array_equal(
        model.predict_proba(IMAGES), Model((tmp_path / "model.onnx").read_bytes()).predict_proba(IMAGES)
    )


def test_embedding_averages_the_shifts_of_test_time_augmentation(tmp_path):
    network = make_network("tta=5")
    shifts = [
        np.roll(np.pad(IMAGES, ((0, 0), (1, 1), (1, 1))), (y, x), (1, 2))[:, 1:-1, 1:-1]
        for y, x in [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)]
    ]
    expected = np.mean([features(network, images) for images in shifts], axis=0)
    np.testing.assert_allclose(to_model(network, tmp_path).embed(IMAGES), expected, atol=1e-4)


def test_embedding_of_an_ensemble_is_that_of_its_networks_side_by_side(tmp_path):
    members = [make_network(f"seed={seed}") for seed in (0, 1)]
    expected = np.concatenate([features(member) for member in members], axis=1)
    np.testing.assert_allclose(to_model(Ensemble(members), tmp_path).embed(IMAGES), expected, atol=1e-4)


def test_embedding_of_a_quantized_model(tmp_path):
    network = make_network()
    export(network, tmp_path / "model.onnx", {})
    quantize(tmp_path / "model.onnx", IMAGES)
    embedded, expected = Model((tmp_path / "model.onnx").read_bytes()).embed(IMAGES), features(network)
    assert np.corrcoef(embedded.ravel(), expected.ravel())[0, 1] > 0.99


def test_bundled_model_embeds_digits_of_one_class_together():
    digits = tenfold.load_data("digits").test
    vectors = tenfold.load_model().embed(digits.images)
    centers = np.stack([vectors[digits.labels == digit].mean(0) for digit in range(10)])
    nearest = ((vectors[:, None] - centers) ** 2).sum(2).argmin(1)
    assert (nearest == digits.labels).mean() > 0.9


def test_model_without_a_layer_of_weights_has_no_embedding(tmp_path):
    network = make_network()
    network.body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 10))
    model = to_model(network, tmp_path)
    model._content = model._content.replace(b"Gemm", b"Gxmm")
    with pytest.raises(RunError, match="no layer with weights"):
        model.embed(IMAGES)
