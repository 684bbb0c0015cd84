"""What a pen, a ruler or careless segmentation leaves that is no digit: dashes, scribbles, invented signs, shapes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tenfold.images import SIDE, Images
from tenfold.ocr.framing import frame

CANVAS_SIZE = 112  # of a scribble, four times the picture
Points = NDArray[np.float64]  # (n, 2)
Drawing = Callable[[ImageDraw.ImageDraw, np.random.Generator], None]


def draw_scribbles(count: int, rng: np.random.Generator) -> Images:
    """What a pen or careless segmentation leaves, uint8 (count, 28, 28): dashes, scribbles, invented signs."""
    return _draw_any((_dash, _dots, _scribble, _invented_sign, _pen_walk, _curl), count, rng)


def draw_shapes(count: int, rng: np.random.Generator) -> Images:
    """What is constructed rather than written, uint8 (count, 28, 28): polygons, arrows, faces, axes, bars, rulings."""
    return _draw_any((_polygon, _grid, _arrow, _face, _axes, _bars, _ruling, _frames), count, rng)


def _draw_any(kinds: tuple[Drawing, ...], count: int, rng: np.random.Generator) -> Images:
    return np.stack([_render(kinds[rng.integers(len(kinds))], rng) for _ in range(count)])


def _render(kind: Drawing, rng: np.random.Generator) -> NDArray[np.uint8]:
    canvas = Image.new("L", (CANVAS_SIZE, CANVAS_SIZE))
    kind(ImageDraw.Draw(canvas), rng)
    ink = np.asarray(canvas)
    if kind not in UNFRAMED and rng.random() < 0.75:
        return frame(ink)
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX))  # where it is, not framed


def _pen_width(rng: np.random.Generator) -> int:
    return int(rng.integers(3, 14))


def _draw_stroke(draw: ImageDraw.ImageDraw, points: Points, width: int) -> None:
    flat = [tuple(point) for point in points.tolist()]
    draw.line(flat, fill=255, width=width, joint="curve")
    for x, y in (flat[0], flat[-1]):  # round ends
        r = width / 2
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)


def _catmull_rom(knots: Points, samples: int = 12) -> Points:
    """A Catmull-Rom spline through the knots (n, 2)."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    t = np.linspace(0, 1, samples, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3))
    return np.concatenate([*pieces, knots[-1:]])


def _dash(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """One or two horizontal strokes: a vertical one would be a 1."""
    for _ in range(rng.integers(1, 3)):
        angle, half_length = rng.uniform(-0.5, 0.5), rng.uniform(12, 45)
        center = rng.uniform(35, 77, 2)
        half = half_length * np.array([np.cos(angle), np.sin(angle)])
        middle = center + np.array([0, rng.uniform(-8, 8)])
        _draw_stroke(draw, _catmull_rom(np.stack([center - half, middle, center + half])), _pen_width(rng))


def _dots(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for _ in range(rng.choice([1, 1, 2, 3, 6, 15])):
        (x, y), (radius_x, radius_y) = rng.uniform(10, 102, 2), rng.uniform(2, 14) * rng.uniform(0.6, 1.4, 2)
        draw.ellipse((x - radius_x, y - radius_y, x + radius_x, y + radius_y), fill=255)


def _scribble(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A long line, back and forth."""
    knots = rng.uniform(8, 104, (int(rng.integers(7, 25)), 2))
    _draw_stroke(draw, _catmull_rom(knots) if rng.random() < 0.6 else knots, int(rng.integers(2, 9)))


def _invented_sign(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Three to five short strokes, straight, curved or closed, as of an unknown alphabet."""
    width = _pen_width(rng)
    for _ in range(rng.integers(3, 6)):
        kind = rng.random()
        if kind < 0.45:
            _draw_stroke(draw, rng.uniform(12, 100, (2, 2)), width)
        elif kind < 0.85:
            _draw_stroke(draw, _catmull_rom(rng.uniform(12, 100, (3, 2))), width)
        else:
            (x, y), r = rng.uniform(25, 87, 2), rng.uniform(6, 18)
            draw.ellipse((x - r, y - r, x + r, y + r), outline=255, width=width)


def _polygon(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Three to seven corners around the center, filled or not: boxes, triangles, stars."""
    corners = int(rng.integers(3, 8))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(15, 50, corners)
    points = 56 + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    flat = [tuple(point) for point in points.tolist()]
    if corners > 4 or rng.random() < 0.6:
        draw.polygon(flat, fill=255)
    else:  # the outline of more corners may pass for a 0
        draw.line([*flat, flat[0]], fill=255, width=_pen_width(rng), joint="curve")


def _curl(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A spiral or a wave of several turns."""
    t = np.linspace(0, rng.uniform(4, 9) * np.pi, 150)
    if rng.random() < 0.5:
        radius = 45 * t / t[-1]
        points = 56 + radius[:, None] * np.stack([np.cos(t), np.sin(t)], axis=1)
    else:
        points = np.stack([10 + 92 * t / t[-1], 56 + rng.uniform(8, 35) * np.sin(t)], axis=1)
        points = points if rng.random() < 0.5 else points[:, ::-1]
    _draw_stroke(draw, points, int(rng.integers(2, 10)))


def _grid(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Ruled or squared paper, the corner of a table, a crossing."""
    gap, width = rng.uniform(14, 45), int(rng.integers(2, 9))
    kind = rng.integers(3)  # 0: vertical lines, 1: horizontal ones, 2: both
    for position in np.arange(rng.uniform(0, gap), CANVAS_SIZE, gap):
        if kind != 0:
            draw.line((0, position, CANVAS_SIZE, position), fill=255, width=width)
        if kind != 1:
            draw.line((position, 0, position, CANVAS_SIZE), fill=255, width=width)


def _pen_walk(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Two to four curved strokes that cross and touch, as of a letter of a script that nobody writes."""
    width = _pen_width(rng)
    start = rng.uniform(20, 92, 2)
    for _ in range(rng.integers(2, 5)):
        knots = np.cumsum(np.vstack([start, rng.normal(0, 24, (int(rng.integers(2, 5)), 2))]), axis=0).clip(8, 104)
        _draw_stroke(draw, _catmull_rom(knots), width)
        start = knots[rng.integers(len(knots))] + rng.normal(0, 8, 2)


def _arrow(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A shaft with a head at one end or both."""
    width, angle = _pen_width(rng), rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    tip, tail = 56 + 44 * direction, 56 - rng.uniform(25, 44) * direction
    _draw_stroke(draw, np.stack([tail, tip]), width)
    for end, sense in ((tip, -1), (tail, 1))[: rng.integers(1, 3)]:
        for spread in (-1, 1):
            barb = angle + spread * rng.uniform(0.4, 0.9)
            side = sense * rng.uniform(18, 34) * np.array([np.cos(barb), np.sin(barb)])
            _draw_stroke(draw, np.stack([end, end + side]), width)


def _face(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """An outline with two eyes and a mouth."""
    width, radius = int(rng.integers(3, 8)), rng.uniform(34, 48)
    draw.ellipse((56 - radius, 56 - radius, 56 + radius, 56 + radius), outline=255, width=width)
    for side in (-1, 1):
        x, y, r = 56 + side * rng.uniform(12, 18), rng.uniform(38, 48), rng.uniform(3, 7)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    bend = rng.uniform(-14, 14)
    _draw_stroke(draw, _catmull_rom(np.array([[38, 72], [56, 72 + bend], [74, 72]])), width)


def _axes(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """The corner of a diagram: one or two axes with ticks."""
    width, x, y = int(rng.integers(2, 6)), rng.uniform(12, 50), rng.uniform(62, 100)
    has_vertical = rng.random() < 0.7  # alone it may pass for a 1
    for position in np.arange(rng.uniform(4, 16), CANVAS_SIZE, rng.uniform(10, 26)):
        tick = rng.uniform(5, 12)
        draw.line((0, y, CANVAS_SIZE, y), fill=255, width=width)
        draw.line((position, y, position, y + tick), fill=255, width=width)
        if has_vertical:
            draw.line((x, 0, x, CANVAS_SIZE), fill=255, width=width)
            draw.line((x - tick, position, x, position), fill=255, width=width)


def _bars(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Bars of several widths side by side, as of a barcode, a histogram, or a tally."""
    position, is_flush, bars = rng.uniform(4, 16), rng.random() < 0.5, 0
    while position < 100 or bars < 2:
        width = rng.uniform(2, 16)
        top = 8 if is_flush else rng.uniform(8, 80)
        draw.rectangle((position, top, position + width, 104), fill=255)
        position, bars = position + width + rng.uniform(4, 14), bars + 1


def _ruling(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """One line from the left border to the right one: a ruling, the edge of a sheet. An upright one may be a 1."""
    width, position, slope = int(rng.integers(2, 12)), rng.uniform(8, 104), rng.uniform(-20, 20)
    _draw_stroke(draw, np.array([[-8, position - slope], [CANVAS_SIZE + 8, position + slope]]), width)


def _frames(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A rectangle with something in it: another one, a cross, a diagonal. Alone it may pass for a 0."""
    width, (left, top) = int(rng.integers(2, 7)), rng.uniform(6, 26, 2)
    right, bottom = CANVAS_SIZE - rng.uniform(6, 26, 2)
    draw.rectangle((left, top, right, bottom), outline=255, width=width)
    kind, inset = rng.integers(3), rng.uniform(12, 22)
    if kind == 0:
        draw.rectangle((left + inset, top + inset, right - inset, bottom - inset), outline=255, width=width)
    else:
        draw.line((left, top, right, bottom), fill=255, width=width)
    if kind == 2:
        draw.line((left, bottom, right, top), fill=255, width=width)


UNFRAMED = (_ruling,)  # what is told from a digit by reaching the border
