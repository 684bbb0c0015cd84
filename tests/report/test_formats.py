import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.report.formats import percent, plural, seconds


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("fraction", "digits", "text"),
    [
        (0.99521, 2, "99.52 %"),
        (1.0, 2, "100.00 %"),
        (0.999999, 2, "99.99 %"),
        (0.0, 1, "0.0 %"),
        (0.0001, 1, "< 0.1 %"),
        (0.995, 0, "99 %"),
        (float("nan"), 2, "–"),
        (None, 2, "–"),
    ],
)
def test_percent(fraction, digits, text):
    assert plain(percent(fraction, digits)) == text


@given(st.floats(0, 1), st.integers(0, 3))
def test_percent_is_100_only_for_1(fraction, digits):
    assert plain(percent(fraction, digits)).startswith("100") == (fraction == 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.04, "3.0 s"), (41.2, "41 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_seconds(value, text):
    assert plain(seconds(value)) == text


def test_plural():
    assert [plural(1, "image"), plural(1200, "image"), plural(2, "recipe")] == ["1 image", "1,200 images", "2 recipes"]
