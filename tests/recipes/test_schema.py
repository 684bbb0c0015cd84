import pytest

from tenfold.errors import RecipeError
from tenfold.recipes import find
from tenfold.recipes.schema import Augment, Recipe
from tenfold.recipes.toml import from_dict, with_settings

BATCH_NORM_MLP = {"kind": "mlp", "dense": [8], "batch_norm": True}
SMALL_CNN = {"kind": "cnn", "filters": [8]}
PLAIN_CNN = {"kind": "plain_cnn", "filters": [8, 8], "kernel_sizes": [3], "padding": ["same"]}


def recipe(**changes):
    values = {
        "name": "mine",
        "batch_size": 8,
        "epochs": 1,
        "validation_split": 0.1,
        "net": PLAIN_CNN,
        "optimizer": {"name": "adam", "lr": 0.001},
    }
    return from_dict(values | changes, "mine")


def test_single_entry_applies_to_all_convolutions():
    net = recipe(net=PLAIN_CNN | {"filters": [1, 2, 3], "kernel_sizes": [5], "padding": ["same", "valid", "same"]}).net
    assert [(each.kernel_size, each.padding) for each in net.convolutions()] == [(5, 2), (5, 0), (5, 2)]


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ({"kernel_sizes": [3, 3, 3]}, r"net\.kernel_sizes has 3 entries: .* one for each of the 2 in net\.filters"),
        ({"padding": ["same"] * 3}, r"net\.padding has 3 entries"),
        ({"kernel_sizes": [4]}, r"net\.kernel_sizes: padding 'same' needs an odd kernel size, not 4"),
        ({"kernel_sizes": [29], "padding": ["valid"]}, r"nothing is left of the 28x28 pixels after convolution 1"),
        ({"filters": [8] * 10}, r"nothing is left of the 28x28 pixels after convolution 10"),
        ({"kernel_sizes": [15], "padding": ["valid"]}, r"nothing is left of the 28x28 pixels after convolution 2"),
        ({"filters": []}, r"net\.filters"),
        ({"filters": [0]}, r"net\.filters\.0 = 0: input should be greater than or equal to 1"),
        ({"dropout": 1}, r"net\.dropout = 1: expected a number of at least 0 and below 1"),
        ({"pool_every": 0}, r"net\.pool_every = 0"),
    ],
)
def test_invalid_network_is_rejected(net, message):
    with pytest.raises(RecipeError, match=message):
        recipe(net=PLAIN_CNN | net)


def test_largest_kernel_size_is_accepted():
    assert recipe(net=PLAIN_CNN | {"filters": [1], "kernel_sizes": [28], "padding": ["valid"]}).net.kernel_sizes == (
        28,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation_split": 0, "checkpoint": "best"}, "validation_split: 0 can't be used with checkpoint = 'best'"),
        ({"validation_split": 0, "early_stopping": 3}, "validation_split: 0 can't be used with early_stopping"),
        (
            {"validation_split": 0, "schedule": {"kind": "plateau"}},
            "validation_split: 0 can't be used with a plateau schedule",
        ),
        (
            {"validation_split": 0, "checkpoint": "best", "early_stopping": 1},
            "can't be used with checkpoint = 'best' and early_stopping",
        ),
        (
            {"batch_size": 1, "net": BATCH_NORM_MLP},
            "batch_size: batch norm on a dense layer or a single pixel needs 2 or more images",
        ),
        (
            {"batch_size": 1, "net": SMALL_CNN | {"dense": [8]}},
            "batch_size: batch norm on a dense layer or a single pixel needs 2 or more images",
        ),
        (
            {"validation_split": 1.5},
            r"validation_split: 1\.5 is neither a fraction below 1 nor a whole number of samples",
        ),
        ({"validation_split": -0.1}, r"validation_split = -0\.1"),
        ({"validation_split": float("nan")}, "finite number"),
        ({"name": "../evil"}, "name = '../evil'"),
        ({"name": ".hidden"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "fast\n"}, "name"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"epochs": 1.5}, r"epochs = 1\.5"),
        ({"ema": 1}, "ema = 1"),
        ({"label_smoothing": 1}, "label_smoothing = 1"),
        ({"seed": 2**31}, "seed"),
    ],
)
def test_invalid_setting_is_rejected(changes, message):
    with pytest.raises(RecipeError, match=message):
        recipe(**changes)


VARIANT = {"net": SMALL_CNN, "optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 4, "augment": {"rotation": 5}}


def test_members_take_recipe_and_variants_in_turn():
    ensemble = recipe(ensemble_size=5, seed=7, variants=[VARIANT, VARIANT | {"batch_size": 2}])
    members = [ensemble.member(k) for k in range(5)]
    assert [member.batch_size for member in members] == [8, 4, 2, 8, 4]
    assert [member.seed for member in members] == [7, 8, 9, 10, 11]
    assert members[0] == recipe(seed=7)
    assert members[1] == recipe(seed=8, label_smoothing=0.0, **VARIANT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ensemble_size": 1}, "ensemble_size: expected 2 or more, one for the recipe and one for each variant, not 1"),
        (
            {"variants": [VARIANT | {"batch_size": 1, "net": BATCH_NORM_MLP}]},
            "batch_size: batch norm on a dense layer or a single pixel needs 2",
        ),
        (
            {"variants": [VARIANT | {"epochs": 3}]},
            r"unknown setting 'variants\.0\.epochs'; choose from net, augment, optimizer, batch_size",
        ),
        (
            {"variants": [VARIANT, VARIANT | {"augment": {"turn": 3}}]},
            r"unknown setting 'variants\.1\.augment\.turn'; choose from rotation, zoom",
        ),
        (
            {"variants": [VARIANT | {"net": SMALL_CNN | {"width": 3}}]},
            r"unknown setting 'variants\.0\.net\.width'; choose from kind, stem_filters",
        ),
        ({"variants": [VARIANT | {"net": {"kind": "ctc"}}]}, r"variants\.0\.net\.kind = 'ctc': choose from plain_cnn"),
        ({"variants": [{"batch_size": 4, "net": PLAIN_CNN}]}, r"'variants\.0\.optimizer' is missing"),
        ({"variants": [3]}, r"variants\.0 = 3: expected a table of settings"),
        ({"variants": 3}, "variants.0 = 3: expected a table of settings"),
    ],
)
def test_invalid_variant_is_rejected(changes, message):
    with pytest.raises(RecipeError, match=message):
        recipe(**{"ensemble_size": 3, "variants": [VARIANT]} | changes)


@pytest.mark.parametrize("split", [0, 0.5, 1, 10_000])
def test_validation_split_is_fraction_or_count(split):
    assert recipe(validation_split=split).validation_split == split


@pytest.mark.parametrize("name", ["rotation", "zoom", "translation", "shear"])
def test_augment_is_active_with_one_range(name):
    assert not Augment().active
    assert Augment(**{name: 0.1}).active


def test_recipes_compare_by_value():
    fast = find("fast").recipe
    assert with_settings(fast, [f"epochs={fast.epochs}"]) == fast
    assert with_settings(fast, [f"epochs={fast.epochs + 1}"]) != fast
    assert Recipe.model_validate_json(fast.model_dump_json()) == fast
