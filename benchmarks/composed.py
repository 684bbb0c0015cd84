"""How well composed pictures are read: `python benchmarks/composed.py [--kinds PART] [--count 20] [--seed 0]`.

Every picture is made from MNIST's test digits, which no model here was trained on, with marks and words drawn by
strokes and fonts, on paper, forms, screens and figures. So the truth is known: the digits, and the text with its
marks. Seeds from 1000 on have chosen nothing and are kept for the figures in RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

import tenfold
from tenfold.synthesis.strokes import SIGN_JITTER, SIGN_STROKES, sample_strokes

Gray = np.ndarray  # uint8 (H, W), dark on light
HEIGHT = 44  # of a digit, in pixels
HERSHEY = ".,-+/:()%#$='"
CONFIDENT = 0.9
CLAIMS = {"text": 0.95, "marks": 0.92}  # over the rows with marks


@dataclass(frozen=True)
class Item:
    """A picture, its digits, lines of them parted by line feeds, and its text with marks."""

    picture: Gray
    text: str
    full_text: str
    expect: str = "auto"
    rotate: int | str = 0


@dataclass(frozen=True)
class Writer:
    """Digits to compose of, and what draws at random."""

    images: np.ndarray  # uint8 (N, 28, 28)
    indices: list[np.ndarray]  # of each digit
    rng: np.random.Generator

    def digit(self, value: int, height: int = HEIGHT) -> Gray:
        """The ink of a digit, cut along its edges, white on black."""
        image = self.images[self.rng.choice(self.indices[value])]
        rows, columns = np.flatnonzero(image.max(axis=1) > 40), np.flatnonzero(image.max(axis=0) > 40)
        crop = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        width = max(round(crop.shape[1] * height / crop.shape[0]), 3)
        return cv2.resize(crop, (min(width, 2 * height), height), interpolation=cv2.INTER_CUBIC)

    def sign(self, sign: str, height: int = HEIGHT, thickness: int = 4) -> Gray:
        """The ink of a sign, as tall as a digit with its ascender and descender: by strokes, or in a Hershey font.

        The strokes are those that lines for training are written with; no training has seen the font.
        """
        if sign in HERSHEY and self.rng.random() < 0.5:
            return self._hershey(sign, height, thickness - 1)
        strokes = sample_strokes(SIGN_STROKES[sign], SIGN_JITTER, self.rng)
        left = min(stroke[:, 0].min() for stroke in strokes)
        right = max(stroke[:, 0].max() for stroke in strokes)
        canvas = np.zeros((int(1.5 * height), int((right - left) * 0.8 * height) + 2 * thickness), np.uint8)
        for stroke in strokes:
            points = (stroke - [left, 0]) * [0.8 * height, height] + [thickness, 0.2 * height]
            cv2.polylines(canvas, [np.round(points * 16).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, 4)
        return canvas

    def _hershey(self, sign: str, height: int, thickness: int) -> Gray:
        scale = height / 21  # the font's capitals are 21 pixels high
        (width, _), _ = cv2.getTextSize(sign, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        canvas = np.zeros((int(1.5 * height), width), np.uint8)
        origin = (0, int(1.2 * height))
        cv2.putText(canvas, sign, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
        columns = np.flatnonzero(canvas.any(axis=0))
        return canvas[:, columns[0] : columns[-1] + 1]

    def letter(self, character: str, height: int = HEIGHT) -> Gray:
        """The ink of a printed letter, as tall as a sign."""
        font = ImageFont.truetype("DejaVuSans.ttf", int(1.3 * height))
        canvas = Image.new("L", (int(font.getlength(character)) + 2, int(1.5 * height)))
        ImageDraw.Draw(canvas).text((1, 1.2 * height), character, 255, font, anchor="ls")
        return np.asarray(canvas)

    def number(self, low: int = 2, high: int = 7) -> str:
        return "".join(map(str, self.rng.integers(0, 10, self.rng.integers(low, high + 1))))


def digits_in(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def marks_in(text: str) -> str:
    """The text as it should be read with marks: without letters and spaces."""
    return "".join(character for character in text if not character.isalpha() and not character.isspace())


def write(writer: Writer, text: str, height: int = HEIGHT, gap: float = 0.22) -> Gray:
    """The ink of a line, white on black, 1.5 digits high with the digits from 0.2 to 1.2."""
    pieces = []
    for character in text:
        if character == " ":
            pieces.append(np.zeros((int(1.5 * height), int(0.5 * height)), np.uint8))
            continue
        if character.isdigit():
            piece = np.zeros((int(1.5 * height), 2 * height), np.uint8)
            ink = writer.digit(int(character), height)
            piece = piece[:, : ink.shape[1]]
            piece[int(0.2 * height) : int(0.2 * height) + height] = ink
        else:
            piece = writer.sign(character, height) if character in SIGN_STROKES else writer.letter(character, height)
        pieces += [
            piece,
            np.zeros((int(1.5 * height), max(int(gap * height * writer.rng.uniform(0.6, 1.4)), 2)), np.uint8),
        ]
    return np.hstack(pieces)


def on_paper(ink: Gray, paper: float = 245.0, strength: float = 0.85, margin: int = 24) -> Gray:
    """Ink on even paper, dark on light."""
    padded = np.pad(ink, margin).astype(np.float32) / 255
    return (paper * (1 - strength * padded)).astype(np.uint8)


def photographed(picture: Gray, rng: np.random.Generator) -> Gray:
    """Uneven light, blur and noise."""
    height, width = picture.shape
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    light = 0.85 + 0.12 * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1))
    blurred = cv2.GaussianBlur(picture.astype(np.float32) * light, (0, 0), rng.uniform(0.5, 1.2))
    return (blurred + rng.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)


def line(writer: Writer, text: str, finish: Callable[[Gray, np.random.Generator], Gray] | None = None) -> Item:
    picture = on_paper(write(writer, text))
    return Item(finish(picture, writer.rng) if finish else picture, digits_in(text), marks_in(text))


# Texts with marks and words


def decimal(writer: Writer, point: str) -> str:
    return f"{writer.number(1, 4)}{point}{writer.number(2, 2)}"


def date(writer: Writer, sign: str) -> str:
    rng = writer.rng
    return f"{rng.integers(1, 32):02}{sign}{rng.integers(1, 13):02}{sign}{rng.integers(1990, 2040)}"


TEXTS: dict[str, Callable[[Writer], str]] = {
    "decimal point": lambda writer: decimal(writer, "."),
    "decimal comma": lambda writer: decimal(writer, ","),
    "thousands": lambda writer: f"{writer.number(1, 3)},{writer.number(3, 3)}.{writer.number(2, 2)}",
    "apostrophe": lambda writer: f"{writer.number(1, 3)}'{writer.number(3, 3)}",
    "minus": lambda writer: "-" + writer.number(),
    "plus": lambda writer: "+" + writer.number(),
    "parentheses": lambda writer: f"({writer.number(2, 4)})",
    "percent": lambda writer: f"{writer.number(1, 2)}%",
    "fraction": lambda writer: f"{writer.number(1, 2)}/{writer.number(1, 2)}",
    "date with slashes": lambda writer: date(writer, "/"),
    "date with points": lambda writer: date(writer, "."),
    "date with dashes": lambda writer: date(writer, "-"),
    "time": lambda writer: f"{writer.rng.integers(0, 24)}:{writer.rng.integers(0, 60):02}",
    "dollars": lambda writer: "$" + decimal(writer, "."),
    "euros": lambda writer: decimal(writer, ",") + "€",
    "number sign": lambda writer: "#" + writer.number(1, 4),
    "sum": lambda writer: f"{writer.number(1, 2)}+{writer.number(1, 2)}={writer.number(1, 3)}",
    "end of amount": lambda writer: writer.number(2, 5) + ",-",
}
WORDS: dict[str, Callable[[Writer], str]] = {
    "No 7": lambda writer: "No " + writer.number(1, 3),
    "INVOICE 2750": lambda writer: "INVOICE " + writer.number(4, 5),
    "B12": lambda writer: "B" + writer.number(2, 3),
    "25 kg": lambda writer: writer.number(2, 3) + " kg",
}


# Pictures without marks


def page(writer: Writer, lines: int) -> Item:
    texts = [writer.number(3, 6) for _ in range(lines)]
    inks = [write(writer, text) for text in texts]
    width = max(ink.shape[1] for ink in inks)
    sheet = np.vstack([np.pad(ink, ((0, 14), (0, width - ink.shape[1]))) for ink in inks])
    return Item(on_paper(sheet), "\n".join(texts), "\n".join(texts))


def half_in_shadow(picture: Gray, rng: np.random.Generator) -> Gray:
    """The right or left part under a shadow with a soft edge."""
    width = picture.shape[1]
    edge, softness = rng.uniform(0.25, 0.75) * width, rng.uniform(1, 6)
    shade = 1 - rng.uniform(0.35, 0.6) / (1 + np.exp(-(np.arange(width) - edge) / softness))
    return (picture * (shade if rng.random() < 0.5 else shade[::-1])).astype(np.uint8)


def ruled(picture: Gray, rng: np.random.Generator) -> Gray:
    out = picture.copy()
    for y in range(int(rng.integers(4, 20)), len(out), 24):
        out[y : y + 1] = np.minimum(out[y : y + 1], 170)
    return out


def squared(picture: Gray, rng: np.random.Generator) -> Gray:
    out = ruled(picture, rng)
    for x in range(int(rng.integers(4, 20)), out.shape[1], 24):
        out[:, x] = np.minimum(out[:, x], 170)
    return out


def underlined(picture: Gray, rng: np.random.Generator) -> Gray:
    out, y = picture.copy(), picture.shape[0] - int(rng.integers(22, 30))
    out[y : y + 2, 12:-12] = 60
    return out


def inverted(picture: Gray, _: np.random.Generator) -> Gray:
    return 255 - picture


def turned_row(writer: Writer, quarters: int) -> Item:
    """A row of three digits or more, turned; read with `rotate="auto"`."""
    straight = line(writer, writer.number(3, 7))
    return replace(straight, picture=np.rot90(straight.picture, quarters).copy(), rotate="auto")


def slanted(picture: Gray, rng: np.random.Generator, degrees: float = 8) -> Gray:
    height, width = picture.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.choice([-degrees, degrees]), 1)
    matrix[1, 2] += 0.2 * width  # the corners would be cut off
    size = (width, int(height + 0.4 * width))
    return cv2.warpAffine(picture, matrix, size, borderValue=int(picture[0, 0]))


def framed(picture: Gray, _: np.random.Generator) -> Gray:
    out = picture.copy()
    cv2.rectangle(out, (5, 5), (out.shape[1] - 6, out.shape[0] - 6), 40, 2)
    return out


def boxes(writer: Writer) -> Item:
    """One printed box a digit."""
    text, side = writer.number(3, 8), int(1.5 * HEIGHT)
    ink = np.zeros((side, side * len(text) + 2), np.uint8)
    for i, value in enumerate(text):
        digit = writer.digit(int(value), int(0.8 * HEIGHT))[:, : side - 4]
        y, x = (side - digit.shape[0]) // 2, i * side + (side - digit.shape[1]) // 2
        ink[y : y + digit.shape[0], x : x + digit.shape[1]] = digit
        cv2.rectangle(ink, (i * side, 0), ((i + 1) * side, side - 1), 200, 2)
    return Item(on_paper(ink), text, text)


def comb(writer: Writer) -> Item:
    """A line below with a tooth between the digits."""
    text, side = writer.number(3, 8), int(1.3 * HEIGHT)
    ink = np.zeros((side + 8, side * len(text) + 4), np.uint8)
    for i, value in enumerate(text):
        digit = writer.digit(int(value), int(0.85 * HEIGHT))[:, : side - 6]
        x = i * side + max((side - digit.shape[1]) // 2, 3)
        ink[4 : 4 + digit.shape[0], x : x + digit.shape[1]] = digit
        cv2.line(ink, (i * side, side // 2), (i * side, side + 4), 180, 2)
    cv2.line(ink, (len(text) * side, side // 2), (len(text) * side, side + 4), 180, 2)
    cv2.line(ink, (0, side + 4), (len(text) * side, side + 4), 180, 2)
    return Item(on_paper(ink), text, text)


def table(writer: Writer) -> Item:
    """A grid of two or three rows and columns with a number in each cell."""
    rows, columns = (int(n) for n in writer.rng.integers(2, 4, 2))
    texts = [[writer.number(1, 3) for _ in range(columns)] for _ in range(rows)]
    width, height = int(4.2 * HEIGHT), int(1.8 * HEIGHT)
    ink = np.zeros((rows * height + 2, columns * width + 2), np.uint8)
    for r, row in enumerate(texts):
        for c, text in enumerate(row):
            cell = write(writer, text)[:, : width - 12]
            y, x = r * height + 6, c * width + 8
            ink[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
            cv2.rectangle(ink, (c * width, r * height), ((c + 1) * width, (r + 1) * height), 190, 2)
    lines = "\n".join("".join(row) for row in texts)
    return Item(on_paper(ink), lines, lines)


def figure(writer: Writer, title: bool = False, cmap: str = "viridis") -> Item:
    """A digit shown by matplotlib's imshow, with axes and ticks."""
    value = int(writer.rng.integers(0, 10))
    drawn = Figure(figsize=(6.4, 4.8), dpi=100)
    axes = drawn.add_subplot()
    axes.imshow(writer.images[writer.rng.choice(writer.indices[value])], cmap=cmap)
    if title:
        axes.set_title(f"label: {value}")
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    rgb = np.asarray(canvas.buffer_rgba())[..., :3]
    return Item(rgb, str(value), str(value))


SEGMENTS = {"a": (0, 0, 1, 0), "b": (1, 0, 1, 1), "c": (1, 1, 1, 2), "d": (0, 2, 1, 2), "e": (0, 1, 0, 2)} | {
    "f": (0, 0, 0, 1),
    "g": (0, 1, 1, 1),
}
SHAPES = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


def seven_segments(writer: Writer) -> Item:
    """A display, lit on dark."""
    text, unit = writer.number(2, 6), 22
    ink = np.zeros((2 * unit + 24, len(text) * (unit + 18) + 16), np.uint8)
    for i, value in enumerate(text):
        left = 14 + i * (unit + 18)
        for x0, y0, x1, y1 in (SEGMENTS[segment] for segment in SHAPES[int(value)]):
            start, end = np.array([x0, y0]), np.array([x1, y1])
            inset = 0.16 * (end - start)
            ends = [tuple(int(v) for v in ((p * unit) + (left, 12))) for p in (start + inset, end - inset)]
            cv2.line(ink, ends[0], ends[1], 230, 5)
    return Item(np.pad(ink, 14) + np.uint8(15), text, text)


def single(writer: Writer, height: int, where: float = 0.5) -> Item:
    """One digit on a large sheet."""
    value = int(writer.rng.integers(0, 10))
    ink, sheet = writer.digit(value, height), np.zeros((240, 240), np.uint8)
    y, x = int(where * (238 - ink.shape[0])), int(where * (238 - ink.shape[1]))
    sheet[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return Item(on_paper(sheet, margin=8), str(value), str(value))


def word_alone(writer: Writer) -> Item:
    """Nothing but letters that look like no digit."""
    text = "".join(writer.rng.choice(list("ACEFHKMNRTUVWXYhkmnrtvwx"), int(writer.rng.integers(3, 7))))
    return Item(on_paper(write(writer, text)), "", "")


def nothing(writer: Writer, noise: float) -> Item:
    picture = 235 + writer.rng.normal(0, noise, (120, 200))
    return Item(picture.clip(0, 255).astype(np.uint8), "", "")


Maker = Callable[[Writer], Item]


def plain(finish: Callable[..., Gray] | None = None, low: int = 2, high: int = 7) -> Maker:
    return lambda writer: line(writer, writer.number(low, high), finish)


def with_marks(make_text: Callable[[Writer], str], finish: Callable[..., Gray] | None = None) -> Maker:
    return lambda writer: line(writer, make_text(writer), finish)


KINDS: dict[str, Maker] = (
    {f"marks: {name}": with_marks(text) for name, text in TEXTS.items()}
    | {f"marks, photo: {name}": with_marks(text, photographed) for name, text in TEXTS.items()}
    | {f"words: {name}": with_marks(text) for name, text in WORDS.items()}
    | {
        "rows: plain": plain(),
        "rows: ten digits": plain(None, 10, 10),
        "rows: photographed": plain(photographed),
        "rows: half in a shadow": plain(half_in_shadow),
        "rows: ruled": plain(ruled),
        "rows: squared": plain(squared),
        "rows: underlined": plain(underlined),
        "rows: light on dark": plain(inverted),
        "rows: in a frame": plain(framed),
        "rows: slanted": plain(slanted),
        "rows: turned by 90": partial(turned_row, quarters=1),
        "rows: turned by 180": partial(turned_row, quarters=2),
        "rows: turned by 270": partial(turned_row, quarters=3),
        "pages: two lines": partial(page, lines=2),
        "pages: four lines": partial(page, lines=4),
        "forms: boxes": boxes,
        "forms: comb": comb,
        "forms: table": table,
        "figures: imshow": figure,
        "figures: imshow, gray": partial(figure, cmap="gray"),
        "figures: imshow with title": partial(figure, title=True),
        "displays: seven segments": seven_segments,
        "digits: large": partial(single, height=160),
        "digits: small": partial(single, height=24),
        "digits: in a corner": partial(single, height=40, where=0.05),
        "nothing: word": word_alone,
        "nothing: blank": partial(nothing, noise=0.0),
        "nothing: noise": partial(nothing, noise=12.0),
    }
)


def main() -> int:
    options = parse_arguments()
    mnist = tenfold.load_data(options.data).test
    digits = [np.flatnonzero(mnist.labels == value) for value in range(10)]
    reader = tenfold.Reader()
    results = {}
    for index, (kind, make) in enumerate(KINDS.items()):
        if options.kinds in kind:
            writer = Writer(mnist.images, digits, np.random.default_rng([options.seed, index]))
            results[kind] = measure(reader, [make(writer) for _ in range(options.count)])
    show(results, options)
    return check(results)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", help="whose test digits to compose of")
    parser.add_argument("--kinds", default="", help="only kinds whose name contains this")
    parser.add_argument("--count", type=int, default=20, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def measure(reader: Any, items: list[Item]) -> dict[str, float]:
    readings = [reader.read(item.picture, item.expect, item.rotate) for item in items]
    right = [reading.text == item.text for reading, item in zip(readings, items, strict=True)]
    marked = [reading.full_text == item.full_text for reading, item in zip(readings, items, strict=True)]
    wrong = [reading.confidence > CONFIDENT and not ok for reading, ok in zip(readings, right, strict=True)]
    return {"text": float(np.mean(right)), "marks": float(np.mean(marked)), "wrong": float(np.sum(wrong))}


def show(results: dict[str, dict[str, float]], options: argparse.Namespace) -> None:
    rows = Table("kind", "text right", "with marks", f"wrong above {CONFIDENT:.0%}", title="Composed pictures")
    for kind, figures in results.items():
        rows.add_row(kind, f"{figures['text']:.1%}", f"{figures['marks']:.1%}", f"{figures['wrong']:.0f}")
    Console(width=100).print(rows)
    print(f"tenfold {tenfold.__version__}, {options.count} pictures of each kind, seed {options.seed}")


def check(results: dict[str, dict[str, float]]) -> int:
    """Print the claims; 1 if one of them is no longer true."""
    marked = [figures for kind, figures in results.items() if kind.startswith("marks")]
    failed = 0
    for name, claim in CLAIMS.items() if marked else ():
        value = float(np.mean([figures[name] for figures in marked]))
        failed += value < claim
        print(
            f"{'holds' if value >= claim else 'FAILS'} rows with marks, {name} right: {value:.1%}, at least {claim:.0%}"
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
