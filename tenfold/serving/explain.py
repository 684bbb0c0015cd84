"""Where the network looked: cover a part of the image and see how much of the answer goes away.

Occlusion sensitivity, after Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from tenfold.images import SIDE, Images

PATCH = 5
STEP = 2
LEAST = 1e-12  # of a probability, that its logarithm stays small


async def occlusion_map(
    predict: Callable[[Images], Awaitable[NDArray[np.float32]]], image: NDArray[np.uint8]
) -> tuple[int, NDArray[np.float32]]:
    """The likeliest digit of uint8 (28, 28), and float32 (28, 28): what its log-odds lose without each place.

    Log-odds, for the probability of a clear digit is 1 with and without most of its places. A place's value is the mean
    over the patches that cover it. Patches without ink change nothing, so the network is not asked about them.
    """
    corners = [
        (top, left)
        for top in range(0, SIDE - PATCH + 2, STEP)
        for left in range(0, SIDE - PATCH + 2, STEP)
        if image[top : top + PATCH, left : left + PATCH].any()
    ]
    covered = np.repeat(image[None], len(corners) + 1, axis=0)  # the last stays as it is
    for one, (top, left) in zip(covered, corners, strict=False):
        one[top : top + PATCH, left : left + PATCH] = 0
    probabilities = await predict(covered)
    digit = int(probabilities[-1].argmax())
    others = np.delete(probabilities, digit, axis=1).sum(axis=1)  # exact where 1 - p would be rounded to 0
    odds = np.log(probabilities[:, digit].clip(LEAST)) - np.log(others.clip(LEAST))
    losses = odds[-1] - odds[:-1]
    total, times = np.zeros((2, SIDE, SIDE), np.float32)
    for loss, (top, left) in zip(losses, corners, strict=True):
        total[top : top + PATCH, left : left + PATCH] += loss
        times[top : top + PATCH, left : left + PATCH] += 1
    return digit, (total / np.maximum(times, 1)).astype(np.float32)
