import pytest

from tenfold.errors import RecipeError
from tenfold.recipes import find
from tenfold.recipes.schema import Augment, Recipe
from tenfold.recipes.toml import edited, from_dict

NORMED = {"kind": "mlp", "dense": [8], "norm": True}
STAGES = {"kind": "cnn", "filters": [8]}
CONV = {"kind": "plain_cnn", "filters": [8, 8], "kernels": [3], "padding": ["same"]}


def recipe(**changes):
    values = {
        "name": "mine",
        "batch_size": 8,
        "epochs": 1,
        "validation_split": 0.1,
        "net": CONV,
        "optimizer": {"name": "adam", "lr": 0.001},
    }
    return from_dict(values | changes, "mine")


def test_one_entry_stands_for_all_convolutions():
    net = recipe(net=CONV | {"filters": [1, 2, 3], "kernels": [5], "padding": ["same", "valid", "same"]}).net
    assert net.convolutions() == [(1, 5, "same"), (2, 5, "valid"), (3, 5, "same")]


@pytest.mark.parametrize(
    ("net", "said"),
    [
        ({"kernels": [3, 3, 3]}, r"net\.kernels has 3 entries: .* as many as net\.filters \(2\)"),
        ({"padding": ["same"] * 3}, r"net\.padding has 3 entries"),
        ({"kernels": [4]}, r"net\.kernels: padding 'same' needs an odd kernel, not 4"),
        ({"kernels": [29], "padding": ["valid"]}, r"nothing is left of 28x28 pixels after convolution 1"),
        ({"filters": [8] * 10}, r"nothing is left of 28x28 pixels after convolution 10"),
        ({"kernels": [15], "padding": ["valid"]}, r"nothing is left of 28x28 pixels after convolution 2"),
        ({"filters": []}, r"net\.filters"),
        ({"filters": [0]}, r"net\.filters\.0 = 0: input should be greater than or equal to 1"),
        ({"dropout": 1}, r"net\.dropout = 1: input should be less than 1"),
        ({"pool_every": 0}, r"net\.pool_every = 0"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(net, said):
    with pytest.raises(RecipeError, match=said):
        recipe(net=CONV | net)


def test_the_largest_kernels_fit_exactly():
    assert recipe(net=CONV | {"filters": [1], "kernels": [28], "padding": ["valid"]}).net.kernels == (28,)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"validation_split": 0, "checkpoint": "best"}, "checkpoint = 'best' cannot work without held-out rows"),
        ({"validation_split": 0, "early_stopping": 3}, "early_stopping cannot work without held-out rows"),
        (
            {"validation_split": 0, "schedule": {"kind": "plateau"}},
            "a plateau schedule cannot work without held-out rows",
        ),
        (
            {"validation_split": 0, "checkpoint": "best", "early_stopping": 1},
            "checkpoint = 'best' and early_stopping cannot work",
        ),
        ({"batch_size": 1, "net": NORMED}, "batch_size: batch norm of a dense layer can't learn from one image a step"),
        (
            {"batch_size": 1, "net": STAGES | {"dense": [8]}},
            "batch_size: batch norm of a dense layer can't learn from one image",
        ),
        ({"validation_split": 1.5}, r"validation_split: 1\.5 is neither a share below 1 nor a whole number of rows"),
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
def test_settings_that_make_no_training_are_refused(changes, said):
    with pytest.raises(RecipeError, match=said):
        recipe(**changes)


WAY = {"net": STAGES, "optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 4, "augment": {"rotate": 5}}


def test_members_are_taught_in_turns_as_the_recipe_and_as_each_other_way_says():
    ensemble = recipe(ensemble_size=5, seed=7, variants=[WAY, WAY | {"batch_size": 2}])
    members = [ensemble.member(k) for k in range(5)]
    assert [member.batch_size for member in members] == [8, 4, 2, 8, 4]
    assert [member.seed for member in members] == [7, 8, 9, 10, 11]
    assert members[0] == recipe(seed=7)
    assert members[1] == recipe(seed=8, label_smoothing=0.0, **WAY)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ensemble_size": 1}, "ensemble_size: each way to teach needs one, so 2 or more, not 1"),
        ({"variants": [WAY | {"batch_size": 1, "net": NORMED}]}, "batch_size: batch norm of a dense layer can't learn"),
        (
            {"variants": [WAY | {"epochs": 3}]},
            r"no 'variants\.0\.epochs'; choose from net, augment, optimizer, batch_size",
        ),
        (
            {"variants": [WAY, WAY | {"augment": {"turn": 3}}]},
            r"no 'variants\.1\.augment\.turn'; choose from rotate, zoom",
        ),
        ({"variants": [WAY | {"net": STAGES | {"width": 3}}]}, r"no 'variants\.0\.net\.width'; choose from kind, stem"),
        ({"variants": [WAY | {"net": {"kind": "ctc"}}]}, r"variants\.0\.net\.kind = 'ctc': possible are plain_cnn"),
        ({"variants": [{"batch_size": 4, "net": CONV}]}, r"'variants\.0\.optimizer' is missing"),
        ({"variants": [3]}, r"variants\.0 = 3: expected a table of settings"),
        ({"variants": 3}, "variants = 3: expected a list"),
    ],
)
def test_another_way_to_teach_that_makes_no_sense_is_refused(changes, said):
    with pytest.raises(RecipeError, match=said):
        recipe(**{"ensemble_size": 3, "variants": [WAY]} | changes)


@pytest.mark.parametrize("rows", [0, 0.5, 1, 10_000])
def test_a_hold_out_is_nothing_a_share_or_a_number_of_rows(rows):
    assert recipe(validation_split=rows).validation_split == rows


@pytest.mark.parametrize("name", ["rotate", "zoom", "shift", "shear"])
def test_augmentation_is_active_once_a_range_is(name):
    assert not Augment().active
    assert Augment(**{name: 0.1}).active


def test_equal_recipes_are_equal_whoever_made_them():
    fast = find("fast").recipe
    assert edited(fast, [f"epochs={fast.epochs}"]) == fast
    assert edited(fast, [f"epochs={fast.epochs + 1}"]) != fast
    assert Recipe.model_validate_json(fast.model_dump_json()) == fast
