"""What is printed on the paper under the writing: rulings, squares, and security patterns as on bank cheques."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]  # (H, W), 0 plain paper to 1 full print
SHEET = (192, 768)

WORDS = ("BANCO", "CHEQUE", "PAGUESE", "TOTAL", "No.", "AMOUNT", "SERIE", "EUR", "DOLLARS", "SUM", "a la orden de")


def sheets(count: int, draw: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Sheets of printed paper to cut pieces from, uint8 (192, 768), 0 plain paper to 255 full print."""
    kinds = list(PATTERNS)
    weights = np.array([PATTERNS[kind] for kind in kinds])
    made = []
    for _ in range(count):
        field = np.zeros(SHEET, np.float32)
        for _ in range(1 + (draw.random() < 0.35)):
            kind = kinds[draw.choice(len(kinds), p=weights / weights.sum())]
            np.maximum(field, kind(draw) * np.float32(draw.uniform(0.5, 1)), out=field)
        made.append((field * 255).astype(np.uint8))
    return made


def _grid() -> tuple[Field, Field]:
    y, x = np.mgrid[0 : SHEET[0], 0 : SHEET[1]].astype(np.float32)
    return x, y


def _lines(phase: Field, draw: np.random.Generator) -> Field:
    """Dark lines where the phase is whole, of a width and an evenness drawn by chance."""
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    sharp: Field = wave ** np.float32(draw.uniform(1, 8))
    return sharp


def _waves(draw: np.random.Generator) -> Field:
    """Wavy lines across, two swings on top of each other."""
    x, y = _grid()
    period, slope = draw.uniform(3.5, 11), draw.uniform(-0.35, 0.35)
    bend = draw.uniform(0, 8) * np.sin(2 * np.pi * x / draw.uniform(40, 400) + draw.uniform(0, 6))
    bend += draw.uniform(0, 3) * np.sin(2 * np.pi * (x + y) / draw.uniform(15, 90) + draw.uniform(0, 6))
    return _lines((y + slope * x + bend) / period, draw)


def _net(draw: np.random.Generator) -> Field:
    """Two families of curves that cross each other."""
    return np.maximum(_waves(draw), _arcs(draw) if draw.random() < 0.5 else _hatching(draw))


def _arcs(draw: np.random.Generator) -> Field:
    """Circles around a far middle, their radius swinging: a rosette's piece."""
    x, y = _grid()
    dx, dy = x - draw.uniform(-300, SHEET[1] + 300), y - draw.uniform(-400, SHEET[0] + 400)
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    radius += draw.uniform(0, 12) * np.sin(angle * draw.integers(3, 40))
    return _lines(radius / draw.uniform(4, 14), draw)


def _hatching(draw: np.random.Generator) -> Field:
    """Straight lines aslant."""
    x, y = _grid()
    angle, period = draw.uniform(-1.4, 1.4), draw.uniform(4, 14)
    return _lines((y * np.cos(angle) + x * np.sin(angle)) / period, draw)


def _dots(draw: np.random.Generator) -> Field:
    """A screen of dots, here and there left out."""
    x, y = _grid()
    angle, period = draw.uniform(0, 1.6), draw.uniform(3, 8)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    wave = (0.5 + 0.5 * np.cos(2 * np.pi * u / period)) * (0.5 + 0.5 * np.cos(2 * np.pi * v / period))
    field: Field = np.clip(wave * draw.uniform(1, 2), 0, 1) ** np.float32(draw.uniform(1, 3))
    if draw.random() < 0.5:
        field *= _clouds(draw, 8) > 0.45
    return field


def _speckles(draw: np.random.Generator) -> Field:
    """Coarse paper fibres and recycled paper's specks."""
    field = _clouds(draw, int(draw.integers(2, 5)))
    fibres: Field = np.clip((field - np.float32(draw.uniform(0.4, 0.7))) * 3, 0, 1)
    return fibres


def _ruled(draw: np.random.Generator) -> Field:
    """Writing lines, or squares where columns are ruled as well."""
    field = np.zeros(SHEET, np.float32)
    period, width = draw.uniform(14, 60), int(draw.integers(1, 3))
    for y in np.arange(draw.uniform(0, period), SHEET[0], period):
        field[int(y) : int(y) + width] = 1
    if draw.random() < 0.5:
        for x in np.arange(draw.uniform(0, period), SHEET[1], period):
            field[:, int(x) : int(x) + width] = 1
    return field


def _words(draw: np.random.Generator) -> Field:
    """Words in print, small or as large as the writing."""
    sheet = np.zeros(SHEET, np.uint8)
    for _ in range(int(draw.integers(3, 14))):
        place = int(draw.integers(-40, SHEET[1])), int(draw.integers(0, SHEET[0] + 20))
        size, thick = draw.uniform(0.25, 1.6), int(draw.integers(1, 3))
        cv2.putText(
            sheet, WORDS[draw.integers(len(WORDS))], place, int(draw.integers(0, 5)), size, 255, thick, cv2.LINE_AA
        )
    return sheet.astype(np.float32) / np.float32(255)


def _clouds(draw: np.random.Generator, grain: int) -> Field:
    """Smooth noise, 0 to 1, with clouds of about `grain` pixels."""
    small = draw.random((SHEET[0] // grain + 2, SHEET[1] // grain + 2), np.float32)
    return cv2.resize(small, SHEET[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


PATTERNS: dict[Callable[[np.random.Generator], Field], float] = {
    _waves: 4,
    _net: 3,
    _arcs: 2,
    _hatching: 1,
    _dots: 2,
    _speckles: 1.5,
    _ruled: 1.5,
    _words: 0.7,
}
