import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler, normalize

from tenfold.nets import build
from tenfold.nets.layers import NORMALIZERS
from tenfold.recipes import find
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import with_settings

TRAINING = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (30, 28, 28), dtype=np.uint8)
TRAINING[:, :4] = 0  # a black border, as digits have
OTHER[0] = 0


def normalize_images(name, images, training=TRAINING):
    """float64 (N, 28, 28), by the normalizer of these training images."""
    with torch.no_grad():
        pixels = torch.tensor(images).unsqueeze(1).float()
        return NORMALIZERS[name](torch.tensor(training))(pixels).squeeze(1).double().numpy()


def test_normalizers_match_schema():
    assert set(NORMALIZERS) == set(Recipe.model_fields["normalize"].annotation.__args__)


def test_scale_divides_by_255():
    np.testing.assert_allclose(normalize_images("scale", OTHER), OTHER / 255, rtol=1e-6)


def test_standardize_has_mean_0_and_deviation_1():
    z = normalize_images("standardize", TRAINING)
    assert z.mean() == pytest.approx(0, abs=1e-5)
    assert z.std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        normalize_images("standardize", OTHER), (OTHER - TRAINING.mean()) / TRAINING.std(), atol=1e-5
    )


def test_standardize_per_pixel_matches_scikit_learn():
    varying = TRAINING.std(0) > 0
    assert varying.sum() == 24 * 28
    scaler = StandardScaler().fit(TRAINING[:, varying].astype(np.float64))
    np.testing.assert_allclose(
        normalize_images("standardize_per_pixel", OTHER)[:, varying], scaler.transform(OTHER[:, varying]), atol=1e-5
    )


def test_standardize_per_pixel_clips_ink_on_blank_pixels():
    training = TRAINING.copy()
    training[0, 0, 0] = 1  # a single faint pixel in all training images
    z = normalize_images("standardize_per_pixel", np.full((1, 28, 28), 255, np.uint8), training)
    assert (z[0, :4] == 10).all()
    assert np.abs(z).max() == 10
    assert not normalize_images("standardize_per_pixel", np.zeros((1, 28, 28), np.uint8))[0, :4].any()


def test_l2_columns_matches_keras_normalize():
    """By hand, on (n, 28, 28, 1): each column of an image has L2 norm 1; an empty one stays 0."""
    images = OTHER.copy()
    images[3, :, 5] = 0
    x = images[..., None].astype(np.float64)
    norms = np.sqrt((x**2).sum(axis=1, keepdims=True))
    norms[norms == 0] = 1
    expected = (x / norms)[..., 0]
    z = normalize_images("l2_columns", images)
    np.testing.assert_allclose(z, expected, atol=1e-6)
    np.testing.assert_allclose(z[7], normalize(images[7], axis=0), atol=1e-6)
    assert not z[0].any()
    assert not z[3, :, 5].any()


def test_l2_columns_normalizes_faintest_ink():
    faint = np.zeros((1, 28, 28), np.uint8)
    faint[0, 14, 14] = 1
    assert normalize_images("l2_columns", faint)[0, 14, 14] == pytest.approx(1)


@pytest.mark.parametrize("name", ["scale", "l2_columns"])
def test_scale_and_l2_columns_ignore_training_images(name):
    np.testing.assert_array_equal(normalize_images(name, OTHER), normalize_images(name, OTHER, training=OTHER))


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.parametrize(
    "training", [TRAINING[:1], np.zeros((5, 28, 28), np.uint8), np.full((5, 28, 28), 255, np.uint8)]
)
def test_degenerate_training_images_give_finite_values(name, training):
    assert np.isfinite(normalize_images(name, OTHER, training)).all()


@pytest.mark.parametrize("name", NORMALIZERS)
def test_statistics_are_part_of_the_weights(name):
    recipe = with_settings(find("dense-s").recipe, [f"normalize={name}"])
    trained = build(recipe, torch.tensor(TRAINING))
    empty = build(recipe)
    empty.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(empty(torch.tensor(OTHER)), trained(torch.tensor(OTHER)))
    assert not any(parameter.requires_grad for parameter in trained.normalize.parameters())
