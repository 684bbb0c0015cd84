"""Letters and signs of fonts, thinned like digits, to be written with the pen of a line."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE
from tenfold.ocr.framing import frame
from tenfold.synthesis.glyphs import Typeface, draw_text, handwriting_typefaces, print_typefaces
from tenfold.synthesis.lines.glyph_bank import GlyphBank

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TALL_SIGNS = "+=/()%#*$€£"  # the others are too small to be thinned, and are drawn by strokes
CHARACTERS = LETTERS + TALL_SIGNS
VARIANTS = 24  # fonts for each character
MIN_TOP, MAX_BOTTOM = -0.6, 1.5  # in digit heights; what reaches farther is of a fanciful font


@dataclass(frozen=True, eq=False)
class SignBank:
    """glyphs: the thinned characters. extents: float (N, 2), top and bottom where a digit has 0 and 1."""

    glyphs: GlyphBank
    extents: NDArray[np.float64]

    @classmethod
    def create(cls, rng: np.random.Generator) -> SignBank:
        typefaces = print_typefaces() + 2 * handwriting_typefaces()
        images, labels, extents = [], [], []
        for label, character in enumerate(CHARACTERS):
            for choice in rng.integers(0, len(typefaces), VARIANTS):
                if drawn := draw_character(character, typefaces[choice]):
                    images.append(drawn[0])
                    extents.append(drawn[1])
                    labels.append(label)
        return cls(GlyphBank.from_images(np.stack(images), np.array(labels), len(CHARACTERS)), np.array(extents))

    def indices(self, character: str) -> NDArray[np.intp]:
        """The glyphs of a character; none for one that is drawn by strokes alone."""
        position = CHARACTERS.find(character)
        return self.glyphs.indices[position] if position >= 0 else np.empty(0, np.intp)


def draw_character(character: str, typeface: Typeface) -> tuple[NDArray[np.uint8], tuple[float, float]] | None:
    """A framed glyph, uint8 (28, 28), and its top and bottom in digit heights; None if the font lacks it."""
    if character not in typeface.available:
        return None
    _, top, _, bottom = typeface.font.getbbox(character)
    _, digit_top, _, digit_bottom = typeface.font.getbbox("0")
    ink = draw_text(character, typeface.font)
    if not ink.any() or digit_bottom <= digit_top:
        return None
    upper, lower = ((y - digit_top) / (digit_bottom - digit_top) for y in (top, bottom))
    return (thicken(frame(ink)), (upper, lower)) if upper >= MIN_TOP and lower <= MAX_BOTTOM else None


def thicken(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Hairlines at least two pixels wide, so that thinning finds them."""
    assert image.shape == (SIDE, SIDE)
    return np.asarray(cv2.convertScaleAbs(cv2.blur(image, (2, 2)), alpha=2.0), np.uint8)
