"""Letters beside a number that look like digits: the O and the I of INVOICE are no 0 and no 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tenfold.ocr import marks
from tenfold.ocr.line_model import LineMark, LineReading

LOOKALIKES = {0, 1}  # O, o, I, l: told from digits by what they stand in
MIN_GAP = 0.55  # of a line's height, between a word and a number

Item = int | LineMark  # the index of a digit, or a mark


def drop_words(reading: LineReading, height: int) -> LineReading:
    """The reading with the 0s and 1s in words taken for letters, as long as digits remain elsewhere.

    A word has no other digits and at least as many letters, two or more if there is a 1: "A1" and "B12" are none.
    height: of the line, in the pixels of the reading's spans.
    """
    groups = list(_group(reading, MIN_GAP * height))
    in_words = {index for group in groups if _is_word(group, reading) for index in _digits(group)}
    if not in_words or len(in_words) == len(reading.values):
        return reading
    return _leave_out(in_words, reading, _marks_with_letters(groups, reading, in_words))


def _leave_out(in_words: set[int], reading: LineReading, found: tuple[LineMark, ...]) -> LineReading:
    """The reading without the digits at these indices, and with other marks."""
    kept = [index for index in range(len(reading.values)) if index not in in_words]
    return replace(
        reading,
        values=tuple(reading.values[index] for index in kept),
        confidences=tuple(reading.confidences[index] for index in kept),
        spans=tuple(reading.spans[index] for index in kept),
        alternatives=tuple(reading.alternatives[index] for index in kept),
        marks=found,
    )


def _digits(group: list[Item]) -> list[int]:
    return [item for item in group if isinstance(item, int)]


def _group(reading: LineReading, gap: float) -> Iterator[list[Item]]:
    """Digits and marks from the left, parted where there is a wide gap."""
    group: list[Item] = []
    end = 0
    for item in _items(reading):
        span = item.span if isinstance(item, LineMark) else reading.spans[item]
        if group and span[0] - end > gap:
            yield group
            group = []
        group.append(item)
        end = span[1]
    yield group


def _items(reading: LineReading) -> Iterator[Item]:
    for index in range(len(reading.values) + 1):
        yield from (mark for mark in reading.marks if mark.position == index)
        if index < len(reading.values):
            yield index


def _is_word(group: list[Item], reading: LineReading) -> bool:
    digits = [reading.values[index] for index in _digits(group)]
    letters = sum(isinstance(item, LineMark) and item.symbol == marks.OTHER for item in group)
    return bool(digits) and LOOKALIKES.issuperset(digits) and letters >= max(len(digits), 1 + (1 in digits))


def _marks_with_letters(groups: list[list[Item]], reading: LineReading, in_words: set[int]) -> tuple[LineMark, ...]:
    """All marks, and the digits in words as such, at their positions among the other digits."""
    found, before = [], 0
    for item in (item for group in groups for item in group):
        if isinstance(item, LineMark):
            found.append(replace(item, position=before))
        elif item in in_words:
            found.append(LineMark(marks.OTHER, reading.confidences[item], before, reading.spans[item]))
        else:
            before += 1
    return tuple(found)
