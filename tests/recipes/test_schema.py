import pytest

from tenfold.errors import RecipeError
from tenfold.recipes import find
from tenfold.recipes.edit import edited, from_dict
from tenfold.recipes.schema import Augment, Recipe

NORMED = {"kind": "dense", "dense": [8], "norm": True}
STAGES = {"kind": "stages", "filters": [8]}
CONV = {"kind": "conv", "filters": [8, 8], "kernels": [3], "padding": ["same"]}


def recipe(**changes):
    values = {
        "name": "mine",
        "batch": 8,
        "epochs": 1,
        "hold_out": 0.1,
        "net": CONV,
        "optimiser": {"name": "adam", "lr": 0.001},
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
        ({"hold_out": 0, "keep": "best"}, "keep = 'best' cannot work without held-out rows"),
        ({"hold_out": 0, "early_stop": 3}, "early_stop cannot work without held-out rows"),
        ({"hold_out": 0, "schedule": {"kind": "plateau"}}, "a plateau schedule cannot work without held-out rows"),
        ({"hold_out": 0, "keep": "best", "early_stop": 1}, "keep = 'best' and early_stop cannot work"),
        ({"batch": 1, "net": NORMED}, "batch: batch norm of a dense layer can't learn from one image a step"),
        ({"batch": 1, "net": STAGES | {"dense": [8]}}, "batch: batch norm of a dense layer can't learn from one image"),
        ({"hold_out": 1.5}, r"hold_out: 1\.5 is neither a share below 1 nor a whole number of rows"),
        ({"hold_out": -0.1}, r"hold_out = -0\.1"),
        ({"hold_out": float("nan")}, "finite number"),
        ({"name": "../evil"}, "name = '../evil'"),
        ({"name": ".hidden"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "fast\n"}, "name"),
        ({"batch": 0}, "batch = 0"),
        ({"epochs": 1.5}, r"epochs = 1\.5"),
        ({"ema": 1}, "ema = 1"),
        ({"label_smoothing": 1}, "label_smoothing = 1"),
        ({"seed": 2**31}, "seed"),
    ],
)
def test_settings_that_make_no_training_are_refused(changes, said):
    with pytest.raises(RecipeError, match=said):
        recipe(**changes)


WAY = {"net": STAGES, "optimiser": {"name": "sgd", "lr": 0.1}, "batch": 4, "augment": {"rotate": 5}}


def test_members_are_taught_in_turns_as_the_recipe_and_as_each_other_way_says():
    ensemble = recipe(members=5, seed=7, others=[WAY, WAY | {"batch": 2}])
    members = [ensemble.member(k) for k in range(5)]
    assert [member.batch for member in members] == [8, 4, 2, 8, 4]
    assert [member.seed for member in members] == [7, 8, 9, 10, 11]
    assert members[0] == recipe(seed=7)
    assert members[1] == recipe(seed=8, label_smoothing=0.0, **WAY)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"members": 1}, "members: each way to teach needs one, so 2 or more, not 1"),
        ({"others": [WAY | {"batch": 1, "net": NORMED}]}, "batch: batch norm of a dense layer can't learn"),
        ({"others": [WAY | {"epochs": 3}]}, r"no 'others\.0\.epochs'; choose from net, augment, optimiser, batch"),
        ({"others": [WAY, WAY | {"augment": {"turn": 3}}]}, r"no 'others\.1\.augment\.turn'; choose from rotate, zoom"),
        ({"others": [WAY | {"net": STAGES | {"width": 3}}]}, r"no 'others\.0\.net\.width'; choose from kind, stem"),
        ({"others": [WAY | {"net": {"kind": "line"}}]}, r"others\.0\.net\.kind = 'line': possible are conv"),
        ({"others": [{"batch": 4, "net": CONV}]}, r"'others\.0\.optimiser' is missing"),
        ({"others": [3]}, r"others\.0 = 3: expected a table of settings"),
        ({"others": 3}, "others = 3: expected a list"),
    ],
)
def test_another_way_to_teach_that_makes_no_sense_is_refused(changes, said):
    with pytest.raises(RecipeError, match=said):
        recipe(**{"members": 3, "others": [WAY]} | changes)


@pytest.mark.parametrize("rows", [0, 0.5, 1, 10_000])
def test_a_hold_out_is_nothing_a_share_or_a_number_of_rows(rows):
    assert recipe(hold_out=rows).hold_out == rows


@pytest.mark.parametrize("name", ["rotate", "zoom", "shift", "shear"])
def test_augmentation_is_active_once_a_range_is(name):
    assert not Augment().active
    assert Augment(**{name: 0.1}).active


def test_equal_recipes_are_equal_whoever_made_them():
    fast = find("fast").recipe
    assert edited(fast, [f"epochs={fast.epochs}"]) == fast
    assert edited(fast, [f"epochs={fast.epochs + 1}"]) != fast
    assert Recipe.model_validate_json(fast.model_dump_json()) == fast
