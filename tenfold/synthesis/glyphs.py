"""Characters of fonts that are not digits: print, handwriting, and scripts of all the world."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont, TTLibError
from numpy.typing import NDArray
from PIL import ImageFont

from tenfold.files import cache_folder
from tenfold.images import SIDE, Images
from tenfold.ocr.framing import frame

# Characters that may pass for a handwritten digit are left out: O o Q D □, I i l | / ( [ ! ' Λ ^, Z z, S s, Э, B ß,
# G b ь, g q P p ρ, Ч.
LATIN = "ACEFHJKLMNRTUVWXYacdefhkmnrtuvwxyÄÖÜäöüéñçÆæ"
GREEK = "ΓΔΞΠΣΦΨΩαγηκλμνπτφχψω"
CYRILLIC = "БГДЖИЙЛПФЦШЩЫЮЯвдежийклмнптфцшщыюя"
SYMBOLS = '?#$%&@+-–=*<>~":;._{}£€¥©®±×÷√∑∞≈≠≤≥←→↓↔♠♣♥♦★☆☺☹✓✗✈☎♪♫■●▲▼◆△▽¶‡'
EUROPEAN = LATIN * 3 + GREEK + CYRILLIC + SYMBOLS  # Latin letters are the most frequent neighbors of digits
# The first words of their Unicode names, with Latin letters in mathematical and other disguise, and Lisu's.
EUROPEAN_SCRIPTS = {"LATIN", "GREEK", "CYRILLIC", "COPTIC", "LISU"} | {
    *("MATHEMATICAL", "DOUBLE-STRUCK", "BLACK-LETTER", "SCRIPT", "FULLWIDTH", "FEMININE", "MASCULINE", "MICRO", "OHM"),
}
FONT_SIZE = 64
MAX_SYSTEM_FONTS = 80  # of a system that may have thousands
MIN_LETTERS_PER_FONT = 12  # of another script; Latin fonts have a few signs that count as such, as ª and º
MAX_LETTERS_PER_FONT = 400  # of a script that has thousands


@dataclass(frozen=True)
class Typeface:
    """A font file, the characters that are drawn as negatives, and all that it has."""

    font: ImageFont.FreeTypeFont
    characters: str | list[str]
    available: frozenset[str]


def system_font_files() -> list[Path]:
    """Matplotlib's DejaVu fonts, and TrueType fonts of a Unix system if there are any."""
    from matplotlib import get_data_path

    bundled = sorted(Path(get_data_path(), "fonts", "ttf").glob("DejaVuS*[!y].ttf"))
    system = sorted(Path("/usr/share/fonts").rglob("*.ttf"))
    names = {path.name for path in bundled}
    others = [path for path in system if path.name not in names]
    step = max(1, -(-len(others) // MAX_SYSTEM_FONTS))
    return bundled + others[::step]


def downloaded_font_files() -> list[Path]:
    """What scripts/fetch_fonts.py stored; [] before that."""
    return sorted(cache_folder().glob("fonts/*/*.woff"))


def print_typefaces() -> list[Typeface]:
    """European letters and symbols of the installed fonts."""
    return list(_european_typefaces(system_font_files()))


def handwriting_typefaces() -> list[Typeface]:
    """European letters and symbols of the downloaded handwriting fonts."""
    return list(_european_typefaces(path for path in downloaded_font_files() if "noto-" not in path.name))


def script_typefaces() -> list[Typeface]:
    """Letters of the downloaded fonts in scripts other than Latin, Greek and Cyrillic."""
    typefaces = []
    for path in downloaded_font_files():
        letters = [character for character in _characters(path) if _is_foreign_letter(character)]
        if len(letters) >= MIN_LETTERS_PER_FONT:
            step = -(-len(letters) // MAX_LETTERS_PER_FONT)
            typefaces.append(Typeface(ImageFont.truetype(path, FONT_SIZE), letters[::step], frozenset(letters)))
    return typefaces


def _european_typefaces(paths: Iterable[Path]) -> Iterator[Typeface]:
    """The fonts that have all Latin letters."""
    for path in paths:
        available = frozenset(_characters(path))
        if available.issuperset("ACEFHJKLMNRTUVWXYacdefhkmnrtuvwxy"):
            characters = "".join(character for character in EUROPEAN if character in available)
            yield Typeface(ImageFont.truetype(path, FONT_SIZE), characters, available)


def _characters(path: Path) -> list[str]:
    """The characters that a font has; [] for one that can't be read."""
    try:
        with path.open("rb") as file, TTFont(file, lazy=True) as font:
            return [chr(code) for code in sorted(font.getBestCmap() or {})]
    except (OSError, TTLibError):
        return []


def _is_foreign_letter(character: str) -> bool:
    script = unicodedata.name(character, "LATIN").partition(" ")[0]
    return unicodedata.category(character) in ("Lo", "Ll", "Lu") and script not in EUROPEAN_SCRIPTS


def draw_glyphs(typefaces: list[Typeface], count: int, rng: np.random.Generator, length: int = 1) -> Images:
    """uint8 (count, 28, 28): `length` random characters of a random font each, framed."""
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for i in range(count):
        typeface = typefaces[rng.integers(len(typefaces))]
        text = "".join(typeface.characters[rng.integers(len(typeface.characters))] for _ in range(length))
        images[i] = frame(draw_text(text, typeface.font))
    return images


def draw_text(text: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """The text in two levels, 255 on 0; at least one pixel of ink, so that it can be framed."""
    mask = font.getmask(text, mode="L")
    width, height = mask.size
    ink = np.asarray(mask, np.uint8).reshape(height, width) if width and height else np.zeros((1, 1), np.uint8)
    return np.where(ink > 127, np.uint8(255), np.uint8(0))
