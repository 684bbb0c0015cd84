"""Make the pictures of docs/pictures.md: MNIST's test digits drawn large on papers of our own, and what is read there.

python docs/pictures/make.py        (needs MNIST: TENFOLD_MNIST or `tenfold data download mnist`)
"""

from pathlib import Path

import cv2
import numpy as np

from tenfold.data import load_data
from tenfold.ocr.reader import read
from tenfold.ocr.visualize import annotate
from tenfold.synthesis.lines.generator import LineGenerator
from tenfold.synthesis.lines.glyph_bank import GlyphBank

HERE = Path(__file__).parent
SIDE = 120


def main() -> None:
    mnist = load_data("mnist").test
    assert mnist is not None
    draw = np.random.default_rng(13)
    pictures = {
        "photo": photo(mnist.images[[3, 11, 25, 40, 8]], draw),
        "dark": 255 - photo(mnist.images[[61, 70, 90]], draw),
        "cheque": cheque(mnist.subset(slice(2000)), draw),
    }
    for name, picture in pictures.items():
        file = HERE / f"{name}.png"
        cv2.imwrite(str(file), picture)
        reading = read(file)
        print(f"{name}: {reading.text!r} {reading.confidence:.3f}")
        annotate(file, reading).save(HERE / f"{name}-read.png")


def photo(digits: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Digits in a row on squared paper, with a shadow across, a little out of focus."""
    height, width = 2 * SIDE, SIDE * (len(digits) + 1)
    ink = np.zeros((height, width), np.float32)
    for place, digit in enumerate(digits):
        large = cv2.resize(digit, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        top, left = SIDE // 2 + int(draw.integers(-12, 12)), SIDE // 2 + place * SIDE
        ink[top : top + SIDE, left : left + SIDE] = np.clip((large - 90) * 3, 0, 255)
    paper = np.full((height, width), 225, np.float32)
    paper[::40] -= 22
    paper[:, ::40] -= 22
    down, across = np.mgrid[:height, :width]
    shadow = 0.55 + 0.45 / (1 + np.exp((across + 0.8 * down - 0.55 * width) / 14))
    seen = cv2.GaussianBlur(paper * shadow * (1 - 0.72 * ink / 255), (0, 0), 1.2) + draw.normal(0, 4, ink.shape)
    return seen.clip(0, 255).astype(np.uint8)


def cheque(digits, draw: np.random.Generator) -> np.ndarray:
    """A row as `line` learns from them: touching digits, signs between, a printed pattern behind."""
    generator = LineGenerator.create(GlyphBank.from_dataset(digits), draw)
    while True:
        picture, text = generator.generate(draw)
        if 4 <= len(text) <= 7 and picture.shape[0] >= 40:
            return cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)


if __name__ == "__main__":
    main()
