"""Print on the paper under the writing: ruled lines, squares, and security patterns as on bank checks."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pattern = NDArray[np.float32]  # (H, W), 0 plain paper to 1 full print
SIZE = (192, 768)  # height, width

WORDS = ("BANCO", "CHEQUE", "PAGUESE", "TOTAL", "No.", "AMOUNT", "SERIE", "EUR", "DOLLARS", "SUM", "a la orden de")


def make_backgrounds(count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Printed paper to cut pieces from, uint8 (192, 768), 0 plain paper to 255 full print."""
    kinds = list(PATTERNS)
    weights = np.array([PATTERNS[kind] for kind in kinds])
    backgrounds = []
    for _ in range(count):
        pattern = np.zeros(SIZE, np.float32)
        for _ in range(1 + (rng.random() < 0.35)):
            kind = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
            np.maximum(pattern, kind(rng) * np.float32(rng.uniform(0.5, 1)), out=pattern)
        backgrounds.append((pattern * 255).astype(np.uint8))
    return backgrounds


def _coordinates() -> tuple[Pattern, Pattern]:
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    return x, y


def _draw_lines(phase: Pattern, rng: np.random.Generator) -> Pattern:
    """Dark lines where the phase is an integer, of random width and softness."""
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    sharp: Pattern = wave ** np.float32(rng.uniform(1, 8))
    return sharp


def _waves(rng: np.random.Generator) -> Pattern:
    """Wavy lines, two waves superimposed."""
    x, y = _coordinates()
    period, slope = rng.uniform(3.5, 11), rng.uniform(-0.35, 0.35)
    bend = rng.uniform(0, 8) * np.sin(2 * np.pi * x / rng.uniform(40, 400) + rng.uniform(0, 6))
    bend += rng.uniform(0, 3) * np.sin(2 * np.pi * (x + y) / rng.uniform(15, 90) + rng.uniform(0, 6))
    return _draw_lines((y + slope * x + bend) / period, rng)


def _crossing_lines(rng: np.random.Generator) -> Pattern:
    """Two families of curves that cross."""
    return np.maximum(_waves(rng), _arcs(rng) if rng.random() < 0.5 else _hatching(rng))


def _arcs(rng: np.random.Generator) -> Pattern:
    """Circles around a distant center with a wavy radius: a piece of a rosette."""
    x, y = _coordinates()
    dx, dy = x - rng.uniform(-300, SIZE[1] + 300), y - rng.uniform(-400, SIZE[0] + 400)
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    radius += rng.uniform(0, 12) * np.sin(angle * rng.integers(3, 40))
    return _draw_lines(radius / rng.uniform(4, 14), rng)


def _hatching(rng: np.random.Generator) -> Pattern:
    """Slanted straight lines."""
    x, y = _coordinates()
    angle, period = rng.uniform(-1.4, 1.4), rng.uniform(4, 14)
    return _draw_lines((y * np.cos(angle) + x * np.sin(angle)) / period, rng)


def _dots(rng: np.random.Generator) -> Pattern:
    """A halftone screen, sometimes with gaps."""
    x, y = _coordinates()
    angle, period = rng.uniform(0, 1.6), rng.uniform(3, 8)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    wave = (0.5 + 0.5 * np.cos(2 * np.pi * u / period)) * (0.5 + 0.5 * np.cos(2 * np.pi * v / period))
    pattern: Pattern = np.clip(wave * rng.uniform(1, 2), 0, 1) ** np.float32(rng.uniform(1, 3))
    if rng.random() < 0.5:
        pattern *= _smooth_noise(rng, 8) > 0.45
    return pattern


def _fibers(rng: np.random.Generator) -> Pattern:
    """Coarse fibers and the specks of recycled paper."""
    noise = _smooth_noise(rng, int(rng.integers(2, 5)))
    fibers: Pattern = np.clip((noise - np.float32(rng.uniform(0.4, 0.7))) * 3, 0, 1)
    return fibers


def _ruled_lines(rng: np.random.Generator) -> Pattern:
    """Ruled lines, or squares."""
    pattern = np.zeros(SIZE, np.float32)
    period, width = rng.uniform(14, 60), int(rng.integers(1, 3))
    for y in np.arange(rng.uniform(0, period), SIZE[0], period):
        pattern[int(y) : int(y) + width] = 1
    if rng.random() < 0.5:
        for x in np.arange(rng.uniform(0, period), SIZE[1], period):
            pattern[:, int(x) : int(x) + width] = 1
    return pattern


def _words(rng: np.random.Generator) -> Pattern:
    """Printed words, small or as large as the writing."""
    picture = np.zeros(SIZE, np.uint8)
    for _ in range(int(rng.integers(3, 14))):
        origin = int(rng.integers(-40, SIZE[1])), int(rng.integers(0, SIZE[0] + 20))
        size, thick = rng.uniform(0.25, 1.6), int(rng.integers(1, 3))
        cv2.putText(
            picture, WORDS[rng.integers(len(WORDS))], origin, int(rng.integers(0, 5)), size, 255, thick, cv2.LINE_AA
        )
    return picture.astype(np.float32) / np.float32(255)


def _smooth_noise(rng: np.random.Generator, grain: int) -> Pattern:
    """Smooth noise, 0 to 1, with a grain of about `grain` pixels."""
    coarse = rng.random((SIZE[0] // grain + 2, SIZE[1] // grain + 2), np.float32)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


# With the relative frequency of each.
PATTERNS: dict[Callable[[np.random.Generator], Pattern], float] = {
    _waves: 4,
    _crossing_lines: 3,
    _arcs: 2,
    _hatching: 1,
    _dots: 2,
    _fibers: 1.5,
    _ruled_lines: 1.5,
    _words: 0.7,
}
