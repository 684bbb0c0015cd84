import pytest

from tenfold.errors import RecipeError
from tenfold.recipes import find
from tenfold.recipes.hints import similar_setting
from tenfold.recipes.toml import with_settings


def message(recipe, setting):
    with pytest.raises(RecipeError) as caught:
        with_settings(find(recipe).recipe, [setting])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    return str(caught.value)


@pytest.mark.parametrize("recipe", ["fast", "cnn-887k", "mlp", "line"])
@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("lr=0.01", "optimizer.lr"),
        ("learning_rate=0.01", "optimizer.lr"),
        ("optimizer.learning_rate=0.01", "optimizer.lr"),
        ("optimiser.lr=0.01", "optimizer.lr"),
        ("batchsize=64", "batch_size"),
        ("batch-size=64", "batch_size"),
        ("epoch=3", "epochs"),
        ("Epochs=3", "epochs"),
        ("weight_decy=0.1", "optimizer.weight_decay"),
    ],
)
def test_misspelled_setting_is_answered_with_the_right_one_as_typed(recipe, setting, meant):
    assert message(recipe, setting).endswith(f"did you mean {meant}, as in --set {meant}={setting.partition('=')[2]}?")


@pytest.mark.parametrize(
    ("recipe", "setting", "meant"),
    [
        ("fast", "dropout=0.3", "net.dropout"),
        ("mlp", "dropout=0.3", "net.dense_dropout"),
        ("cnn-887k", "kernel_size=3", "net.kernel_sizes"),
        ("cnn-887k", "stride=2", "net.strides"),
        ("fast", "units=64", "net.dense"),
        ("fast", "warmup=0.2", "schedule.warmup_fraction"),
    ],
)
def test_setting_is_looked_for_in_the_groups_of_the_recipe(recipe, setting, meant):
    assert f"did you mean {meant}, as in" in message(recipe, setting)


def test_setting_of_the_same_group_comes_first():
    assert similar_setting("schedule.min_l", ["optimizer.min_lr", "schedule.min_lr"]) == "schedule.min_lr"
    assert similar_setting("power", ["epochs", "optimizer.lr"]) is None


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("epochs=abc", "epochs = 'abc': expected a whole number from 1 to 100,000"),
        ("epochs=2.5", "epochs = 2.5: expected a whole number from 1 to 100,000"),
        ("epochs=0", "epochs = 0: expected a whole number from 1 to 100,000"),
        ("optimizer.lr=fast", "optimizer.lr = 'fast': expected a number above 0"),
        ("net.dropout=2", "net.dropout = 2: expected a number of at least 0 and below 1"),
        ("calibrate=maybe", "calibrate = 'maybe': expected true or false"),
        ("tta=3", "tta = 3: expected one of 1, 5"),
        ("net.activation=ReLU", "expected one of relu, leaky_relu, elu, gelu, silu, tanh, sigmoid; did you mean relu?"),
        ("net.kind=CNN", "choose from plain_cnn, mlp, cnn, resnet, custom, ctc; did you mean cnn?"),
        ("net=cnn", "expected a table of settings; did you mean net.kind=cnn?"),
        ("net.filters=a", "net.filters.0 = 'a': expected a whole number"),
    ],
)
def test_value_of_the_wrong_kind_is_answered_with_what_is_allowed(setting, expected):
    assert message("fast", setting).endswith(expected)


def test_long_values_are_cut():
    assert message("fast", f"epochs={'9' * 500}x")
    assert message("fast", f"net.kind={'x' * 500}")
