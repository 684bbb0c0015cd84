"""Which pixels support a prediction: cover patches of the image and measure what the prediction loses.

Occlusion sensitivity, after Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE, Images

PATCH = 5  # pixels
STEP = 2  # pixels
MIN_PROBABILITY = 1e-12  # bounds the logarithm


async def occlusion_map(
    predict: Callable[[Images], Awaitable[NDArray[np.float32]]], image: NDArray[np.uint8]
) -> tuple[int, NDArray[np.float32]]:
    """The predicted digit of uint8 (28, 28), and a heatmap, float32 (28, 28): what its log-odds lose if covered.

    Log-odds, because the probability of a clear digit is 1 with most of its pixels covered. A pixel's value is the mean
    over the patches that cover it. Patches without ink change nothing, so they are not computed.
    """
    corners = [
        (top, left)
        for top in range(0, SIDE - PATCH + 2, STEP)
        for left in range(0, SIDE - PATCH + 2, STEP)
        if image[top : top + PATCH, left : left + PATCH].any()
    ]
    covered = np.repeat(image[None], len(corners) + 1, axis=0)  # the last one stays uncovered
    for copy, (top, left) in zip(covered, corners, strict=False):
        copy[top : top + PATCH, left : left + PATCH] = 0
    probabilities = await predict(covered)
    digit = int(probabilities[-1].argmax())
    losses = _log_odds(probabilities, digit)
    losses = losses[-1] - losses[:-1]
    total, count = np.zeros((2, SIDE, SIDE), np.float32)
    for loss, (top, left) in zip(losses, corners, strict=True):
        total[top : top + PATCH, left : left + PATCH] += loss
        count[top : top + PATCH, left : left + PATCH] += 1
    return digit, (total / np.maximum(count, 1)).astype(np.float32)


def _log_odds(probabilities: NDArray[np.float32], digit: int) -> NDArray[np.float32]:
    """Of one digit against all others, (N, 10) -> (N,); their sum is exact where 1 - p would round to 0."""
    others = np.delete(probabilities, digit, axis=1).sum(axis=1)
    odds: NDArray[np.float32] = np.log(probabilities[:, digit].clip(MIN_PROBABILITY)) - np.log(
        others.clip(MIN_PROBABILITY)
    )
    return odds
