"""Pictures that are not digits: characters of fonts, scribbles, scenes, halves and pairs of digits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from tenfold.images import SIDE, Images
from tenfold.ocr.framing import frame
from tenfold.synthesis.ops import affine_matrices, per_image, pixel_centers, uniform, warp
from tenfold.synthesis.scenes import draw_scenes

GLYPHS, SCRIBBLES, SCENES = 16_000, 9_000, 12_000  # pictures in the pool
# Half a digit may be another digit (half an 8 is a 0, half a 7 a 1); these halves are not.
HALVES = ((0, "top"), (0, "bottom"), (3, "bottom"), (5, "bottom"), (2, "bottom"), (4, "top"))

# Characters that may pass for a handwritten digit are left out: O o Q D □, I i l | / ( [ ! ' Λ ^, Z z, S s, Э, B ß,
# G b ь, g q P p ρ, Ч.
LATIN = "ACEFHJKLMNRTUVWXYacdefhkmnrtuvwxyÄÖÜäöüéñçÆæ"
GREEK = "ΓΔΞΠΣΦΨΩαγηκλμνπτφχψω"
CYRILLIC = "БГДЖИЙЛПФЦШЩЫЮЯвдежийклмнптфцшщыюя"
SYMBOLS = '?#$%&@+-–=*<>~":;._{}£€¥©®±×÷√∑∞≈≠≤≥←→↓↔♠♣♥♦★☆☺☹✓✗✈☎♪♫■●▲▼◆△▽¶‡'
CHARACTERS = LATIN * 3 + GREEK + CYRILLIC + SYMBOLS  # Latin letters are the most frequent neighbors of digits
FONT_SIZE = 64
MAX_SYSTEM_FONTS = 80  # of a system that may have thousands

CANVAS_SIZE = 112  # of a scribble, four times the picture
Points = NDArray[np.float64]  # (n, 2)


def make_pool(seed: int) -> Tensor:
    """Characters, scribbles and scenes, uint8 (37000, 28, 28); the same for the same seed and fonts."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scenes = draw_scenes(SCENES).round().to(torch.uint8)
    return torch.cat([torch.tensor(draw_glyphs(GLYPHS, rng)), torch.tensor(draw_scribbles(SCRIBBLES, rng)), scenes])


def sample_negatives(count: int, pool: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Pictures (count, 28, 28), float, 0 to 255: from the pool, and halves and pairs of digits.

    images, labels: digits, uint8 (N, 28, 28) and (N,).
    """
    halves, pairs = round(0.05 * count), round(0.07 * count)
    indices = torch.randint(0, len(pool), (count - halves - pairs,))
    return torch.cat([pool[indices].float(), sample_halves(halves, images, labels), sample_pairs(pairs, images)])


def sample_halves(count: int, images: Tensor, labels: Tensor) -> Tensor:
    """Halves of digits, centered."""
    kinds = torch.randint(0, len(HALVES), (count,))
    out = torch.zeros(count, SIDE, SIDE)
    _, y = pixel_centers(SIDE)
    for kind, (digit, half) in enumerate(HALVES):
        indices, candidates = (kinds == kind).nonzero().flatten(), (labels == digit).nonzero().flatten()
        n = len(indices)
        if not n or not len(candidates):
            continue
        digits = images[candidates[torch.randint(0, len(candidates), (n,))]].float()
        cut = per_image(uniform(n, 12.5, 14.5))
        mask, shift = (y < cut, 4 / SIDE) if half == "top" else (y > SIDE - cut, -4 / SIDE)
        size = torch.full((n,), 1.2)
        matrices = affine_matrices(n, scale_x=size, scale_y=size, shift_y=torch.full((n,), shift))
        out[indices] = warp(digits * mask, matrices)
    return out


def sample_pairs(count: int, images: Tensor) -> Tensor:
    """Two digits side by side, or one above the other."""
    zero = torch.zeros(count)
    size = uniform(count, 0.5, 0.65)
    distance = size * uniform(count, 0.3, 0.42)
    is_horizontal = torch.rand(count) < 0.85
    shift_x, shift_y = torch.where(is_horizontal, distance, zero), torch.where(is_horizontal, zero, distance)
    out = torch.zeros(count, SIDE, SIDE)
    for side in (-1, 1):
        digits = images[torch.randint(0, len(images), (count,))].float()
        scale_y = size * torch.where(is_horizontal, uniform(count, 0.9, 1.5), torch.ones(count))
        matrices = affine_matrices(count, scale_x=size, scale_y=scale_y, shift_x=side * shift_x, shift_y=side * shift_y)
        out = torch.maximum(out, warp(digits, matrices))
    return out


def font_files() -> list[Path]:
    """Matplotlib's DejaVu fonts, and TrueType fonts of a Unix system if there are any."""
    from matplotlib import get_data_path

    bundled = sorted(Path(get_data_path(), "fonts", "ttf").glob("DejaVuS*[!y].ttf"))
    system = sorted(Path("/usr/share/fonts").rglob("*.ttf"))
    names = {path.name for path in bundled}
    others = [path for path in system if path.name not in names]
    step = max(1, -(-len(others) // MAX_SYSTEM_FONTS))
    return bundled + others[::step]


def draw_glyphs(count: int, rng: np.random.Generator) -> Images:
    """uint8 (count, 28, 28): a random character of a random font each, framed; sometimes two or three characters."""
    fonts = [loaded for loaded in map(_load_font, font_files()) if loaded]
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for i in range(count):
        length = 1 if rng.random() < 0.9 else int(rng.integers(2, 4))
        font, characters = fonts[rng.integers(len(fonts))]
        images[i] = frame(_draw_text("".join(rng.choice(characters, length)), font))
    return images


def _load_font(path: Path) -> tuple[ImageFont.FreeTypeFont, list[str]] | None:
    """The font and the characters that it has; for others it draws an empty box, much like a 0.

    None for a font of emoji, of another script only, or one that can't be read.
    """
    try:
        font = ImageFont.truetype(path, FONT_SIZE)
        box = bytes(font.getmask("\uffff"))
        characters = [character for character in CHARACTERS if bytes(font.getmask(character)) != box]
    except OSError:
        return None
    return (font, characters) if set(LATIN) <= set(characters) else None


def _draw_text(text: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    canvas = Image.new("L", (FONT_SIZE * (len(text) + 1), 2 * FONT_SIZE))
    ImageDraw.Draw(canvas).text((FONT_SIZE // 2, FONT_SIZE // 3), text, 255, font)
    return np.where(np.asarray(canvas) > 127, np.uint8(255), np.uint8(0))


def draw_scribbles(count: int, rng: np.random.Generator) -> Images:
    """What a pen or careless segmentation leaves, uint8 (count, 28, 28): dashes, scribbles, invented signs, shapes."""
    kinds = (_dash, _dots, _scribble, _invented_sign, _invented_sign, _polygon, _curl, _grid)
    return np.stack([_render_scribble(kinds[rng.integers(len(kinds))], rng) for _ in range(count)])


def _render_scribble(
    kind: Callable[[ImageDraw.ImageDraw, np.random.Generator], None], rng: np.random.Generator
) -> NDArray[np.uint8]:
    canvas = Image.new("L", (CANVAS_SIZE, CANVAS_SIZE))
    kind(ImageDraw.Draw(canvas), rng)
    ink = np.asarray(canvas)
    if rng.random() < 0.75:
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
