"""The parts every page is built of: skeleton, sections, tiles, tables, bars and the way numbers are written.

Functions that take text escape it; functions that take `body`, `cells` or `*_html` take finished HTML.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from tenfold import __version__

NARROW = "\N{NARROW NO-BREAK SPACE}"
ABSENT = "–"

# Enforced by the browser: even a name that slipped through unescaped could load or run nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#2f66ad"/>'
    '<path d="M4 5l2-1v8M9 6.5a2 2.5 0 0 1 4 0v3a2 2.5 0 0 1-4 0z" fill="none" stroke="#fff" stroke-width="1.6"/></svg>'
)


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading; `anchor` is its place in the list of contents."""

    anchor: str
    title: str
    body: str


def page(kind: str, title: str, lead: str, head: str, sections: Sequence[Section]) -> str:
    """A whole document.

    kind: what sort of page, above the title ("training report").
    lead: the paragraph under the title, may be "".
    head: finished HTML between the lead and the contents (tiles, a verdict).
    """
    contents = "".join(f'<li><a href="#{s.anchor}">{escape(s.title)}</a></li>' for s in sections)
    main = "".join(
        f'<section id="{s.anchor}" aria-labelledby="{s.anchor}-title">'
        f'<h2 id="{s.anchor}-title">{escape(s.title)}</h2>{s.body}</section>\n'
        for s in sections
    )
    icon = b64encode(_ICON.encode()).decode()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)} · {escape(kind)} · tenfold</title>\n"
        f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">\n'
        f"<style>\n{_style()}</style>\n</head>\n<body>\n"
        f'<header>\n<p class="kind">tenfold <span>{escape(kind)}</span></p>\n<h1>{escape(title)}</h1>\n'
        f"{paragraph(lead, 'lead') if lead else ''}\n{head}\n"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n</header>\n'
        f"<main>\n{main}</main>\n"
        f"<footer><p>Made by tenfold {escape(__version__)}. "
        "One file: no scripts, nothing loaded from elsewhere.</p></footer>\n</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return files("tenfold.report").joinpath("style.css").read_text(encoding="utf-8")


def paragraph(text: str, kind: str = "") -> str:
    return f"<p{css_class(kind)}>{escape(text)}</p>"


def subheading(text: str) -> str:
    return f"<h3>{escape(text)}</h3>"


def details(summary: str, body: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def tiles(items: Iterable[tuple[str, str, str]]) -> str:
    """The few figures to see first: (name, figure, a small line beneath it or "")."""
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(figure)}{f'<small>{escape(note)}</small>' if note else ''}</dd></div>"
        for name, figure, note in items
    )
    return f'<dl class="tiles">{cells}</dl>'


def facts(items: Mapping[str, str]) -> str:
    """Names above their values, as many to a line as fit."""
    return f'<dl class="facts">{_terms(items)}</dl>'


def pairs(items: Mapping[str, str]) -> str:
    """Names and values, one a line."""
    return f'<dl class="pairs">{_terms(items)}</dl>'


def _terms(items: Mapping[str, str]) -> str:
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in items.items())


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Sequence[int] = (),
    wide: bool = False,
    total: Sequence[str] = (),
    mark: int | None = None,
) -> str:
    """A table whose first column names the row; other columns are right-aligned numbers but for those in `left`.

    rows: finished HTML cells, as many as columns.
    wide: as wide as the page, not as wide as its content.
    total: a last row, set apart.
    mark: the row to emphasize, counted from 0.
    """

    def cells(row: Sequence[str]) -> str:
        return f'<th scope="row">{row[0]}</th>' + "".join(
            f"<td{css_class('text' if place in left else '')}>{cell}</td>"
            for place, cell in enumerate(row[1:], start=1)
        )

    head = "".join(
        f'<th scope="col"{css_class("text" if place == 0 or place in left else "")}>{escape(name)}</th>'
        for place, name in enumerate(columns)
    )
    body = "".join(
        f"<tr{css_class('marked' if place == mark else '')}>{cells(row)}</tr>" for place, row in enumerate(rows)
    )
    foot = f"<tfoot><tr>{cells(total)}</tr></tfoot>" if total else ""
    # Scrollable boxes take the focus so that the keyboard can scroll them.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table{css_class('wide' if wide else '')}><caption><span>{escape(caption)}</span></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
    )


def bar(parts: Sequence[tuple[float, str]]) -> str:
    """A horizontal bar of (share of the width, 0 to 1; CSS class). For the eye only: its number stands beside it."""
    pieces = "".join(f'<i class="{kind}" style="width:{100 * share:.2f}%"></i>' for share, kind in parts)
    return f'<span class="bar" aria-hidden="true">{pieces}</span>'


def legend(items: Iterable[tuple[str, str]]) -> str:
    """(CSS class of the key, text)."""
    keys = "".join(f'<li><i class="key {kind}" aria-hidden="true"></i>{escape(text)}</li>' for kind, text in items)
    return f'<ul class="legend">{keys}</ul>'


def percent(share: float, digits: int = 2) -> str:
    """0.99521 as "99.52 %". Rounding never reaches 0 or 100: only a true 0 or 1 is written as such."""
    if math.isnan(share):
        return ABSENT
    shown = f"{100 * share:.{digits}f}"
    step = 10.0**-digits
    if share < 1 and float(shown) == 100:
        shown = f"{100 - step:.{digits}f}"
    if share > 0 and float(shown) == 0:
        return f"< {step:.{digits}f}{NARROW}%"
    return f"{shown}{NARROW}%"


def count(number: int) -> str:
    return f"{number:,}"


def number(value: float, digits: int = 4) -> str:
    return ABSENT if math.isnan(value) else f"{value:.{digits}f}"


def plural(quantity: int, one: str, many: str = "") -> str:
    """1 -> "1 row", 20 -> "20 rows"."""
    return f"{quantity:,} {one if quantity == 1 else many or one + 's'}"


def seconds(value: float) -> str:
    """Elapsed time, with spaces that don't break: "41 s", "3 min 05 s", "2 h 10 min"."""
    whole, minutes = round(value), round(value / 60)
    if value < 10:
        text = f"{value:.1f} s"
    elif whole < 60:
        text = f"{whole} s"
    elif whole < 3600:
        text = f"{whole // 60} min {whole % 60:02d} s"
    else:
        text = f"{minutes // 60} h {minutes % 60:02d} min"
    return text.replace(" ", NARROW)


def css_class(name: str) -> str:
    return f' class="{name.strip()}"' if name else ""
