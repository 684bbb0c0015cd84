import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler, normalize

from tenfold.nets import build
from tenfold.nets.normalize import NORMALIZERS
from tenfold.recipes import find
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import with_settings

SEEN = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
NEW = np.random.default_rng(1).integers(0, 256, (30, 28, 28), dtype=np.uint8)
SEEN[:, :4] = 0  # an ever black border, as digits have
NEW[0] = 0


def normalized(name, images, seen=SEEN):
    """float64 (N, 28, 28), through the normalizer made from `seen`."""
    with torch.no_grad():
        pixels = torch.tensor(images).unsqueeze(1).float()
        return NORMALIZERS[name](torch.tensor(seen))(pixels).squeeze(1).double().numpy()


def test_there_is_one_for_every_name_in_the_schema():
    assert set(NORMALIZERS) == set(Recipe.model_fields["normalize"].annotation.__args__)


def test_scale_divides_by_255():
    np.testing.assert_allclose(normalized("scale", NEW), NEW / 255, rtol=1e-6)


def test_standardize_has_mean_0_and_deviation_1_over_the_training_rows():
    z = normalized("standardize", SEEN)
    assert z.mean() == pytest.approx(0, abs=1e-5)
    assert z.std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(normalized("standardize", NEW), (NEW - SEEN.mean()) / SEEN.std(), atol=1e-5)


def test_standardize_per_pixel_is_scikit_learns_scaler_where_pixels_vary():
    varying = SEEN.std(0) > 0
    assert varying.sum() == 24 * 28
    scaler = StandardScaler().fit(SEEN[:, varying].astype(np.float64))
    np.testing.assert_allclose(
        normalized("standardize_per_pixel", NEW)[:, varying], scaler.transform(NEW[:, varying]), atol=1e-5
    )


def test_ink_where_training_had_none_or_hardly_any_stays_of_the_size_of_other_ink():
    seen = SEEN.copy()
    seen[0, 0, 0] = 1  # a single faint pixel in all training rows
    z = normalized("standardize_per_pixel", np.full((1, 28, 28), 255, np.uint8), seen)
    assert (z[0, :4] == 10).all()
    assert np.abs(z).max() == 10
    assert not normalized("standardize_per_pixel", np.zeros((1, 28, 28), np.uint8))[0, :4].any()


def test_l2_columns_is_what_keras_normalize_does_along_axis_1():
    """By hand, on (n, 28, 28, 1): each column of an image has L2 norm 1; an empty one stays 0."""
    images = NEW.copy()
    images[3, :, 5] = 0
    x = images[..., None].astype(np.float64)
    norms = np.sqrt((x**2).sum(axis=1, keepdims=True))
    norms[norms == 0] = 1
    expected = (x / norms)[..., 0]
    z = normalized("l2_columns", images)
    np.testing.assert_allclose(z, expected, atol=1e-6)
    np.testing.assert_allclose(z[7], normalize(images[7], axis=0), atol=1e-6)
    assert not z[0].any()
    assert not z[3, :, 5].any()


def test_l2_columns_of_the_faintest_ink_have_norm_1_too():
    faint = np.zeros((1, 28, 28), np.uint8)
    faint[0, 14, 14] = 1
    assert normalized("l2_columns", faint)[0, 14, 14] == pytest.approx(1)


@pytest.mark.parametrize("name", ["scale", "l2_columns"])
def test_what_needs_no_figures_takes_none_from_the_data(name):
    np.testing.assert_array_equal(normalized(name, NEW), normalized(name, NEW, seen=NEW))


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.parametrize("seen", [SEEN[:1], np.zeros((5, 28, 28), np.uint8), np.full((5, 28, 28), 255, np.uint8)])
def test_strange_training_rows_give_finite_figures(name, seen):
    assert np.isfinite(normalized(name, NEW, seen)).all()


@pytest.mark.parametrize("name", NORMALIZERS)
def test_figures_travel_with_the_weights(name):
    recipe = with_settings(find("dense-s").recipe, [f"normalize={name}"])
    trained = build(recipe, torch.tensor(SEEN))
    empty = build(recipe)
    empty.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(empty(torch.tensor(NEW)), trained(torch.tensor(NEW)))
    assert not any(parameter.requires_grad for parameter in trained.normalize.parameters())
