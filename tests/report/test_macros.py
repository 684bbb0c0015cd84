"""The parts that the templates share."""

import pytest
from jinja2 import UndefinedError

from tenfold.report.rendering import environment


def render(source: str, **context) -> str:
    return environment().from_string('{% import "macros.html" as ui %}' + source).render(**context)


def test_table_scopes_and_escaping(parse):
    html = render(
        '{% call ui.table("Ca<p", ["Na<me", "N"], left=[1]) %}<tbody><tr><th scope="row">{{ name }}</th></tr></tbody>'
        "{% endcall %}",
        name="b<",
    )
    page = parse(html)
    assert [cell["scope"] for cell in page.all("th")] == ["col", "col", "row"]
    assert [cell.get("class") for cell in page.all("th")] == ["text", "text", None]
    assert "Na<me" in page.text
    assert "Ca<p" in page.text
    assert "b&lt;" in html


def test_bar_width_is_the_fraction(parse):
    pieces = parse(render("{{ ui.bar(parts) }}", parts=[(0.25, "train"), (0.5, "held")])).all("i")
    assert [piece["style"] for piece in pieces] == ["width:25.00%", "width:50.00%"]


def test_picture_size_and_escaped_alt(digits, parse):
    (image,) = parse(render("{{ ui.picture(ink, alt, 3) }}", ink=digits.images[0], alt='a "<7>"')).all("img")
    assert (image["width"], image["height"], image["alt"], image["class"]) == ("84", "84", 'a "<7>"', "ink")


def test_missing_chart_names_the_extra(parse):
    assert "needs matplotlib" in parse(render('{{ ui.chart(none, "A chart") }}')).text


def test_undefined_names_are_errors():
    with pytest.raises(UndefinedError):
        render("{{ nothing }}")
