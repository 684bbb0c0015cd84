"""Pictures of lines of digits, composed from single ones: what a network that reads lines learns from.

A line has a text, a writer (one pen, one slant, one way to write each digit), paper with or without print, and the
damage of a camera or scanner: shadow, blur, low resolution, noise, JPEG. Its label is its digits and marks.
"""

from dataclasses import dataclass

import numpy as np

from tenfold.ocr.marks import symbols_of
from tenfold.synthesis.lines.backgrounds import make_backgrounds
from tenfold.synthesis.lines.glyph_bank import GlyphBank
from tenfold.synthesis.lines.paper import Picture, crop_line, degrade, print_on_paper
from tenfold.synthesis.lines.sign_bank import SignBank
from tenfold.synthesis.lines.texts import random_text
from tenfold.synthesis.lines.writing import render_ink, write_line

BACKGROUNDS = 160


@dataclass(frozen=True, eq=False)
class LineGenerator:
    """Everything that lines are made from. Create one and keep it: backgrounds and signs take some seconds."""

    glyphs: GlyphBank
    signs: SignBank
    backgrounds: list[Picture]

    @classmethod
    def create(cls, glyphs: GlyphBank, rng: np.random.Generator) -> "LineGenerator":
        return cls(glyphs, SignBank.create(rng), make_backgrounds(BACKGROUNDS, rng))

    def generate(self, rng: np.random.Generator) -> tuple[Picture, str]:
        """A picture of a line, uint8 (H, W), mostly dark on light, and its symbols ("" if it is empty)."""
        text = random_text(rng)
        ink, box = render_ink(write_line(text, self.glyphs, self.signs, rng), rng)
        picture = print_on_paper(crop_line(ink, box, rng), self.backgrounds, rng)
        return degrade(picture, rng), symbols_of(text)
