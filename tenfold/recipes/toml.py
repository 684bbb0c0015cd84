"""Recipes from TOML, JSON and `--set key=value`, and back; error messages list the keys or values that exist."""

import json
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tenfold.errors import RecipeError
from tenfold.recipes.hints import expected_value, shorten, similar_setting
from tenfold.recipes.networks import Settings
from tenfold.recipes.schema import KINDS, Augment, Optimizer, Recipe, Synthesis, Variant

MAX_SOURCE = 80  # characters of a command line's settings in a message
GROUPS: dict[str, type[Settings]] = {"augment": Augment, "synthesis": Synthesis, "optimizer": Optimizer}


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML that `from_file` reads back to an equal value, with a comment for each setting."""
    return "\n".join(_toml_lines(recipe, "")).strip() + "\n"


def _toml_lines(settings: Settings, prefix: str) -> Iterator[str]:
    """The settings of a table and then, as TOML requires, the tables in it."""
    groups = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if _tables(value):
            groups[name] = value
        else:
            yield f"{name} = {json.dumps(value)}{_comment(type(settings), name)}"
    for name in sorted(groups, key=lambda name: isinstance(groups[name], tuple)):  # arrays of tables last
        header = f"[[{prefix}{name}]]" if isinstance(groups[name], tuple) else f"[{prefix}{name}]"
        for table in _tables(groups[name]):
            yield from ("", f"{header}  # {_first_line(type(table))}")
            yield from _toml_lines(table, f"{prefix}{name}.")


def _tables(value: Any) -> list[Settings]:
    return [item for item in (value if isinstance(value, tuple) else [value]) if isinstance(item, Settings)]


def _first_line(group: type[Settings]) -> str:
    return (group.__doc__ or "").partition("\n")[0]


def _comment(group: type[Settings], name: str) -> str:
    field = group.model_fields[name]
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    choice_list = " | ".join(map(str, choices)) if len(choices) > 1 else ""
    description = " ".join((field.description or "").split())
    return "  # " + ". ".join(filter(None, (choice_list, description))) if choice_list or description else ""


def from_file(path: Path) -> Recipe:
    """A recipe from a .toml or .json file. Raises RecipeError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: expected text in UTF-8") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise RecipeError(f"{path}: invalid {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected a table of settings, not a {type(values).__name__}")
    return from_dict(values, str(path))


def from_dict(values: dict[str, Any], source: str) -> Recipe:
    """A recipe from plain values. Raises RecipeError, whose message begins with `source`."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{source}: {explain(error, values)}") from None


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """A copy of `recipe` with settings such as 'optimizer.lr=0.002' or 'net.filters=[16,32]'. Raises RecipeError."""
    values = recipe.model_dump(mode="json")
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set {setting}: expected key=value, such as optimizer.lr=0.002")
        _set(values, key.strip(), _parse_value(text.strip()), setting)
    return from_dict(values, textwrap.shorten("--set " + " ".join(settings), MAX_SOURCE)) if settings else recipe


def _set(values: dict[str, Any], key: str, value: Any, setting: str) -> None:
    group, _, name = key.rpartition(".")
    table = values.get(group) if group else values
    if not isinstance(table, dict):
        similar = similar_setting(key, _all_settings(values))
        hint = _did_you_mean(similar, setting) if similar else f"choose from {', '.join(_fields('', values))}"
        raise RecipeError(f"--set {setting}: unknown group '{group}'; {hint}")
    if name == "kind" and name in table and table[name] != value:
        table.clear()  # another kind of net or schedule has other settings: their defaults, or they must be given
    elif name not in _fields(group, values):
        similar = similar_setting(key, _all_settings(values))
        hint = _did_you_mean(similar, setting) if similar else f"choose from {', '.join(_fields(group, values))}"
        raise RecipeError(f"--set {setting}: unknown setting '{key}'; {hint}")
    table[name] = value


def _all_settings(values: dict[str, Any]) -> list[str]:
    """The names of all settings that these values can have, such as 'epochs' and 'optimizer.lr'."""
    groups = [group for group in (*GROUPS, *KINDS) if isinstance(values.get(group), dict)]
    inner = [f"{group}.{name}" for group in groups for name in _fields(group, values)]
    return [name for name in _fields("", values) if name not in groups] + inner


def _did_you_mean(similar: str, setting: str) -> str:
    return f"did you mean {similar}, as in --set {similar}={setting.partition('=')[2]}?"


def _parse_value(text: str) -> Any:
    """The text as a TOML value; anything else (same, adam) is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def explain(error: ValidationError, values: dict[str, Any]) -> str:
    """The first error in one sentence; with a missing setting also the first unknown one, likely a misspelling."""
    first, *others = error.errors(include_url=False)
    message = _message(first, values)
    unknown = [other for other in others if other["type"] == "extra_forbidden"]
    return f"{message}, and {_message(unknown[0], values)}" if first["type"] == "missing" and unknown else message


def _message(error: ErrorDetails, values: dict[str, Any]) -> str:
    path, prefix = [str(part) for part in error["loc"]], ""
    top: type[Settings] = Recipe
    if path[:1] == ["variants"] and path[2:]:
        values, top, prefix = values["variants"][int(path[1])], Variant, f"variants.{path[1]}."
        del path[:2]
    if len(path) > 1 and path[1] in KINDS.get(path[0], {}):
        del path[1]  # Pydantic puts the kind into the path ('net', 'cnn', 'filters')
    key = prefix + ".".join(path)
    if error["type"] == "extra_forbidden":
        similar = similar_setting(key, _all_settings(values)) if top is Recipe else None
        fields = _fields(path[0] if path[1:] else "", values, top)
        return f"unknown setting '{key}'; " + (
            f"did you mean {similar}?" if similar else f"choose from {', '.join(fields)}"
        )
    if error["type"] == "union_tag_not_found":
        return f"'{key}.kind' is missing; choose from {', '.join(KINDS[path[0]])}"
    return _value_message(error, key, _group_type(path[0], values, top) if path[1:] else top)


def _value_message(error: ErrorDetails, key: str, group: type[Settings] | None) -> str:
    match error["type"]:
        case "missing":
            return f"'{key}' is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "union_tag_invalid":
            choices = error["ctx"]["expected_tags"].replace("'", "")
            similar = similar_setting(str(error["ctx"]["tag"]), choices.split(", "))
            hint = f"; did you mean {similar}?" if similar else ""
            return f"{key}.kind = {shorten(error['ctx']['tag'])}: choose from {choices}{hint}"
    expected = expected_value(error, group, key.rpartition(".")[2])
    message = f"expected {expected}" if expected else f"{error['msg'][0].lower()}{error['msg'][1:]}"
    return f"{key} = {shorten(error['input'])}: {message}{_value_hint(error, key)}"


def _value_hint(error: ErrorDetails, key: str) -> str:
    """For a name in other letters, and a name in place of a table."""
    value = error["input"]
    if not isinstance(value, str):
        return ""
    if error["type"] == "literal_error":
        similar = similar_setting(
            value, str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        )
        return f"; did you mean {similar}?" if similar else ""
    if key in (*GROUPS, *KINDS) and error["type"] in ("model_type", "model_attributes_type"):
        return f"; did you mean {key}.{'kind' if key in KINDS else 'name'}={value.lower()}?" if key != "augment" else ""
    return ""


def _group_type(group: str, values: dict[str, Any], top: type[Settings]) -> type[Settings] | None:
    """The class of a group's settings; None if it has no known kind."""
    if group in KINDS:
        table = values.get(group)
        return KINDS[group].get(str(table.get("kind"))) if isinstance(table, dict) else None
    return GROUPS.get(group, top)


def _fields(group: str, values: dict[str, Any], top: type[Settings] = Recipe) -> list[str]:
    """The settings that exist in a group; '' is the `top` level, that of a recipe or a variant."""
    if group in KINDS:
        kind = KINDS[group].get(str(values[group].get("kind")))
        return list(kind.model_fields) if kind else ["kind"]
    return list(({"": top} | GROUPS)[group].model_fields)
