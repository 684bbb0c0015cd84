"""The Jinja2 environment of the pages: all values are escaped, an undefined name is an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from tenfold import __version__
from tenfold.report import charts, formats, images


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading. anchor: its id, and the name of its template in templates/sections/."""

    anchor: str
    title: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Page:
    title: str
    sections: Sequence[Section]


def render(template: str, page: Page) -> str:
    """One self-contained HTML document."""
    return environment().get_template(template).render(page=page)


@cache
def environment() -> Environment:
    result = Environment(
        loader=PackageLoader("tenfold.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    result.globals |= {"version": __version__}
    result.filters |= {
        "count": formats.count,
        "decimal": formats.decimal,
        "duration": formats.duration,
        "p_value": formats.p_value,
        "percent": formats.percent,
        "plural": formats.plural,
        "recipe_groups": formats.recipe_groups,
        "png_uri": images.png_uri,
        "strip": images.strip,
        "svg_uri": charts.svg_uri,
    }
    return result
