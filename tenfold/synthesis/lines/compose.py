"""Pictures of rows of digits, composed from MNIST's digits: what a network that reads whole rows learns from.

A line has a text, a hand (one pen, one slant, one way to write each digit), a paper with or without print, and damage:
shadow, blur, low resolution, noise, JPEG. Everything but the digits is left out of the text.
"""

from dataclasses import dataclass

import numpy as np

from tenfold.synthesis.lines.paper import Picture, cropped, damaged, printed
from tenfold.synthesis.lines.prints import sheets
from tenfold.synthesis.lines.stock import Stock
from tenfold.synthesis.lines.writing import inked, write

LONGEST = 10
SHEETS = 160


@dataclass(frozen=True, eq=False)
class Workshop:
    """All that lines are made from. Build one and keep it: the printed sheets take a second."""

    stock: Stock
    papers: list[Picture]

    @classmethod
    def of(cls, stock: Stock, draw: np.random.Generator) -> "Workshop":
        return cls(stock, sheets(SHEETS, draw))

    def line(self, draw: np.random.Generator) -> tuple[Picture, str]:
        """A picture of one row, uint8 (H, W), mostly dark on light, and its digits ("" where there is none)."""
        text = drawn_text(draw)
        ink, box = inked(write(text, drawn_signs(text, draw), self.stock, draw), draw)
        picture = printed(cropped(ink, box, draw), self.papers, draw)
        return damaged(picture, draw), text


def drawn_text(draw: np.random.Generator) -> str:
    """1 to 10 digits, of which amounts' usual lengths are more frequent, or none."""
    if draw.random() < 0.05:
        return ""
    length = int(draw.integers(1, LONGEST + 1)) if draw.random() < 0.4 else int(draw.integers(2, 8))
    digits = draw.integers(0, 10, length)
    if draw.random() < 0.25:
        digits[length - draw.integers(0, min(length, 5)) :] = 0  # amounts like round figures
    if draw.random() < 0.2:
        repeated = draw.integers(0, length)
        digits[repeated : repeated + 2] = digits[repeated]
    return "".join(map(str, digits))


def drawn_signs(text: str, draw: np.random.Generator) -> tuple[str, list[str], str]:
    """What stands before the digits, after each of them, and at the end."""
    before = str(draw.choice(list("$#=-*.+"))) if draw.random() < 0.12 else ""
    between = [""] * len(text)
    style = draw.random()
    if style < 0.3:  # thousands
        sign = str(draw.choice(list("..,,'-")))
        for i in range(len(text)):
            if (len(text) - 1 - i) % 3 == 0:
                between[i] = sign
    elif style < 0.45:
        for i in range(len(text)):
            if draw.random() < 0.25:
                between[i] = str(draw.choice(list("...,,,-':/")))
    after = ""
    if draw.random() < 0.4:
        after = str(draw.choice([".", ".-", ",-", "-", "=", "-", "--", "=", "~", ".=", "/", "#", "*", ",", "$", ".~"]))
    if not text and draw.random() < 0.5:
        after = "".join(draw.choice(list(".,-=~*#"), draw.integers(1, 4)))
    return before, between, after
