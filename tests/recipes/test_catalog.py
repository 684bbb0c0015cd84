import dataclasses
import re

import pytest
from pydantic import ValidationError

from tenfold.errors import RecipeError
from tenfold.recipes import RECIPES, Recipe, find
from tenfold.recipes.networks import MLP, PlainCNN
from tenfold.recipes.schema import Augment, Constant, Optimizer, Plateau

DENSE = ["dense-s", "dense-m", "dense-l", "dense-xl", "dense-xxl"]
AUGMENT = Augment(rotation=10, zoom=0.1, translation=0.1)


def test_catalog_entries():
    ours = {"flash", "fast", "strong", "best", "ensemble", "distilled", "mlp", "robust", "line"}
    assert set(RECIPES) == ours | {"cnn-635k", "six-conv", "cnn-887k", *DENSE, "dense-128"}
    for name, entry in RECIPES.items():
        assert entry.recipe.name == name
        assert find(name) is entry
        assert entry.source
        assert entry.description
        assert re.fullmatch(r"\d+ (s|min|h)", entry.duration)
        assert bool(entry.published) == (entry.source != "tenfold"), name


def test_find_unknown_name_lists_names():
    with pytest.raises(RecipeError) as caught:
        find("slow")
    assert str(caught.value) == f"unknown recipe 'slow'; choose from {', '.join(RECIPES)}, or give a .toml file"


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_is_frozen_and_hashable(name):
    recipe = RECIPES[name].recipe
    for part, key in ((recipe, "epochs"), (recipe.optimizer, "lr"), (recipe.net, "kind"), (recipe.augment, "rotation")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, key, getattr(part, key))
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECIPES[name].description = ""
    assert hash(recipe) == hash(Recipe.model_validate(recipe.model_dump()))


def test_cnn_635k_matches_write_up():
    recipe = find("cnn-635k").recipe
    assert isinstance(recipe.net, PlainCNN)
    assert (recipe.net.filters, recipe.net.kernel_sizes) == ((32, 32, 64, 64), (5, 3, 5, 3))
    assert recipe.net.padding == ("valid", "same", "valid", "same")
    assert (recipe.net.pool_every, recipe.net.dropout) == (2, 0.2)
    assert (recipe.net.dense, recipe.net.dense_dropout) == ((519,), 0.5)
    assert (recipe.normalize, recipe.batch_size, recipe.epochs, recipe.validation_split) == ("scale", 64, 30, 0.1)
    assert recipe.optimizer == Optimizer(name="adam", lr=1e-3)
    assert (recipe.optimizer.betas, recipe.optimizer.weight_decay) == ((0.9, 0.999), 0)
    assert recipe.schedule == Plateau(monitor="accuracy", patience=1, factor=0.5, min_lr=1e-7)
    assert recipe.augment == AUGMENT


def test_six_conv_matches_write_up():
    recipe = find("six-conv").recipe
    assert isinstance(recipe.net, PlainCNN)
    assert (recipe.net.filters, recipe.net.kernel_sizes) == ((32, 32, 64, 32, 64, 64), (3,))
    assert recipe.net.padding == ("same", "valid") * 3
    assert recipe.net.pool_every == 2
    assert len(recipe.net.dense) + 1 == 2  # the last one is the output
    assert (recipe.normalize, recipe.batch_size, recipe.epochs, recipe.validation_split) == (
        "standardize_per_pixel",
        32,
        50,
        0.05,
    )
    assert recipe.optimizer.name == "rmsprop"
    assert recipe.checkpoint == "best"
    assert isinstance(recipe.schedule, Plateau)
    assert recipe.schedule.monitor == "loss"
    assert recipe.augment.active


def test_cnn_887k_matches_write_up():
    recipe = find("cnn-887k").recipe
    assert isinstance(recipe.net, PlainCNN)
    assert (recipe.net.filters, recipe.net.kernel_sizes) == ((32, 32, 64, 64), (5, 5, 3, 3))
    assert recipe.net.padding == ("same",)
    assert (recipe.net.pool_every, recipe.net.dropout) == (2, 0.25)
    assert (recipe.net.dense, recipe.net.dense_dropout) == ((256,), 0.5)
    assert (recipe.normalize, recipe.batch_size, recipe.epochs, recipe.validation_split) == ("scale", 86, 30, 0.1)
    assert recipe.optimizer == Optimizer(name="rmsprop", lr=1e-3, alpha=0.9)
    assert recipe.schedule == Plateau(monitor="accuracy", patience=3, factor=0.5, min_lr=1e-5)
    assert recipe.augment == AUGMENT


def test_dense_recipes_grow_and_largest_has_dropout():
    nets = []
    for name in DENSE:
        recipe = find(name).recipe
        assert (recipe.normalize, recipe.batch_size, recipe.validation_split) == (
            "scale",
            32,
            10_000,
        )  # 32,000 of Kaggle's 42,000
        assert not recipe.augment.active
        assert isinstance(recipe.net, MLP)
        nets.append(recipe.net)
    widths = [sum(net.dense) for net in nets]
    assert widths == sorted(set(widths))
    assert nets[-1].dense_dropout > 0


def test_dense_128_matches_write_up():
    recipe = find("dense-128").recipe
    assert recipe.net == MLP(dense=(128, 128))
    assert (recipe.normalize, recipe.batch_size, recipe.epochs, recipe.validation_split, recipe.seed) == (
        "l2_columns",
        32,
        10,
        0.3,
        42,
    )
    assert recipe.optimizer == Optimizer(name="adam", lr=1e-3)
    assert recipe.schedule == Constant()
    assert not recipe.augment.active


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("cnn-635k", ["0.9969"]),
        ("six-conv", ["upwards of 99 %"]),
        ("cnn-887k", ["0.995", "0.9948"]),
        *((name, ["0.9915", "0.9774", "0.977"]) for name in DENSE),
        ("dense-128", ["0.9662", "0.1418", "just over 82 %"]),
    ],
)
def test_entry_has_published_figures(name, figures):
    for figure in figures:
        assert figure in find(name).published
