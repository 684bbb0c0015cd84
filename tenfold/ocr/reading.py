"""What was read in a picture: `Reading` and its `Digit`s."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Expect = Literal["auto", "digit", "line", "page"]


@dataclass(frozen=True)
class Digit:
    """One digit of a reading.

    value: 0 to 9. confidence: the probability that it is right. box: x, y, width and height in pixels of the given
    picture, after its EXIF orientation was applied. alternatives: up to three other values with their probabilities,
    the most probable first. image: what the network saw, uint8 (28, 28), white ink on black.
    """

    value: int
    confidence: float
    box: tuple[int, int, int, int]
    alternatives: tuple[tuple[int, float], ...]
    image: NDArray[np.uint8] = field(repr=False, compare=False, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the image, ready for JSON."""
        return {
            "value": self.value,
            "confidence": self.confidence,
            "box": list(self.box),
            "alternatives": [[value, probability] for value, probability in self.alternatives],
        }


@dataclass(frozen=True)
class Reading:
    """The digits of a picture.

    text: one line of digits per line of writing, "" if no digit was found. confidence: the probability that all of
    `text` is right, 0 to 1. digits: in reading order, those of all lines together.
    """

    text: str
    confidence: float
    digits: tuple[Digit, ...]

    def to_dict(self) -> dict[str, Any]:
        """The reading without its images, ready for JSON."""
        return {
            "text": self.text,
            "confidence": self.confidence,
            "digits": [digit.to_dict() for digit in self.digits],
        }


NO_DIGITS = Reading("", 0.0, ())
