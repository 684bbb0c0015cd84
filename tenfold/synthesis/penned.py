"""Digits drawn by strokes, in the ways that MNIST's writers hardly use, framed as MNIST's are."""

import cv2
import numpy as np

from tenfold.images import SIDE, Images
from tenfold.ocr.framing import frame
from tenfold.synthesis.strokes import DIGIT_JITTER, DIGITS, written

HEIGHT = 64  # pixels from a digit's top to its foot before it is framed
PAD = 12  # more than a pen's radius


def penned(digit: int, count: int, rng: np.random.Generator) -> Images:
    """uint8 (count, 28, 28): `digit` in each of its ways by chance, with many slants, widths and pens."""
    ways = DIGITS[digit]
    pictures = np.empty((count, SIDE, SIDE), np.uint8)
    for i in range(count):
        lines = written(ways[rng.integers(len(ways))], DIGIT_JITTER, rng)
        wide, slant = 0.7 * np.exp(rng.normal(0, 0.25)), rng.triangular(-0.25, 0.1, 0.6)
        across = np.array([[wide, 0], [-slant, 1]], np.float32)  # (x, y) -> (wide x - slant y, y)
        places = [line @ across * HEIGHT for line in lines]
        corner = np.min([line.min(axis=0) for line in places], axis=0) - PAD
        width, height = np.ceil(np.max([line.max(axis=0) for line in places], axis=0) - corner).astype(int) + PAD
        canvas = np.zeros((height, width), np.uint8)
        thick = int(np.exp(rng.normal(1.9, 0.35)).clip(3, 14))
        points = [np.round((line - corner) * 16).astype(np.int32) for line in places]  # in sixteenths of a pixel
        cv2.polylines(canvas, points, False, 255, thick, cv2.LINE_AA, 4)
        pictures[i] = frame(canvas)
    return pictures
