"""Letters and signs of the fonts at hand, framed as digits are: what people write and what is no digit."""

from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from tenfold.images import Images
from tenfold.ocr.framing import frame

# Left out, for a hand may write a digit so: O o Q D □, I i l | / ( [ ! ' Λ ^, Z z, S s, Э, B ß, G b ь, g q P p ρ, Ч.
LATIN = "ACEFHJKLMNRTUVWXYacdefhkmnrtuvwxyÄÖÜäöüéñçÆæ"
GREEK = "ΓΔΞΠΣΦΨΩαγηκλμνπτφχψω"
CYRILLIC = "БГДЖИЙЛПФЦШЩЫЮЯвдежийклмнптфцшщыюя"
SIGNS = '?#$%&@+-–=*<>~":;._{}£€¥©®±×÷√∑∞≈≠≤≥←→↓↔♠♣♥♦★☆☺☹✓✗✈☎♪♫■●▲▼◆△▽¶‡'
CHARACTERS = LATIN * 3 + GREEK + CYRILLIC + SIGNS  # Latin letters are what stands beside digits most often
SIZE = 64
MOST_FONTS = 80  # of a system that has thousands


def font_files() -> list[Path]:
    """DejaVu as matplotlib brings it, and the TrueType fonts of a Unix system where there are any."""
    bundled = sorted(Path(get_data_path(), "fonts", "ttf").glob("DejaVuS*[!y].ttf"))
    system = sorted(Path("/usr/share/fonts").rglob("*.ttf"))
    names = {path.name for path in bundled}
    more = [path for path in system if path.name not in names]
    step = max(1, -(-len(more) // MOST_FONTS))
    return bundled + more[::step]


def glyphs(count: int, rng: np.random.Generator) -> Images:
    """uint8 (count, 28, 28): a random character of a random font each; some of them two or three in a row."""
    fonts = [loaded for path in font_files() if (loaded := _with_characters(path))]
    pictures = np.empty((count, 28, 28), np.uint8)
    for i in range(count):
        length = 1 if rng.random() < 0.9 else int(rng.integers(2, 4))
        font, known = fonts[rng.integers(len(fonts))]
        pictures[i] = frame(_drawn("".join(rng.choice(known, length)), font))
    return pictures


def _with_characters(path: Path) -> tuple[ImageFont.FreeTypeFont, list[str]] | None:
    """The font, and those of the characters that it can draw; for others it draws an empty box, much like a 0.

    None for a font of emoji, of another script alone, or one that can't be read.
    """
    try:
        font = ImageFont.truetype(path, SIZE)
        box = bytes(font.getmask("\uffff"))
        drawn = [character for character in CHARACTERS if bytes(font.getmask(character)) != box]
    except OSError:
        return None
    return (font, drawn) if set(LATIN) <= set(drawn) else None


def _drawn(text: str, font: ImageFont.FreeTypeFont) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    canvas = Image.new("L", (SIZE * (len(text) + 1), 2 * SIZE))
    ImageDraw.Draw(canvas).text((SIZE // 2, SIZE // 3), text, 255, font)
    return np.where(np.asarray(canvas) > 127, np.uint8(255), np.uint8(0))
