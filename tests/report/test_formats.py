import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.report.formats import compact, count, decimal, duration, p_value, percent, plural


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
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.0151, "15 ms"),
        (3.04, "3.0 s"),
        (41.2, "41 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_duration(seconds, text):
    assert plain(duration(seconds)) == text


def test_plural():
    assert [plural(1, "image"), plural(1200, "image"), plural(2, "recipe")] == ["1 image", "1,200 images", "2 recipes"]


def test_count_and_decimal():
    assert count(12345) == "12,345"
    assert [compact(7), compact(9812), compact(9960), compact(12345)] == ["7", "9.8k", "10k", "12k"]
    assert [decimal(0.12346), decimal(0.5, 2), decimal(None), decimal(float("nan"))] == ["0.1235", "0.50", "–", "–"]


def test_p_value():
    assert [p_value(0.00009), p_value(0.04217)] == ["< 0.0001", "0.0422"]
