"""Recipes from TOML and from `--set key=value`, and back; a wrong key or value says which exist."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import tomli_w
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tenfold.errors import RecipeError
from tenfold.recipes.schema import KINDS, Augment, Optimizer, Part, Recipe, Synthesis, Variant


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML that `from_file` reads back to an equal value, with what its settings mean as comments."""
    group: Part | None = recipe
    lines = []
    for line in tomli_w.dumps(recipe.model_dump(mode="json"), multiline_strings=False).splitlines():
        if line.startswith("["):
            group = getattr(recipe, line.strip("[]"), None)  # None for the other ways of an ensemble
        name = line.partition(" = ")[0]
        lines.append(line + (_comment(type(group), name) if isinstance(group, Part) else ""))
    return "\n".join(lines) + "\n"


def _comment(group: type[Part], name: str) -> str:
    field = group.model_fields.get(name)
    if field is None:
        return ""
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    said = [" | ".join(map(str, choices)) if len(choices) > 1 else "", " ".join((field.description or "").split())]
    return "  # " + ". ".join(filter(None, said)) if any(said) else ""


def from_file(path: Path) -> Recipe:
    """A recipe from a .toml or .json file. Raises RecipeError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: this is not text in UTF-8; save it as such") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise RecipeError(f"{path}: this is no {path.suffix.lstrip('.').upper() or 'TOML'} file: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: a recipe is a table of settings, not a {type(values).__name__}")
    return from_dict(values, str(path))


def from_dict(values: dict[str, Any], where: str) -> Recipe:
    """A recipe from plain values; `where` begins the message of a RecipeError."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{where}: {explain(error, values)}") from None


def edited(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """A copy of `recipe` with settings such as 'optimizer.lr=0.002' or 'net.filters=[16,32]' put in."""
    values = recipe.model_dump(mode="json")
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set {setting}: expected key=value, such as optimizer.lr=0.002")
        _put(values, key.strip(), _value(text.strip()), setting)
    return from_dict(values, "--set " + " ".join(settings)) if settings else recipe


def _put(values: dict[str, Any], key: str, value: Any, setting: str) -> None:
    group, _, name = key.rpartition(".")
    table = values.get(group) if group else values
    if not isinstance(table, dict):
        raise RecipeError(f"--set {setting}: there is no group '{group}'; choose from {', '.join(_fields('', values))}")
    if name == "kind" and name in table and table[name] != value:
        table.clear()  # another kind of net or schedule has other settings; each has defaults or is then asked for
    elif name not in _fields(group, values):
        exist = ", ".join(_fields(group, values))
        raise RecipeError(f"--set {setting}: there is no '{key}'; choose from {exist}")
    table[name] = value


def _value(text: str) -> Any:
    """The text as a TOML value; what is none (same, adam) is meant as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def explain(error: ValidationError, values: dict[str, Any]) -> str:
    """The first thing that is wrong, in one sentence; beside a missing key also one too many, for it may be meant."""
    first, *others = error.errors(include_url=False)
    said = _explained(first, values)
    unknown = [other for other in others if other["type"] == "extra_forbidden"]
    return f"{said}, and {_explained(unknown[0], values)}" if first["type"] == "missing" and unknown else said


def _explained(first: ErrorDetails, values: dict[str, Any]) -> str:
    place, before = [str(part) for part in first["loc"]], ""
    whole: type[Part] = Recipe
    if place[:1] == ["variants"] and place[2:]:  # within another way to teach, of which a recipe may hold several
        values, whole, before = values["variants"][int(place[1])], Variant, f"variants.{place[1]}."
        del place[:2]
    if len(place) > 1 and place[1] in KINDS.get(place[0], {}):
        del place[1]  # Pydantic names the chosen kind within the place ('net', 'conv', 'filters'); people do not
    key = before + ".".join(place)
    if first["type"] == "extra_forbidden":
        return f"there is no '{key}'; choose from {', '.join(_fields(place[0] if place[1:] else '', values, whole))}"
    if first["type"] == "missing":
        return f"'{key}' is missing"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "union_tag_invalid":
        possible = first["ctx"]["expected_tags"].replace("'", "")
        return f"{key}.kind = {first['ctx']['tag']!r}: possible are {possible}"
    if first["type"] == "union_tag_not_found":
        return f"'{key}.kind' is missing: possible are {', '.join(KINDS[place[0]])}"
    shown = "a table" if isinstance(first["input"], dict) else repr(first["input"])
    if first["type"] in ("model_type", "model_attributes_type", "tuple_type"):
        return f"{key} = {shown}: expected {'a list' if first['type'] == 'tuple_type' else 'a table of settings'}"
    return f"{key} = {shown}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _fields(group: str, values: dict[str, Any], whole: type[Part] = Recipe) -> list[str]:
    """The settings that exist in a group of the recipe; '' is the recipe itself, or the `whole` that `values` is of."""
    if group in KINDS:
        kind = KINDS[group].get(str(values[group].get("kind")))
        return list(kind.model_fields) if kind else ["kind"]
    groups: dict[str, type[Part]] = {"": whole, "augment": Augment, "synthesis": Synthesis, "optimizer": Optimizer}
    return list(groups[group].model_fields)
