"""Numbers and settings as the pages and charts write them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MISSING = "–"


def percent(fraction: float | None, digits: int = 2) -> str:
    """0.99521 as "99.52 %". Rounding never reaches 0 or 100: only an exact 0 or 1 is written that way."""
    if fraction is None or math.isnan(fraction):
        return MISSING
    text = f"{100 * fraction:.{digits}f}"
    step = 10.0**-digits
    if fraction < 1 and float(text) == 100:
        text = f"{100 - step:.{digits}f}"
    if fraction > 0 and float(text) == 0:
        return f"< {step:.{digits}f}{NARROW_SPACE}%"
    return f"{text}{NARROW_SPACE}%"


def count(number: int) -> str:
    """12345 as "12,345"."""
    return f"{number:,}"


def compact(number: int) -> str:
    """9812 as "9.8k"."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 9950 else f"{number / 1000:.0f}k"


def decimal(value: float | None, digits: int = 4) -> str:
    """Rounded; a dash for what was not measured, None or NaN."""
    return MISSING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def plural(number: int, noun: str) -> str:
    """(1, "image") as "1 image", (1200, "image") as "1,200 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds as "15 ms", "4.2 s", "41 s", "3 min 05 s" or "2 h 10 min", with spaces that don't break."""
    rounded, minutes = round(seconds), round(seconds / 60)
    if 0 < seconds < 0.1:
        text = f"{1000 * seconds:.0f} ms"
    elif seconds < 10:
        text = f"{seconds:.1f} s"
    elif rounded < 60:
        text = f"{rounded} s"
    elif rounded < 3600:
        text = f"{rounded // 60} min {rounded % 60:02d} s"
    else:
        text = f"{minutes // 60} h {minutes % 60:02d} min"
    return text.replace(" ", NARROW_SPACE)


def p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def recipe_groups(recipe: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The tables of a nested recipe, each a group of settings; its single values come first, as the group "run"."""
    groups: dict[str, dict[str, Any]] = {"run": {}}
    for name, value in recipe.items():
        if isinstance(value, Mapping):
            groups[name] = dict(value)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            groups |= {f"{name} {index}": _flatten(item) for index, item in enumerate(value, 1)}
        else:
            groups["run"][name] = value
    return {name: {key: _setting(value) for key, value in group.items()} for name, group in groups.items() if group}


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
