"""How a page is made: a Jinja2 template, filled with the context that a module of this folder builds for it.

A page has a head (templates/heads) and sections (templates/sections, by their anchors). All values are escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tenfold import __version__
from tenfold.report import formats
from tenfold.report.images import data_uri, mosaic

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#2f66ad"/>'
    '<path d="M4 5l2-1v8M9 6.5a2 2.5 0 0 1 4 0v3a2 2.5 0 0 1-4 0z" fill="none" stroke="#fff" stroke-width="1.6"/></svg>'
)


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading; `anchor` also names its template."""

    anchor: str
    title: str


def render_page(
    kind: str, title: str, head: str, sections: Sequence[Section], context: dict[str, Any], lead: str = ""
) -> str:
    """One self-contained HTML document.

    kind: what sort of page, above the title ("training report"). head: the template between the lead and the list of
    contents. context: what the templates need. lead: the paragraph under the title.
    """
    page = {"kind": kind, "title": title, "lead": lead, "head": head, "sections": sections}
    icon = "data:image/svg+xml;base64," + b64encode(ICON.encode()).decode()
    return _environment().get_template("page.html").render(page | context, icon=icon, version=__version__)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tenfold.report"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": formats.percent,
        "count": formats.count,
        "plural": formats.plural,
        "data_uri": data_uri,
        "mosaic": lambda images: mosaic(images, columns=len(images), gap=4),
        "svg_uri": _svg_uri,
    }
    return environment


def _svg_uri(figure: Any) -> str:
    from tenfold.report.charts import svg_uri  # needs matplotlib

    return svg_uri(figure)
