"""What was read in a picture: `Reading`, its `Line`s, `Digit`s and `Mark`s."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tenfold.html import boxed_picture, paragraph

Expect = Literal["auto", "digit", "line", "page"]
Rotate = Literal[0, 90, 180, 270, "auto"]
Box = tuple[int, int, int, int]

OTHER = "other"  # the value of a mark that is none of those with a sign of their own: a letter, a scribble
MIN_MARK_CONFIDENCE = 0.7  # below it a reading says that a mark is doubtful
CURRENCIES = "$€£"


@dataclass(frozen=True)
class Digit:
    """One digit of a reading.

    value: 0 to 9. confidence: the probability that it is right. box: x, y, width and height in pixels of the given
    picture, after its EXIF orientation was applied. alternatives: up to three other values with their probabilities,
    the most probable first. image: what the network saw, uint8 (28, 28), white ink on black.
    """

    value: int
    confidence: float
    box: Box
    alternatives: tuple[tuple[int, float], ...]
    image: NDArray[np.uint8] = field(repr=False, compare=False, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the image, ready for JSON."""
        return {
            "value": self.value,
            "confidence": self.confidence,
            "box": list(self.box),
            "alternatives": [[value, probability] for value, probability in self.alternatives],
        }


@dataclass(frozen=True)
class Mark:
    """What stands between digits: `.`, `,`, `-`, `+`, `/`, `:`, `(`, `)`, `%`, `#`, a currency sign, or "other".

    confidence: the probability that it is right. box: as a digit's. position: the index in the line's text before which
    it stands.
    """

    value: str
    confidence: float
    box: Box
    position: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "confidence": self.confidence,
            "box": list(self.box),
            "position": self.position,
        }


@dataclass(frozen=True)
class Line:
    """One line of writing.

    text: its digits. full_text: with the marks between them, but for those that are "other". confidence: the
    probability that `text` is right. box: of all its digits and marks.
    """

    text: str
    confidence: float
    digits: tuple[Digit, ...]
    marks: tuple[Mark, ...] = ()

    @property
    def full_text(self) -> str:
        signs = [[mark.value for mark in self.marks if mark.position == i] for i in range(len(self.text) + 1)]
        written = ["".join(value for value in values if value != OTHER) for values in signs]
        return "".join(map(str.__add__, written, [*self.text, ""]))

    @property
    def box(self) -> Box:
        return enclose([digit.box for digit in self.digits] + [mark.box for mark in self.marks])

    def to_dict(self) -> dict[str, Any]:
        """The line without its digits, ready for JSON."""
        return {
            "text": self.text,
            "full_text": self.full_text,
            "confidence": self.confidence,
            "box": list(self.box),
            "marks": [mark.to_dict() for mark in self.marks],
        }


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A picture to show: gray uint8 (h, w), and the width and height in which boxes are given."""

    gray: NDArray[np.uint8]
    size: tuple[int, int]


@dataclass(frozen=True)
class Reading:
    """The digits of a picture.

    text: one line of digits per line of writing, "" if no digit was found. confidence: the probability that all of
    `text` is right, 0 to 1. digits: in reading order, those of all lines together. lines: each with its own text,
    confidence, digits, and the marks between them. picture: what was read, for notebooks; None from a server.
    """

    text: str
    confidence: float
    digits: tuple[Digit, ...]
    lines: tuple[Line, ...] = ()
    picture: Thumbnail | None = field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def full_text(self) -> str:
        """The text with its marks: "12.50", "-37", "24/12/2026"."""
        return "\n".join(line.full_text for line in self.lines) if self.lines else self.text

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of all lines; their positions are in their lines."""
        return tuple(mark for line in self.lines for mark in line.marks)

    @property
    def number(self) -> float | None:
        """The value of a single number, as of "1,234.50" or "-37"; None if the text is not clearly one."""
        return parse_number(self.full_text)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what is doubtful beside the digits."""
        doubtful = [mark for mark in self.marks if mark.confidence < MIN_MARK_CONFIDENCE]
        return tuple(f"the mark {mark.value!r} is doubtful ({mark.confidence:.0%})" for mark in doubtful)

    def summary(self) -> str:
        """One line for users: "1250 (97.0 %), with marks 12.50"."""
        if not self.text:
            return "no digit"
        text, full_text = (lines.replace("\n", " / ") for lines in (self.text, self.full_text))
        marks = f", with marks {full_text}" if full_text != text else ""
        return f"{text} ({100 * self.confidence:.1f} %){marks}"

    def _repr_html_(self) -> str:
        """For notebooks: the picture with a box around each digit, and the text."""
        boxes = [(str(digit.value), digit.box) for digit in self.digits] + [
            (mark.value, mark.box) for mark in self.marks
        ]
        shown = "" if self.picture is None else boxed_picture(self.picture.gray, self.picture.size, boxes)
        return shown + paragraph(self.summary())

    def to_dict(self) -> dict[str, Any]:
        """The reading without its images, ready for JSON."""
        return {
            "text": self.text,
            "full_text": self.full_text,
            "number": self.number,
            "confidence": self.confidence,
            "digits": [digit.to_dict() for digit in self.digits],
            "lines": [line.to_dict() for line in self.lines],
            "warnings": list(self.warnings),
        }


NO_DIGITS = Reading("", 0.0, ())


def enclose(boxes: Sequence[Box]) -> Box:
    """The smallest box around some, of which there is at least one."""
    left, top = (min(box[side] for box in boxes) for side in (0, 1))
    right, bottom = (max(box[side] + box[side + 2] for box in boxes) for side in (0, 1))
    return left, top, right - left, bottom - top


def parse_number(text: str) -> float | None:
    """The number that a text of digits and marks means; None if it means none, or may mean two.

    A currency sign, and the dashes and points that end an amount on a bank check, are left out. Thousands are grouped
    by `.`, `,` or `'`. "1.234" may be grouped or have three decimals, so it is None.
    """
    sign, body = re.fullmatch(r"([+-]?)(.*)", text.strip(CURRENCIES), re.DOTALL).groups()  # type: ignore[union-attr]
    body = re.sub(r"[.,]?[-=*]+$|[.,]$", "", body.strip(CURRENCIES))
    if re.fullmatch(r"\d+", body):
        value = float(body)
    elif re.fullmatch(r"\d{1,3}('\d{3})+|\d{1,3}([.,])\d{3}(\2\d{3})+", body):
        value = float(re.sub(r"\D", "", body))
    elif match := re.fullmatch(r"(\d{1,3}(?:([.,'])\d{3})(?:\2\d{3})*)([.,])(\d+)", body):
        if match[2] == match[3]:
            return None
        value = float(re.sub(r"\D", "", match[1]) + "." + match[4])
    elif (match := re.fullmatch(r"(\d+)[.,](\d+)", body)) and not _may_be_grouped(match[1], match[2]):
        value = float(f"{match[1]}.{match[2]}")
    else:
        return None
    return -value if sign == "-" else value


def _may_be_grouped(integer: str, decimals: str) -> bool:
    return len(decimals) == 3 and len(integer) <= 3 and not integer.startswith("0")
