import numpy as np
from PIL import ImageFont

from tenfold.synthesis import glyphs
from tenfold.synthesis.glyphs import EUROPEAN, draw_glyphs, print_typefaces, script_typefaces, system_font_files


def test_characters_like_digits_are_excluded():
    assert not set(EUROPEAN) & set("0123456789OoQDIil|/!'ZzSsBßGbgqPp")
    assert len(set(EUROPEAN)) > 100


def test_glyphs_are_framed_and_vary():
    made = draw_glyphs(print_typefaces(), 80, np.random.default_rng(0))
    assert made.shape == (80, 28, 28)
    assert (made.max(axis=(1, 2)) == 255).all()
    assert len(np.unique(made.reshape(80, -1), axis=0)) > 60
    assert made[:, 0].max() == 0, "a box of 20 pixels leaves a margin"


def test_words_are_lower_than_letters():
    """They fill the same width."""
    rng = np.random.default_rng(0)
    heights = [(draw_glyphs(print_typefaces(), 60, rng, n).max(axis=2) > 0).sum(axis=1).mean() for n in (1, 3)]
    assert heights[1] < 0.8 * heights[0]


def test_broken_font_is_skipped(tmp_path, monkeypatch):
    (good,) = [path for path in system_font_files() if path.name == "DejaVuSans.ttf"]
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    monkeypatch.setattr(glyphs, "system_font_files", lambda: [tmp_path / "broken.ttf", good])
    (typeface,) = print_typefaces()
    assert draw_glyphs([typeface], 3, np.random.default_rng(0)).any(axis=(1, 2)).all()


def test_letters_of_other_scripts_leave_out_european_ones(monkeypatch):
    (font,) = [path for path in system_font_files() if path.name == "DejaVuSans.ttf"]
    monkeypatch.setattr(glyphs, "downloaded_font_files", lambda: [font])
    monkeypatch.setattr(glyphs, "MAX_LETTERS_PER_FONT", 10_000)
    (typeface,) = script_typefaces()
    assert isinstance(typeface.font, ImageFont.FreeTypeFont)
    assert {"\u0561", "\u05d0", "\u10d0"} <= set(typeface.characters), "Armenian, Hebrew and Georgian"
    assert not set("AaΩωЯяªº𝖹") & set(typeface.characters)
    assert not [letter for letter in typeface.characters if letter.isdigit()]
