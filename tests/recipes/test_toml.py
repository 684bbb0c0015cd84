import json
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.errors import RecipeError
from tenfold.recipes import RECIPES, find
from tenfold.recipes.schema import MLP, Augment, OneCycle, Optimizer, Plateau, Recipe
from tenfold.recipes.toml import edited, from_dict, from_file, to_toml

GROUPS = (
    "name, normalize, batch_size, epochs, validation_split, checkpoint, early_stopping, ema, label_smoothing, "
    "distillation_weight, ensemble_size, variants, tta, seed, net, augment, synthesis, calibrate, int8, optimizer, "
    "schedule"
)


def cnn(*settings):
    return edited(find("cnn-887k").recipe, settings)


@pytest.mark.parametrize("name", RECIPES)
def test_toml_and_json_give_the_recipe_back(name, tmp_path):
    recipe = find(name).recipe
    assert from_dict(tomllib.loads(to_toml(recipe)), "toml") == recipe
    (tmp_path / "recipe.toml").write_text(to_toml(recipe))
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    assert from_file(tmp_path / "recipe.toml") == recipe
    assert from_file(tmp_path / "recipe.json") == recipe


shares = st.floats(0, 0.99)
recipes = st.builds(
    Recipe,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    batch_size=st.integers(1, 65_536),
    epochs=st.integers(1, 100_000),
    validation_split=st.floats(0.001, 0.999) | st.integers(1, 10**6),
    ema=shares,
    seed=st.integers(0, 2**31 - 1),
    net=st.builds(MLP, dense=st.lists(st.integers(1, 5000), max_size=4).map(tuple), dropout=shares),
    augment=st.builds(Augment, rotate=st.floats(0, 180), zoom=shares, shift=shares, shear=st.floats(0, 60)),
    optimizer=st.builds(Optimizer, name=st.sampled_from(["adam", "sgd"]), lr=st.floats(1e-300, 1e300)),
    schedule=st.builds(Plateau, factor=st.floats(0.001, 0.999)) | st.builds(OneCycle, warmup=st.floats(0.001, 0.999)),
)


def test_toml_says_what_settings_mean():
    lines = to_toml(find("fast").recipe).splitlines()
    assert "validation_split = 0.05  # Below 1: share of the labeled rows; from 1: that many rows; 0: none." in lines
    assert any(line.startswith('name = "adamw"  # adam | adamw | rmsprop | sgd | muon') for line in lines)
    assert "filters = [  # One entry a stage." in lines
    assert all("\n" not in line and line.count("#") <= 1 for line in lines)


@settings(deadline=None, max_examples=60)
@given(recipes)
def test_any_recipe_survives_toml_and_json(recipe):
    assert from_dict(tomllib.loads(to_toml(recipe)), "toml") == recipe
    assert from_dict(json.loads(recipe.model_dump_json()), "json") == recipe


def test_single_values_are_overridden_and_nothing_else():
    before = find("cnn-887k").recipe
    after = cnn("optimizer.lr=0.002", "net.dense_dropout = 0.4", "checkpoint=best", "net.dense=[64, 32]", 'name="mine"')
    assert after.optimizer.lr == 0.002
    assert after.net.dense == (64, 32)
    assert after.net.dense_dropout == 0.4
    assert (after.checkpoint, after.name) == ("best", "mine")
    back = edited(
        after, ["optimizer.lr=0.001", "net.dense_dropout=0.5", "checkpoint=last", "net.dense=[256]", "name=cnn-887k"]
    )
    assert back == before
    assert edited(before, []) is before


def test_lists_of_another_length():
    assert cnn("net.filters=[16,32]", "net.kernels=[5]", "net.padding=['valid']").net.convolutions() == [
        (16, 5, "valid"),
        (32, 5, "valid"),
    ]


def test_the_last_of_two_settings_holds():
    assert cnn("epochs=3", "epochs=4").epochs == 4


def test_another_kind_comes_with_its_own_settings():
    changed = cnn("net.kind=mlp", "net.dense=[8]", "schedule.kind=onecycle", "schedule.warmup=0.2")
    assert changed.net == MLP(dense=(8,))
    assert changed.schedule == OneCycle(warmup=0.2)
    assert cnn("schedule.kind=onecycle").schedule == OneCycle()
    assert cnn("schedule.kind=plateau") == cnn()  # the same kind keeps its settings
    assert cnn("schedule={kind = 'plateau', patience = 2}").schedule == Plateau(patience=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["epochs"], "--set epochs: expected key=value, such as optimizer.lr=0.002"),
        (["=3"], "--set =3: expected key=value, such as optimizer.lr=0.002"),
        (["lr=1"], f"--set lr=1: there is no 'lr'; choose from {GROUPS}"),
        (["optimiser.lr=1"], f"--set optimiser.lr=1: there is no group 'optimiser'; choose from {GROUPS}"),
        (["name.x=1"], f"--set name.x=1: there is no group 'name'; choose from {GROUPS}"),
        (["a.b.c=1"], f"--set a.b.c=1: there is no group 'a.b'; choose from {GROUPS}"),
        (
            ["optimizer.rate=1"],
            "--set optimizer.rate=1: there is no 'optimizer.rate'; "
            "choose from name, lr, rest_lr, weight_decay, momentum, smoothing",
        ),
        (
            ["schedule.warmup=0.1"],
            "--set schedule.warmup=0.1: there is no 'schedule.warmup'; "
            "choose from kind, monitor, patience, factor, min_lr",
        ),
        (
            ["augment={turn=3}"],
            "--set augment={turn=3}: there is no 'augment.turn'; "
            "choose from rotate, zoom, shift, shear, elastic, cutout, clean_fraction",
        ),
        (
            ["optimizer.name=lion"],
            "--set optimizer.name=lion: optimizer.name = 'lion': "
            "input should be 'adam', 'adamw', 'rmsprop', 'sgd' or 'muon'",
        ),
        (
            ["optimizer.rest_lr=0.1"],
            "--set optimizer.rest_lr=0.1: optimizer.rest_lr: rmsprop has one rate for all weights; "
            "set 0 here, or muon as name",
        ),
        (["optimizer.lr=-1"], "--set optimizer.lr=-1: optimizer.lr = -1: input should be greater than 0"),
        (["net.kind=resnet"], "--set net.kind=resnet: net.kind = 'resnet': possible are plain_cnn, mlp, cnn, ctc"),
        (["net.kind=[1]", "net.x=1"], "--set net.x=1: there is no 'net.x'; choose from kind"),
        (["net={}"], "--set net={}: 'net.kind' is missing: possible are plain_cnn, mlp, cnn, ctc"),
        (["net={}", "net.x=1"], "--set net.x=1: there is no 'net.x'; choose from kind"),
        (["net.kind=mlp"], "--set net.kind=mlp: 'net.dense' is missing"),
        (["net=3"], "--set net=3: net = 3: expected a table of settings"),
        (["optimizer=adam"], "--set optimizer=adam: optimizer = 'adam': expected a table of settings"),
        (["net.filters=16"], "--set net.filters=16: net.filters = 16: expected a list"),
        (
            ["validation_split=0"],
            "--set validation_split=0: validation_split: a plateau schedule cannot work without held-out rows",
        ),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(settings, message):
    with pytest.raises(RecipeError) as caught:
        cnn(*settings)
    assert str(caught.value) == message


def complaint(make, otherwise="--set "):
    """What the RecipeError of `make` says; `otherwise` where it gives a recipe."""
    try:
        assert isinstance(make(), Recipe)
    except RecipeError as error:
        return str(error)
    return otherwise


@settings(deadline=None, max_examples=200)
@given(
    key=st.sampled_from(
        ["net", "net.kind", "net.filters", "net.dense", "schedule", "schedule.kind", "augment", "augment.rotate", "lr"]
    )
    | st.text(max_size=12),
    value=st.sampled_from(["{}", "{kind = 'dense'}", "[]", "[1, 'a']", "true", "nan", "1e400", "{a = {b = 1}}"])
    | st.text(max_size=12),
    then=st.sampled_from(["net.kind=mlp", "net.x.y=1", "net.filters=[1]", "augment.a.b=2", "schedule.warmup=0.5"]),
)
def test_whatever_is_set_gives_a_recipe_or_a_recipe_error(key, value, then):
    for sequence in ([f"{key}={value}"], [f"{key}={value}", then], [then, f"{key}={value}"]):
        assert complaint(lambda sequence=sequence: cnn(*sequence)).startswith("--set ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "lr", "x"]), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(key=st.sampled_from([*Recipe.model_fields, "more"]), value=json_values, delete=st.booleans())
def test_whatever_a_file_holds_gives_a_recipe_or_a_recipe_error(key, value, delete):
    values = find("six-conv").recipe.model_dump(mode="json")
    if delete:
        values.pop(key, None)
    else:
        values[key] = value
    said = complaint(lambda: from_dict(values, "file"), otherwise=f"file: {key}")
    assert said.startswith("file: ")
    assert key in said or "validation_split" in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", b"epochs = ", "a.toml: this is no TOML file"),
        ("a.json", b"{", "a.json: this is no JSON file"),
        ("a.toml", b"\xff\xfe", "a.toml: this is not text in UTF-8; save it as such"),
        ("a.json", b"[]", "a.json: a recipe is a table of settings, not a list"),
        ("a.toml", b"", "a.toml: 'name' is missing"),
        ("a.toml", b"name = 'x'\nepoch = 3", "a.toml: 'batch_size' is missing"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_with_its_name(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        from_file(tmp_path / name)
    assert said in str(caught.value)


def test_an_unknown_key_in_a_file_says_which_exist(tmp_path):
    (tmp_path / "a.toml").write_text("epoch = 3\n" + to_toml(find("dense-s").recipe))
    with pytest.raises(RecipeError) as caught:
        from_file(tmp_path / "a.toml")
    assert str(caught.value) == f"{tmp_path / 'a.toml'}: there is no 'epoch'; choose from {GROUPS}"
    (tmp_path / "a.toml").write_text(to_toml(find("dense-s").recipe).replace("[net]", "[net]\nwidth = 3"))
    with pytest.raises(RecipeError, match=r"there is no 'net\.width'; choose from kind, dense, norm, dropout$"):
        from_file(tmp_path / "a.toml")


def test_a_misspelt_key_is_named_beside_the_missing_one(tmp_path):
    (tmp_path / "a.toml").write_text(to_toml(find("dense-s").recipe).replace("epochs =", "epochz ="))
    with pytest.raises(RecipeError) as caught:
        from_file(tmp_path / "a.toml")
    said = f"'epochs' is missing, and there is no 'epochz'; choose from {GROUPS}"
    assert str(caught.value) == f"{tmp_path / 'a.toml'}: {said}"


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: No such file or directory"):
        from_file(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="Is a directory"):
        from_file(tmp_path)
