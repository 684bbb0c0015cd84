"""Stands in for tenfold.read until it is there."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tenfold.data.pictures import _ink
from tenfold.errors import DataError
from tenfold.vision.frame import frame


@dataclass(frozen=True)
class Digit:
    value: int
    confidence: float
    box: tuple
    alternatives: tuple
    frame: np.ndarray


@dataclass(frozen=True)
class Reading:
    text: str
    confidence: float
    digits: tuple


def read(picture, expect="auto", model=None):
    try:
        image = Image.open(io.BytesIO(picture))
        if image.mode == "RGBA":
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        grey = np.asarray(image.convert("L"))
    except Exception as error:
        raise DataError(f"is no picture ({error})", file="the picture") from None
    if grey[0, 0] > 127:
        grey = 255 - grey
    ink = _ink(grey)
    columns = np.flatnonzero(ink.any(axis=0))
    digits = []
    for span in np.split(columns, np.flatnonzero(np.diff(columns) > 8) + 1):
        if not len(span):
            continue
        part = ink[:, span[0] : span[-1] + 1]
        rows = np.flatnonzero(part.any(axis=1))
        probabilities = model.predict_proba(frame(part)[None])[0]
        order = np.argsort(-probabilities)
        digits.append(
            Digit(
                int(order[0]),
                float(probabilities[order[0]]),
                (int(span[0]), int(rows[0]), len(span), int(rows[-1] - rows[0] + 1)),
                tuple((int(d), float(probabilities[d])) for d in order[1:4]),
                frame(part),
            )
        )
    text = "".join(str(d.value) for d in digits)
    return Reading(text, float(np.prod([d.confidence for d in digits])) if digits else 0.0, tuple(digits))
