import json
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.errors import RecipeError
from tenfold.recipes import RECIPES, find
from tenfold.recipes.networks import MLP
from tenfold.recipes.schema import Augment, OneCycle, Optimizer, Plateau, Recipe
from tenfold.recipes.toml import from_dict, from_file, to_toml, with_settings

GROUPS = ", ".join(Recipe.model_fields)


def cnn(*settings):
    return with_settings(find("cnn-887k").recipe, settings)


@pytest.mark.parametrize("name", RECIPES)
def test_toml_and_json_round_trip(name, tmp_path):
    recipe = find(name).recipe
    assert from_dict(tomllib.loads(to_toml(recipe)), "toml") == recipe
    (tmp_path / "recipe.toml").write_text(to_toml(recipe))
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    assert from_file(tmp_path / "recipe.toml") == recipe
    assert from_file(tmp_path / "recipe.json") == recipe


fractions = st.floats(0, 0.99)
recipes = st.builds(
    Recipe,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    batch_size=st.integers(1, 65_536),
    epochs=st.integers(1, 100_000),
    validation_split=st.floats(0.001, 0.999) | st.integers(1, 10**6),
    ema=fractions,
    seed=st.integers(0, 2**31 - 1),
    net=st.builds(MLP, dense=st.lists(st.integers(1, 5000), max_size=4).map(tuple), dense_dropout=fractions),
    augment=st.builds(
        Augment, rotation=st.floats(0, 180), zoom=fractions, translation=fractions, shear=st.floats(0, 60)
    ),
    optimizer=st.builds(Optimizer, name=st.sampled_from(["adam", "sgd"]), lr=st.floats(1e-300, 1e300)),
    schedule=st.builds(Plateau, factor=st.floats(0.001, 0.999))
    | st.builds(OneCycle, warmup_fraction=st.floats(0.001, 0.999)),
)


def test_toml_has_comments():
    lines = to_toml(find("fast").recipe).splitlines()
    assert (
        "validation_split = 0.05  # Below 1: fraction of the labeled samples; from 1: number of samples; 0: none."
        in lines
    )
    assert any(line.startswith('name = "adamw"  # adam | adamw | rmsprop | sgd | muon') for line in lines)
    assert "filters = [96]  # One entry per stage." in lines
    assert all("\n" not in line and line.count("#") <= 1 for line in lines)


@settings(deadline=None, max_examples=60)
@given(recipes)
def test_any_recipe_round_trips(recipe):
    assert from_dict(tomllib.loads(to_toml(recipe)), "toml") == recipe
    assert from_dict(json.loads(recipe.model_dump_json()), "json") == recipe


def test_set_changes_named_settings_only():
    before = find("cnn-887k").recipe
    after = cnn("optimizer.lr=0.002", "net.dense_dropout = 0.4", "checkpoint=best", "net.dense=[64, 32]", 'name="mine"')
    assert after.optimizer.lr == 0.002
    assert after.net.dense == (64, 32)
    assert after.net.dense_dropout == 0.4
    assert (after.checkpoint, after.name) == ("best", "mine")
    back = with_settings(
        after, ["optimizer.lr=0.001", "net.dense_dropout=0.5", "checkpoint=last", "net.dense=[256]", "name=cnn-887k"]
    )
    assert back == before
    assert with_settings(before, []) is before


def test_set_list_of_another_length():
    net = cnn("net.filters=[16,32]", "net.kernel_sizes=[5]", "net.padding=['valid']").net
    assert (net.filters, net.kernel_sizes, net.padding) == ((16, 32), (5,), ("valid",))


def test_last_of_two_settings_wins():
    assert cnn("epochs=3", "epochs=4").epochs == 4


def test_set_kind_replaces_settings():
    changed = cnn("net.kind=mlp", "net.dense=[8]", "schedule.kind=onecycle", "schedule.warmup_fraction=0.2")
    assert changed.net == MLP(dense=(8,))
    assert changed.schedule == OneCycle(warmup_fraction=0.2)
    assert cnn("schedule.kind=onecycle").schedule == OneCycle()
    assert cnn("schedule.kind=plateau") == cnn()  # the same kind keeps its settings
    assert cnn("schedule={kind = 'plateau', patience = 2}").schedule == Plateau(patience=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["epochs"], "--set epochs: expected key=value, such as optimizer.lr=0.002"),
        (["=3"], "--set =3: expected key=value, such as optimizer.lr=0.002"),
        (["lr=1"], "--set lr=1: unknown setting 'lr'; did you mean optimizer.lr, as in --set optimizer.lr=1?"),
        (["power=1"], f"--set power=1: unknown setting 'power'; choose from {GROUPS}"),
        (
            ["optimiser.lr=1"],
            "--set optimiser.lr=1: unknown group 'optimiser'; did you mean optimizer.lr, as in --set optimizer.lr=1?",
        ),
        (["name.x=1"], f"--set name.x=1: unknown group 'name'; choose from {GROUPS}"),
        (["a.b.c=1"], f"--set a.b.c=1: unknown group 'a.b'; choose from {GROUPS}"),
        (
            ["optimizer.rate=1"],
            "--set optimizer.rate=1: unknown setting 'optimizer.rate'; "
            "choose from name, lr, adamw_lr, weight_decay, betas, momentum, alpha",
        ),
        (
            ["schedule.warmup=0.1"],
            "--set schedule.warmup=0.1: unknown setting 'schedule.warmup'; "
            "choose from kind, monitor, patience, factor, min_lr",
        ),
        (
            ["augment={turn=3}"],
            "--set augment={turn=3}: unknown setting 'augment.turn'; "
            "choose from rotation, zoom, translation, shear, elastic_alpha, cutout, clean_fraction",
        ),
        (
            ["optimizer.name=lion"],
            "--set optimizer.name=lion: optimizer.name = 'lion': expected one of adam, adamw, rmsprop, sgd, muon",
        ),
        (
            ["optimizer.adamw_lr=0.1"],
            "--set optimizer.adamw_lr=0.1: optimizer.adamw_lr: rmsprop has a single learning rate; "
            "set it to 0 or use muon",
        ),
        (["optimizer.lr=-1"], "--set optimizer.lr=-1: optimizer.lr = -1: expected a number above 0"),
        (
            ["net.kind=vit"],
            "--set net.kind=vit: net.kind = 'vit': choose from plain_cnn, mlp, cnn, resnet, custom, ctc",
        ),
        (["net.kind=[1]", "net.x=1"], "--set net.x=1: unknown setting 'net.x'; choose from kind"),
        (["net={}"], "--set net={}: 'net.kind' is missing; choose from plain_cnn, mlp, cnn, resnet, custom, ctc"),
        (["net={}", "net.x=1"], "--set net.x=1: unknown setting 'net.x'; choose from kind"),
        (["net.kind=mlp"], "--set net.kind=mlp: 'net.dense' is missing"),
        (["net=3"], "--set net=3: net = 3: expected a table of settings"),
        (
            ["optimizer=Adam"],
            "--set optimizer=Adam: optimizer = 'Adam': expected a table of settings; did you mean optimizer.name=adam?",
        ),
        (["optimizer.betas=1"], "--set optimizer.betas=1: optimizer.betas = 1: expected a list"),
        (
            ["validation_split=0"],
            "--set validation_split=0: validation_split: 0 can't be used with a plateau schedule",
        ),
    ],
)
def test_set_error_messages(settings, message):
    with pytest.raises(RecipeError) as caught:
        cnn(*settings)
    assert str(caught.value) == message


def error_message(make, default="--set "):
    """The message of the RecipeError that `make` raises; `default` where it returns a recipe."""
    try:
        assert isinstance(make(), Recipe)
    except RecipeError as error:
        return str(error)
    return default


@settings(deadline=None, max_examples=200)
@given(
    key=st.sampled_from(
        [
            "net",
            "net.kind",
            "net.filters",
            "net.dense",
            "schedule",
            "schedule.kind",
            "augment",
            "augment.rotation",
            "lr",
        ]
    )
    | st.text(max_size=12),
    value=st.sampled_from(["{}", "{kind = 'dense'}", "[]", "[1, 'a']", "true", "nan", "1e400", "{a = {b = 1}}"])
    | st.text(max_size=12),
    other=st.sampled_from(
        ["net.kind=mlp", "net.x.y=1", "net.filters=[1]", "augment.a.b=2", "schedule.warmup_fraction=0.5"]
    ),
)
def test_any_setting_gives_recipe_or_recipe_error(key, value, other):
    for sequence in ([f"{key}={value}"], [f"{key}={value}", other], [other, f"{key}={value}"]):
        assert error_message(lambda sequence=sequence: cnn(*sequence)).startswith("--set ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "lr", "x"]), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(key=st.sampled_from([*Recipe.model_fields, "more"]), value=json_values, delete=st.booleans())
def test_any_values_give_recipe_or_recipe_error(key, value, delete):
    values = find("six-conv").recipe.model_dump(mode="json")
    if delete:
        values.pop(key, None)
    else:
        values[key] = value
    message = error_message(lambda: from_dict(values, "file"), default=f"file: {key}")
    assert message.startswith("file: ")
    assert key in message or "validation_split" in message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", b"epochs = ", "a.toml: invalid TOML"),
        ("a.json", b"{", "a.json: invalid JSON"),
        ("a.toml", b"\xff\xfe", "a.toml: expected text in UTF-8"),
        ("a.json", b"[]", "a.json: expected a table of settings, not a list"),
        ("a.toml", b"", "a.toml: 'name' is missing"),
        ("a.toml", b"name = 'x'\nepoch = 3", "a.toml: 'batch_size' is missing"),
    ],
)
def test_invalid_file_is_rejected_with_its_name(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        from_file(tmp_path / name)
    assert message in str(caught.value)


def test_unknown_key_in_file_lists_keys(tmp_path):
    (tmp_path / "a.toml").write_text("epoch = 3\n" + to_toml(find("dense-s").recipe))
    with pytest.raises(RecipeError) as caught:
        from_file(tmp_path / "a.toml")
    assert str(caught.value) == f"{tmp_path / 'a.toml'}: unknown setting 'epoch'; did you mean epochs?"
    (tmp_path / "a.toml").write_text(to_toml(find("dense-s").recipe).replace("[net]", "[net]\nwidth = 3\n#"))
    with pytest.raises(
        RecipeError,
        match=r"unknown setting 'net\.width'; choose from kind, dense, activation, batch_norm, dense_dropout$",
    ):
        from_file(tmp_path / "a.toml")


def test_misspelled_key_is_named_with_missing_one(tmp_path):
    (tmp_path / "a.toml").write_text(to_toml(find("dense-s").recipe).replace("epochs =", "epochz ="))
    with pytest.raises(RecipeError) as caught:
        from_file(tmp_path / "a.toml")
    message = "'epochs' is missing, and unknown setting 'epochz'; did you mean epochs?"
    assert str(caught.value) == f"{tmp_path / 'a.toml'}: {message}"


def test_missing_file(tmp_path):
    with pytest.raises(RecipeError, match=r"missing\.toml: No such file or directory"):
        from_file(tmp_path / "missing.toml")
    with pytest.raises(RecipeError, match="Is a directory"):
        from_file(tmp_path)


def test_single_value_stands_for_a_list_of_one():
    assert (
        cnn("net.dense=512", "net.padding=same").net.model_dump()
        == cnn("net.dense=[512]", "net.padding=['same']").net.model_dump()
    )
