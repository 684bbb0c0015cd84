"""Digits and signs as pen strokes: shapes that MNIST's American writers hardly use.

A 1 with a loop or with an upstroke as long as its stem, a crossed 7, a 5 like a root sign, a 9 like a P, open 4s; and
the signs around amounts, in strokes.json. Each shape is a list of strokes; a stroke is a list of points, x to the right
and y down, from 0 at the digits' top to 1 at their baseline, joined by a curve or by straight segments.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]  # (n, 2): x, y
SAMPLES_PER_SEGMENT = 6  # of a curve
DIGIT_JITTER, SIGN_JITTER = 0.05, 0.04  # standard deviation of a point's position


@dataclass(frozen=True)
class Stroke:
    points: list[tuple[float, float]]
    is_curve: bool = False


Shape = tuple[Stroke, ...]


def _load_shapes() -> tuple[dict[int, tuple[Shape, ...]], dict[str, Shape]]:
    """The shapes of each digit and the shape of each sign."""
    shapes = json.loads(files(__package__).joinpath("strokes.json").read_text(encoding="utf-8"))
    digits = {int(digit): tuple(map(_parse_shape, values)) for digit, values in shapes["digits"].items()}
    return digits, {sign: _parse_shape(value) for sign, value in shapes["signs"].items()}


def _parse_shape(strokes: list[dict[str, Any]]) -> Shape:
    """From objects of one item: "curve" or "line" and the points."""
    return tuple(Stroke(points, kind == "curve") for stroke in strokes for kind, points in stroke.items())


DIGIT_STROKES, SIGN_STROKES = _load_shapes()
# The probability that a writer who doesn't write like MNIST's draws the digit in one of these shapes.
REGIONAL_PROBABILITIES = (0.3, 0.65, 0.3, 0.2, 0.45, 0.45, 0.25, 0.5, 0.25, 0.6)


def sample_strokes(shape: Shape, jitter: float, rng: np.random.Generator) -> list[Points]:
    """The strokes as polylines in units of the digit's height, each point moved a little at random."""
    polylines = []
    for stroke in shape:
        points = np.asarray(stroke.points, np.float32)
        points = points + rng.normal(0, jitter, points.shape).astype(np.float32)
        polylines.append(_catmull_rom(points) if stroke.is_curve and len(points) > 2 else points)
    return polylines


def _catmull_rom(points: Points) -> Points:
    """A Catmull-Rom spline through the points."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, SAMPLES_PER_SEGMENT, endpoint=False, dtype=np.float32)[:, None, None]  # (s, 1, 1)
    a, b, c, d = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]  # (n - 1, 2) each
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.transpose(1, 0, 2).reshape(-1, 2), points[-1:]])
