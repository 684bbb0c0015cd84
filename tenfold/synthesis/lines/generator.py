"""Pictures of lines of digits, composed from single ones: what a network that reads lines learns from.

A line has a text, a writer (one pen, one slant, one way to write each digit), paper with or without print, and the
damage of a camera or scanner: shadow, blur, low resolution, noise, JPEG. Its label is the digits alone.
"""

from dataclasses import dataclass

import numpy as np

from tenfold.synthesis.lines.backgrounds import make_backgrounds
from tenfold.synthesis.lines.glyph_bank import GlyphBank
from tenfold.synthesis.lines.paper import Picture, crop_line, degrade, print_on_paper
from tenfold.synthesis.lines.writing import LineSigns, render_ink, write_line

MAX_DIGITS = 10
BACKGROUNDS = 160
PREFIX_SIGNS = list("$#=-*.+")
THOUSANDS_SEPARATORS = list("..,,'-")
OTHER_SEPARATORS = list("...,,,-':/")
SUFFIXES = [".", ".-", ",-", "-", "=", "-", "--", "=", "~", ".=", "/", "#", "*", ",", "$", ".~"]


@dataclass(frozen=True, eq=False)
class LineGenerator:
    """Everything that lines are made from. Create one and keep it: the backgrounds take a second."""

    glyphs: GlyphBank
    backgrounds: list[Picture]

    @classmethod
    def create(cls, glyphs: GlyphBank, rng: np.random.Generator) -> "LineGenerator":
        return cls(glyphs, make_backgrounds(BACKGROUNDS, rng))

    def generate(self, rng: np.random.Generator) -> tuple[Picture, str]:
        """A picture of a line, uint8 (H, W), mostly dark on light, and its digits ("" if it has none)."""
        text = random_text(rng)
        ink, box = render_ink(write_line(text, random_signs(text, rng), self.glyphs, rng), rng)
        picture = print_on_paper(crop_line(ink, box, rng), self.backgrounds, rng)
        return degrade(picture, rng), text


def random_text(rng: np.random.Generator) -> str:
    """1 to 10 digits, more often of the usual lengths of amounts, or none."""
    if rng.random() < 0.05:
        return ""
    length = int(rng.integers(1, MAX_DIGITS + 1)) if rng.random() < 0.4 else int(rng.integers(2, 8))
    digits = rng.integers(0, 10, length)
    if rng.random() < 0.25:
        digits[length - rng.integers(0, min(length, 5)) :] = 0  # round amounts
    if rng.random() < 0.2:
        repeated = rng.integers(0, length)
        digits[repeated : repeated + 2] = digits[repeated]
    return "".join(map(str, digits))


def random_signs(text: str, rng: np.random.Generator) -> LineSigns:
    prefix = str(rng.choice(PREFIX_SIGNS)) if rng.random() < 0.12 else ""
    separators = [""] * len(text)
    style = rng.random()
    if style < 0.3:
        sign = str(rng.choice(THOUSANDS_SEPARATORS))
        for i in range(len(text)):
            if (len(text) - 1 - i) % 3 == 0:
                separators[i] = sign
    elif style < 0.45:
        for i in range(len(text)):
            if rng.random() < 0.25:
                separators[i] = str(rng.choice(OTHER_SEPARATORS))
    suffix = str(rng.choice(SUFFIXES)) if rng.random() < 0.4 else ""
    if not text and rng.random() < 0.5:
        suffix = "".join(rng.choice(list(".,-=~*#"), rng.integers(1, 4)))
    return LineSigns(prefix, separators, suffix)
