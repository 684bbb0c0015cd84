import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.report.page import bar, percent, plural, seconds, table


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.99521, 2, "99.52 %"),
        (1.0, 2, "100.00 %"),
        (0.999999, 2, "99.99 %"),
        (0.0, 1, "0.0 %"),
        (0.0001, 1, "< 0.1 %"),
        (0.995, 0, "99 %"),
        (float("nan"), 2, "–"),
    ],
)
def test_percent(share, digits, text):
    assert plain(percent(share, digits)) == text


@given(st.floats(0, 1), st.integers(0, 3))
def test_only_a_whole_is_written_as_100_percent(share, digits):
    assert plain(percent(share, digits)).startswith("100") == (share == 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.04, "3.0 s"), (41.2, "41 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_seconds(value, text):
    assert plain(seconds(value)) == text


def test_plural():
    assert [plural(1, "row"), plural(1200, "row"), plural(2, "recipe")] == ["1 row", "1,200 rows", "2 recipes"]


def test_table_has_scopes_escapes_its_heads_and_marks_a_row(parse):
    html = table("Ca<p", ["Na<me", "N"], [["a", "1"], ["b", "2"]], total=["All", "3"], mark=1)
    page = parse(html)
    assert [cell["scope"] for cell in page.all("th")] == ["col", "col", "row", "row", "row"]
    assert [row.get("class") for row in page.all("tr")] == [None, None, "marked", None]
    assert "Na<me" in page.text
    assert "Ca<p" in page.text


def test_a_bar_is_as_long_as_its_share(parse):
    pieces = parse(bar([(0.25, "train"), (0.5, "held")])).all("i")
    assert [piece["style"] for piece in pieces] == ["width:25.00%", "width:50.00%"]
