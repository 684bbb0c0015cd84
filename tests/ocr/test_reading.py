import json

import numpy as np
import pytest

from tenfold.ocr.reading import OTHER, Digit, Line, Mark, Reading, enclose, parse_number


def digit(value, left):
    return Digit(value, 0.9, (left, 10, 8, 20), ((7, 0.05),), image=np.zeros((28, 28), np.uint8))


def mark(value, position, left, confidence=0.95):
    return Mark(value, confidence, (left, 25, 3, 9), position)


@pytest.fixture
def reading():
    first = Line("125", 0.9, (digit(1, 0), digit(2, 10), digit(5, 30)), (mark(".", 2, 22, 0.6), mark(OTHER, 3, 40)))
    second = Line("37", 0.8, (digit(3, 10), digit(7, 20)), (mark("-", 0, 2),))
    return Reading("125\n37", 0.72, first.digits + second.digits, (first, second))


def test_full_text_has_marks_but_no_others(reading):
    assert reading.full_text == "12.5\n-37"
    assert [line.full_text for line in reading.lines] == ["12.5", "-37"]
    assert [one.value for one in reading.marks] == [".", OTHER, "-"]
    assert Reading("42", 0.9, ()).full_text == "42"


def test_line_box_encloses_digits_and_marks(reading):
    assert reading.lines[1].box == (2, 10, 26, 24)
    assert enclose([(5, 5, 1, 1)]) == (5, 5, 1, 1)


def test_warnings_name_doubtful_marks(reading):
    assert reading.warnings == ("the mark '.' is doubtful (60%)",)


def test_to_dict_is_json(reading):
    content = json.loads(json.dumps(reading.to_dict()))
    assert content["lines"][0]["full_text"] == "12.5"
    assert content["lines"][0]["marks"][0]["position"] == 2
    assert content["number"] is None
    assert content["warnings"] == list(reading.warnings)


def test_summary_shows_marks_only_if_there_are_any(reading):
    assert reading.summary() == "125 / 37 (72.0 %), with marks 12.5 / -37"
    assert Reading("42", 0.9, ()).summary() == "42 (90.0 %)"
    assert Reading("", 0.0, ()).summary() == "no digit"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.50", 12.5),
        ("12,5", 12.5),
        ("-37", -37),
        ("+3", 3),
        ("1,234.50", 1234.5),
        ("1.234,5", 1234.5),
        ("1'234.50", 1234.5),
        ("1'234", 1234),
        ("1.234.567", 1234567),
        ("0.125", 0.125),
        ("1234.567", 1234.567),
        ("$7.95", 7.95),
        ("12€", 12),
        ("350,-", 350),
        ("1.234", None),
        ("24/12/2026", None),
        ("10:45", None),
        ("(12)", None),
        ("5%", None),
        ("1.234.50", None),
        ("12\n13", None),
        ("", None),
    ],
)
def test_parse_number(text, number):
    assert parse_number(text) == number
