"""The parts of the templates that all pages share."""

from tenfold.report.pages import _environment


def render(call: str, **context) -> str:
    template = '{% import "macros.html" as ui %}{{ ' + call + " }}"
    return _environment().from_string(template).render(**context)


def test_table_scopes_escaping_and_mark(parse):
    rows, total = [["a", "1"], ["b<", "2"]], ["All", "3"]
    html = render('ui.table("Ca<p", ["Na<me", "N"], rows, total=total, mark=1)', rows=rows, total=total)
    page = parse(html)
    assert [cell["scope"] for cell in page.all("th")] == ["col", "col", "row", "row", "row"]
    assert [row.get("class") for row in page.all("tr")] == [None, None, "marked", None]
    assert "Na<me" in page.text
    assert "Ca<p" in page.text
    assert "b&lt;" in html


def test_bar_width_is_the_fraction(parse):
    pieces = parse(render("ui.bar(parts)", parts=[(0.25, "train"), (0.5, "held")])).all("i")
    assert [piece["style"] for piece in pieces] == ["width:25.00%", "width:50.00%"]


def test_picture_size_and_escaped_alt(digits, parse):
    (image,) = parse(render("ui.picture(ink, alt, 3)", ink=digits.images[0], alt='a "<7>"')).all("img")
    assert (image["width"], image["height"], image["alt"], image["class"]) == ("84", "84", 'a "<7>"', "ink")
