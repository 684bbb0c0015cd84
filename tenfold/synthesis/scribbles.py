"""What a hand or a careless cut leaves that is no digit: dashes, scribbles, signs that no alphabet has, shapes."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tenfold.images import Images
from tenfold.ocr.framing import frame

SIZE = 112  # of the canvas, four times the picture
Points = NDArray[np.float64]  # (n, 2)


def scribbles(count: int, rng: np.random.Generator) -> Images:
    """uint8 (count, 28, 28)."""
    kinds = (_dash, _dots, _scribble, _sign, _sign, _polygon, _curl, _grid)
    return np.stack([_finished(kinds[rng.integers(len(kinds))], rng) for _ in range(count)])


def _finished(kind: object, rng: np.random.Generator) -> NDArray[np.uint8]:
    canvas = Image.new("L", (SIZE, SIZE))
    kind(ImageDraw.Draw(canvas), rng)  # type: ignore[operator]
    ink = np.asarray(canvas)
    if rng.random() < 0.75:
        return frame(ink)
    return np.asarray(canvas.resize((28, 28), Image.Resampling.BOX))  # where it lies, unframed


def _pen(rng: np.random.Generator) -> int:
    return int(rng.integers(3, 14))


def _stroke(draw: ImageDraw.ImageDraw, points: Points, width: int) -> None:
    flat = [tuple(point) for point in points.tolist()]
    draw.line(flat, fill=255, width=width, joint="curve")
    for x, y in (flat[0], flat[-1]):  # round ends
        r = width / 2
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)


def _curve(knots: Points, steps: int = 12) -> Points:
    """A Catmull-Rom spline through the knots (n, 2)."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3))
    return np.concatenate([*pieces, knots[-1:]])


def _dash(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """One stroke or two that lie: an upright one would be a 1."""
    for _ in range(rng.integers(1, 3)):
        angle, half = rng.uniform(-0.5, 0.5), rng.uniform(12, 45)
        middle = rng.uniform(35, 77, 2)
        reach = half * np.array([np.cos(angle), np.sin(angle)])
        sag = middle + np.array([0, rng.uniform(-8, 8)])
        _stroke(draw, _curve(np.stack([middle - reach, sag, middle + reach])), _pen(rng))


def _dots(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for _ in range(rng.choice([1, 1, 2, 3, 6, 15])):
        (x, y), (wide, high) = rng.uniform(10, 102, 2), rng.uniform(2, 14) * rng.uniform(0.6, 1.4, 2)
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=255)


def _scribble(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A long line over and over the same place."""
    knots = rng.uniform(8, 104, (int(rng.integers(7, 25)), 2))
    _stroke(draw, _curve(knots) if rng.random() < 0.6 else knots, int(rng.integers(2, 9)))


def _sign(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Three to five short strokes, straight, bent or closed, as in an unknown alphabet."""
    width = _pen(rng)
    for _ in range(rng.integers(3, 6)):
        kind = rng.random()
        if kind < 0.45:
            _stroke(draw, rng.uniform(12, 100, (2, 2)), width)
        elif kind < 0.85:
            _stroke(draw, _curve(rng.uniform(12, 100, (3, 2))), width)
        else:
            (x, y), r = rng.uniform(25, 87, 2), rng.uniform(6, 18)
            draw.ellipse((x - r, y - r, x + r, y + r), outline=255, width=width)


def _polygon(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Three to seven corners around a middle, filled or not: boxes, triangles, stars."""
    corners = int(rng.integers(3, 8))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(15, 50, corners)
    points = 56 + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    flat = [tuple(point) for point in points.tolist()]
    if corners > 4 or rng.random() < 0.6:
        draw.polygon(flat, fill=255)
    else:  # the outline of more corners may pass for a 0
        draw.line([*flat, flat[0]], fill=255, width=_pen(rng), joint="curve")


def _curl(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A spiral or a wave of several turns."""
    t = np.linspace(0, rng.uniform(4, 9) * np.pi, 150)
    if rng.random() < 0.5:
        radius = 45 * t / t[-1]
        points = 56 + radius[:, None] * np.stack([np.cos(t), np.sin(t)], axis=1)
    else:
        points = np.stack([10 + 92 * t / t[-1], 56 + rng.uniform(8, 35) * np.sin(t)], axis=1)
        points = points if rng.random() < 0.5 else points[:, ::-1]
    _stroke(draw, points, int(rng.integers(2, 10)))


def _grid(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Ruled or squared paper, a table's corner, a crossing."""
    gap, width = rng.uniform(14, 45), int(rng.integers(2, 9))
    which = rng.integers(3)
    for place in np.arange(rng.uniform(0, gap), SIZE, gap):
        if which != 0:
            draw.line((0, place, SIZE, place), fill=255, width=width)
        if which != 1:
            draw.line((place, 0, place, SIZE), fill=255, width=width)
