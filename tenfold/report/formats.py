"""How numbers are written on the pages."""

from __future__ import annotations

import math

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MISSING = "–"


def percent(fraction: float | None, digits: int = 2) -> str:
    """0.99521 as "99.52 %". Rounding never reaches 0 or 100: only a true 0 or 1 is written as such."""
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
    return f"{number:,}"


def number(value: float, digits: int = 4) -> str:
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def plural(quantity: int, singular: str) -> str:
    """1 -> "1 image", 20 -> "20 images"."""
    return f"{quantity:,} {singular}{'' if quantity == 1 else 's'}"


def seconds(value: float) -> str:
    """Elapsed time, with spaces that don't break: "41 s", "3 min 05 s", "2 h 10 min"."""
    total, minutes = round(value), round(value / 60)
    if value < 10:
        text = f"{value:.1f} s"
    elif total < 60:
        text = f"{total} s"
    elif total < 3600:
        text = f"{total // 60} min {total % 60:02d} s"
    else:
        text = f"{minutes // 60} h {minutes % 60:02d} min"
    return text.replace(" ", NARROW_SPACE)
