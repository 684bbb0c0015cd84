"""Digits and signs as strokes of a pen: ways of writing that MNIST's American writers hardly show.

A 1 with a long upstroke, a crossed 7, a 5 like a root sign, a 9 like a P, open 4s; and the signs around amounts. Each
shape is a list of strokes; a stroke is a list of points, x to the right, y down, from 0 at the digits' top to 1 at
their baseline, and either a curve through its points or straight lines between them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]  # (n, 2): x, y
SAMPLES = 6  # of a curve between two of its points
DIGIT_JITTER, SIGN_JITTER = 0.05, 0.03  # standard deviation of a point's place


@dataclass(frozen=True)
class Stroke:
    points: tuple[tuple[float, float], ...]
    curved: bool = False


def _line(*points: tuple[float, float]) -> Stroke:
    return Stroke(points)


def _curve(*points: tuple[float, float]) -> Stroke:
    return Stroke(points, curved=True)


_CROSSBAR = _line((0.15, 0.52), (0.85, 0.46))

DIGITS: dict[int, tuple[tuple[Stroke, ...], ...]] = {
    0: (
        (_curve((0.5, 0), (0.12, 0.25), (0.08, 0.65), (0.4, 1), (0.8, 0.75), (0.85, 0.3), (0.55, 0), (0.35, 0.1)),),
        (_curve((0.5, 0), (0.05, 0.3), (0.1, 0.8), (0.5, 1), (0.9, 0.7), (0.85, 0.2), (0.5, 0.02), (1.1, 0)),),
    ),
    1: (
        (_line((0, 0.55), (0.5, 0), (0.45, 1)),),
        (_line((-0.1, 0.85), (0.5, 0), (0.45, 1)),),
        (_line((0.1, 1), (0.55, 0), (0.5, 1)),),
        (_curve((0, 0.75), (0.25, 0.5), (0.5, 0)), _line((0.5, 0), (0.4, 1))),
        (_line((0.1, 0.35), (0.5, 0), (0.5, 1)), _line((0.15, 1), (0.85, 0.98))),
        (_line((0.5, 0), (0.4, 1)),),
        (_curve((-0.1, 0.7), (0.3, 0.45), (0.55, 0.1), (0.4, 0), (0.25, 0.4), (0.3, 1)),),
        (_curve((0.05, 0.75), (0.45, 0.4), (0.5, 0.02), (0.35, 0.1), (0.25, 0.8), (0.4, 1), (0.75, 0.85)),),
    ),
    2: (
        (_curve((0.1, 0.25), (0.4, 0), (0.8, 0.15), (0.65, 0.55), (0.05, 1)), _line((0.05, 1), (1, 0.97))),
        (_curve((0.1, 0.2), (0.5, 0), (0.75, 0.3), (0.3, 0.9), (0.05, 0.9), (0.3, 0.85), (1.05, 1)),),
        (_line((0.1, 0.05), (0.85, 0.05), (0.05, 1), (0.95, 1)),),
    ),
    3: (
        (_line((0.1, 0.04), (0.85, 0), (0.4, 0.4)), _curve((0.4, 0.4), (0.85, 0.55), (0.8, 0.9), (0.4, 1), (0, 0.9))),
        (_curve((0.1, 0.1), (0.5, 0), (0.75, 0.2), (0.35, 0.45)), _curve((0.35, 0.45), (0.85, 0.7), (0.5, 1), (0, 0.9))),
    ),
    4: (
        (_line((0.3, 0), (0.05, 0.6), (0.95, 0.55)), _line((0.65, 0.2), (0.5, 1.05))),
        (_line((0.35, 0), (0.05, 0.75)), _line((0.05, 0.7), (0.75, 0.55)), _line((0.68, 0.4), (0.55, 1.1))),
        (_curve((0.1, 0), (0.05, 0.4), (0.4, 0.52), (0.8, 0.4)), _line((0.85, 0), (0.75, 1.05))),
        (_line((0.7, 0.65), (0, 0.65), (0.65, 0), (0.6, 1)),),
        (_line((0.2, 0), (0.1, 0.5), (1, 0.5)), _line((0.7, 0), (0.65, 1))),
    ),
    5: (
        (
            _line((0.3, 0), (0.2, 0.4)),
            _curve((0.2, 0.42), (0.55, 0.38), (0.75, 0.65), (0.5, 0.98), (0, 0.95)),
            _line((0.28, 0.02), (1.2, -0.05)),
        ),
        (
            _line((0.25, 0.02), (0.2, 0.45)),
            _curve((0.2, 0.45), (0.6, 0.5), (0.7, 0.75), (0.4, 1), (0, 0.9)),
            _line((0.25, 0), (1.6, -0.1)),
        ),
        (_curve((0, 0.85), (0.2, 1), (0.4, 0.8), (0.33, 0.35), (0.35, 0.03)), _line((0.33, 0.05), (1.1, 0))),
        (_curve((0.9, 0), (0.35, 0.04), (0.18, 0.35), (0.65, 0.5), (0.7, 0.85), (0.1, 0.98)),),
    ),
    6: (
        (_curve((0.7, 0), (0.25, 0.35), (0.1, 0.75), (0.4, 1), (0.75, 0.8), (0.5, 0.55), (0.15, 0.7)),),
        (_curve((0.45, 0), (0.15, 0.45), (0.1, 0.85), (0.5, 1), (0.85, 0.8), (0.55, 0.6), (0.12, 0.85)),),
    ),
    7: (
        (_line((0.05, 0.05), (0.85, 0), (0.35, 1)), _CROSSBAR),
        (_line((0, 0.2), (0.06, 0.03), (0.9, 0.03), (0.4, 1)), _CROSSBAR),
        (_curve((0, 0.15), (0.2, 0.0), (0.55, 0.1), (0.9, 0)), _line((0.9, 0), (0.4, 1)), _CROSSBAR),
        (_curve((0, 0.15), (0.2, 0.02), (0.5, 0.1), (0.9, 0), (0.55, 0.55), (0.4, 1.02)),),
        (_curve((0.15, 0.12), (0.4, 0.02), (0.6, 0.05), (0.5, 0.4), (0.3, 1)), _line((0.1, 0.45), (0.95, 0.38))),
        (_line((0.1, 0.06), (0.75, 0.02), (0.45, 1)), _line((0.25, 0.4), (0.95, 0.36))),
    ),
    8: (
        (
            _curve(
                (0.8, 0.15), (0.45, 0), (0.2, 0.22), (0.5, 0.45), (0.8, 0.75), (0.45, 1), (0.1, 0.75), (0.5, 0.45), (0.8, 0.1)
            ),
        ),
        (
            _curve((0.5, 0), (0.25, 0.2), (0.5, 0.43), (0.75, 0.2), (0.5, 0)),
            _curve((0.5, 0.43), (0.15, 0.7), (0.5, 1), (0.85, 0.7), (0.5, 0.43)),
        ),
    ),
    9: (
        (_line((0.2, 0.03), (0.08, 1.05)), _curve((0.12, 0.52), (0.5, 0.5), (0.75, 0.25), (0.5, 0), (0.18, 0.08))),
        (_curve((0.3, 0.1), (0.1, 1.05)), _curve((0.3, 0.45), (0.65, 0.4), (0.75, 0.12), (0.4, 0), (0.05, 0.15))),
        (_curve((0.75, 0.1), (0.35, 0), (0.08, 0.25), (0.35, 0.5), (0.75, 0.12)), _line((0.75, 0.05), (0.6, 1))),
        (
            _curve((0.75, 0.1), (0.35, 0), (0.08, 0.25), (0.4, 0.48), (0.75, 0.1)),
            _curve((0.75, 0.05), (0.75, 0.7), (0.4, 1.05), (0.0, 0.9)),
        ),
        (
            _curve((0.7, 0.1), (0.35, 0), (0.1, 0.25), (0.35, 0.5), (0.7, 0.15)),
            _curve((0.7, 0.1), (0.7, 0.6), (0.45, 1.05), (0.15, 0.9), (0.4, 0.65), (0.95, 0.45)),
        ),
    ),
}

SIGNS: dict[str, tuple[Stroke, ...]] = {
    ".": (_line((0, 0.97), (0.05, 1)),),
    ",": (_line((0.1, 0.92), (0.06, 1), (-0.04, 1.15)),),
    "'": (_line((0.1, -0.05), (0.02, 0.15)),),
    ":": (_line((0, 0.95), (0.04, 1)), _line((0.05, 0.45), (0.09, 0.5))),
    "-": (_line((0, 0.6), (0.6, 0.57)),),
    "~": (_curve((0, 0.6), (0.25, 0.5), (0.5, 0.62), (0.9, 0.5)),),
    "=": (_line((0, 0.5), (0.55, 0.46)), _line((0, 0.72), (0.55, 0.68))),
    "/": (_line((0.75, -0.2), (0, 1.2)),),
    "#": (
        _line((0.3, 0.1), (0.2, 0.95)),
        _line((0.65, 0.1), (0.55, 0.95)),
        _line((0, 0.4), (0.9, 0.35)),
        _line((0, 0.7), (0.85, 0.65)),
    ),
    "$": (
        _curve((0.75, 0.15), (0.4, 0.05), (0.1, 0.28), (0.4, 0.5), (0.75, 0.72), (0.4, 0.95), (0.05, 0.85)),
        _line((0.45, -0.15), (0.4, 1.15)),
    ),
    "*": (_line((0, 0.35), (0.5, 0.65)), _line((0.5, 0.35), (0, 0.65)), _line((0.25, 0.25), (0.25, 0.75))),
    "+": (_line((0, 0.55), (0.6, 0.53)), _line((0.3, 0.25), (0.28, 0.85))),
}


def written(shape: tuple[Stroke, ...], jitter: float, draw: np.random.Generator) -> list[Points]:
    """The strokes as polylines, each point moved a little by chance, in units of the digits' height."""
    lines = []
    for stroke in shape:
        points = np.asarray(stroke.points, np.float32)
        points = points + draw.normal(0, jitter, points.shape).astype(np.float32)
        lines.append(_through(points) if stroke.curved and len(points) > 2 else points)
    return lines


def _through(points: Points) -> Points:
    """A Catmull-Rom spline through the points."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, SAMPLES, endpoint=False, dtype=np.float32)[:, None, None]  # (s, 1, 1)
    a, b, c, d = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]  # (n - 1, 2) each
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.transpose(1, 0, 2).reshape(-1, 2), points[-1:]])
