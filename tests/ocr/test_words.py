import pytest

from tenfold.ocr.line_model import LineMark, LineReading
from tenfold.ocr.words import drop_words

HEIGHT = 40


def reading_of(text):
    """A reading whose symbols are 20 columns wide, 5 apart; a space is 40 columns wide."""
    left, values, spans, marks = 0, [], [], []
    for symbol in text:
        span = (left, left + 20)
        left += 40 if symbol == " " else 25
        if symbol.isdigit():
            values.append(int(symbol))
            spans.append(span)
        elif symbol != " ":
            marks.append(LineMark(symbol, 0.9, len(values), span))
    ten = tuple((value, 0.1) for value in range(10))
    return LineReading(tuple(values), (0.8,) * len(values), tuple(spans), 0.7, (ten,) * len(values), tuple(marks))


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("1??01?? 2750", "2750"),
        ("?0 7", "7"),
        ("?12", "12"),
        ("?1", "1"),
        ("?1 5", "15"),
        ("??1 5", "5"),
        ("25 ??", "25"),
        ("?0", "0"),
        ("10 20", "1020"),
        ("12.50", "1250"),
    ],
)
def test_drop_words_takes_lookalikes_in_words_for_letters(text, digits):
    assert drop_words(reading_of(text), HEIGHT).text == digits


def test_drop_words_keeps_spans_and_marks_in_step():
    before = reading_of("1??0 42.5")
    after = drop_words(before, HEIGHT)
    assert after.spans == before.spans[2:]
    assert len(after.alternatives) == len(after.confidences) == 3
    assert [(mark.symbol, mark.position) for mark in after.marks] == [("?", 0)] * 4 + [(".", 2)]
    assert drop_words(reading_of("42.5"), HEIGHT) == reading_of("42.5")
