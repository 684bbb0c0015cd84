"""Which pixels support a prediction: cover patches of the image and measure what the prediction loses.

Occlusion sensitivity, after Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE, Images

PATCH = 5  # pixels
STEP = 2  # pixels
MIN_PROBABILITY = 1e-12  # bounds the logarithm


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model reads an image as it does."""

    digit: int  # the most probable one
    heatmap: NDArray[np.float32]  # (28, 28): what the digit's log-odds lose if the pixel is covered


class Occlusion:
    """The covered copies of an image, to be predicted, and what follows from their probabilities.

    image: uint8 (28, 28). Patches without ink change nothing, so they are not covered.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        positions = range(0, SIDE - PATCH + 2, STEP)
        corners = [(top, left) for top in positions for left in positions]
        self._patches = [np.s_[top : top + PATCH, left : left + PATCH] for top, left in corners]
        self._patches = [patch for patch in self._patches if image[patch].any()]
        self.images: Images = np.repeat(image[None], len(self._patches) + 1, axis=0)
        """uint8 (K + 1, 28, 28): a copy for each of K patches, and last the image itself."""
        for copy, patch in zip(self.images, self._patches, strict=False):
            copy[patch] = 0

    def explain(self, probabilities: NDArray[np.float32]) -> Explanation:
        """The explanation that the probabilities (K + 1, 10) of `images` give.

        The heatmap has log-odds, because the probability of a clear digit is 1 with most of its pixels covered. A
        pixel's value is the mean over the patches that cover it.
        """
        digit = int(probabilities[-1].argmax())
        log_odds = _log_odds(probabilities, digit)
        total, count = np.zeros((2, SIDE, SIDE), np.float32)
        for loss, patch in zip(log_odds[-1] - log_odds[:-1], self._patches, strict=True):
            total[patch] += loss
            count[patch] += 1
        return Explanation(digit, (total / np.maximum(count, 1)).astype(np.float32))


def _log_odds(probabilities: NDArray[np.float32], digit: int) -> NDArray[np.float32]:
    """Of one digit against all others, (N, 10) -> (N,); their sum is exact where 1 - p would round to 0."""
    others = np.delete(probabilities, digit, axis=1).sum(axis=1)
    odds: NDArray[np.float32] = np.log(probabilities[:, digit].clip(MIN_PROBABILITY)) - np.log(
        others.clip(MIN_PROBABILITY)
    )
    return odds
