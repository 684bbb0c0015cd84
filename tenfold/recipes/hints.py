"""What a misspelled setting may have meant, and which values a setting takes."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

SYNONYMS = {  # what other programs call it
    "batch": "batch_size",
    "batchsize": "batch_size",
    "hidden": "dense",
    "l2": "weight_decay",
    "learning_rate": "lr",
    "learningrate": "lr",
    "num_epochs": "epochs",
    "rho": "alpha",
    "units": "dense",
}
SIMILARITY = 0.75  # of difflib, 0 to 1
MAX_VALUE = 40  # characters of a value in a message
TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "string": "text", "tuple": "a list"}
BOUNDS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}


def similar_setting(key: str, settings: Sequence[str]) -> str | None:
    """Which of `settings`, such as 'optimizer.lr', is meant by `key`: 'learning_rate', 'optimiser.lr', 'optimizer.LR'.

    A setting of the same group comes first.
    """
    group, _, name = key.lower().replace("-", "_").rpartition(".")
    name = SYNONYMS.get(name, name)
    ordered = sorted(settings, key=lambda setting: setting.rpartition(".")[0] != group)
    names = [setting.rpartition(".")[2] for setting in ordered]
    close = get_close_matches(name, names, 1, SIMILARITY)
    tests = (
        lambda other: other == name,
        lambda other: other in close,
        lambda other: other.startswith(f"{name}_") or other.endswith(f"_{name}"),
    )
    for test in tests:
        for setting, other in zip(ordered, names, strict=True):
            if test(other):
                return setting
    return None


def expected_value(error: ErrorDetails, field_of: type[BaseModel] | None, name: str) -> str:
    """What a setting takes instead of the value that Pydantic rejected, to follow 'expected'."""
    kind = error["type"].partition("_")[0]
    if error["type"] == "literal_error":
        return f"one of {str(error['ctx']['expected']).replace(chr(39), '').replace(' or ', ', ')}"
    if error["type"] in ("model_type", "model_attributes_type"):
        return "a table of settings"
    field = field_of.model_fields.get(name) if field_of else None
    bounds = _bounds(field.metadata) if field else ""
    if kind in TYPES:
        return TYPES[kind] + bounds
    if bounds and error["type"].startswith(("greater_than", "less_than")):
        return ("a whole number" if field and field.annotation is int else "a number") + bounds
    return ""


def _bounds(metadata: Sequence[Any]) -> str:
    """Such as ' above 0 and below 1'."""
    limits = {name: getattr(limit, name) for limit in metadata for name in BOUNDS if hasattr(limit, name)}
    if limits.keys() == {"ge", "le"}:
        return f" from {limits['ge']:,} to {limits['le']:,}"
    found = [f"{BOUNDS[name]} {value:,}" for name, value in limits.items()]
    return " " + " and ".join(found) if found else ""


def shorten(value: Any) -> str:
    """The value as it would be typed, cut if it is long."""
    text = "a table" if isinstance(value, dict) else repr(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}..."
