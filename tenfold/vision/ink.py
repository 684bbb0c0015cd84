"""Tell ink from paper: a grey picture becomes white ink on pure black, whatever the light, the paper and the pen.

The ground (paper, board, screen) is estimated as what an opening leaves of the picture and smoothed with the ink left
out; what stands out from it by far more than the ground's own unrest, and by a good part of the strongest ink, is ink.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GROUND_SIDE = 320  # the ground is smooth: it is estimated on a picture of this side
FAINTEST = 10.0  # grey levels; what stands out by less is no ink
UNREST = 4.0  # ink stands out by this many standard deviations of its ground

Grey = NDArray[np.uint8]  # (H, W)


@dataclass(frozen=True)
class Ink:
    """The ink of a picture.

    ink: uint8 (H, W), white on pure black. light: whether it is lighter than its ground in the picture.
    contrast: how many standard deviations of the ground it stands out by; 0 where there is none.
    """

    ink: NDArray[np.uint8]
    light: bool
    contrast: float


def find_ink(grey: Grey, light: bool | None = None) -> Ink:
    """The ink of `grey`, uint8 (H, W). `light` says that it is lighter (or darker) than its ground; else it is found.

    A picture without ink, uniform or nothing but noise, gives an empty map.
    """
    nothing = Ink(np.zeros_like(grey), bool(light), 0.0)
    if int(grey.max()) - int(grey.min()) < FAINTEST:
        return nothing
    if light is None:
        light = is_light_on_dark(grey)
    risen = _above_ground(grey if light else 255 - grey, light)
    unrest, level = _levels(risen)
    lowest = max(FAINTEST, UNREST * unrest)
    if level < lowest:
        return nothing
    high, low = max(0.5 * level, lowest), max(0.3 * level, 0.7 * lowest)
    seen = _connected_to((risen > low).astype(np.uint8), risen > high)
    # Between the thresholds the edge of a stroke is grey, as far as it covers its pixels.
    foot = 0.5 * low
    soft = ((risen - foot) * (255 / (0.9 * level - foot))).clip(0, 255)
    ink = np.where(cv2.dilate(seen, np.ones((3, 3), np.uint8)) > 0, soft, 0).astype(np.uint8)
    return Ink(ink, light, level / max(unrest, 1.0))


def is_light_on_dark(grey: Grey) -> bool:
    """Whether the ink is the lighter part: it is the smaller part, stands out around it, and keeps off the border."""
    small = _shrunk(grey, GROUND_SIDE)
    window = max(3, min(255, max(small.shape) // 2 * 2 + 1))
    around = cv2.medianBlur(np.ascontiguousarray(small), window)
    deviation = small.astype(np.float32) - around
    cubes = deviation**3
    skew = float(cubes.sum() / max(float(np.abs(cubes).sum()), 1e-6))
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    middle, _ = cv2.threshold(np.ascontiguousarray(small), 0, 255, cv2.THRESH_OTSU)
    edge = 1 - 2 * float((border > middle).mean())
    return skew + 0.7 * edge > 0


def _shrunk(grey: Grey, side: int) -> Grey:
    factor = side / max(grey.shape)
    if factor >= 1:
        return grey
    height, width = (max(1, round(length * factor)) for length in grey.shape)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _above_ground(bright: Grey, light: bool) -> NDArray[np.float32]:
    """How far each pixel of `bright`, whose ink is the lighter part, stands above its ground: float32 (H, W)."""
    small = _shrunk(bright, GROUND_SIDE)
    reach = max(7, int(0.4 * min(small.shape))) | 1
    calm = cv2.medianBlur(small, 3) if min(small.shape) > 60 else small
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    ground = cv2.morphologyEx(calm, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    # The opening is the lower envelope; the mean of what is not ink is the ground.
    over = small.astype(np.float32) - ground
    middle, _ = cv2.threshold(over.clip(0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    bare = (over <= max(middle, 2)).astype(np.float32)
    bare = cv2.erode(bare, np.ones((3, 3), np.uint8)).astype(np.float32, copy=False)
    spread = reach / 4
    weight = cv2.GaussianBlur(bare, (0, 0), spread, borderType=cv2.BORDER_REPLICATE)
    smooth = cv2.GaussianBlur(bare * small, (0, 0), spread, borderType=cv2.BORDER_REPLICATE)
    ground = np.where(weight > 0.02, smooth / np.maximum(weight, 0.02), ground)
    ground = cv2.resize(ground, bright.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
    risen: NDArray[np.float32] = bright.astype(np.float32) - ground
    if not light:  # paper in shadow: its ink is darker in proportion to the light
        risen *= np.minimum(255 / np.maximum(255 - ground, 1), 4)
    return risen


def _levels(risen: NDArray[np.float32]) -> tuple[float, float]:
    """Standard deviation of the ground, and how far ink stands above it (0 where nothing does)."""
    step = max(1, int(np.sqrt(risen.size / 400_000)))
    sample = risen[::step, ::step].ravel()
    below = sample[sample <= 0]
    unrest = float(np.sqrt(np.mean(below**2))) if len(below) else 0.0
    unrest = min(unrest, 1.4826 * float(np.median(np.abs(sample - np.median(sample)))) + 1)
    out = sample[sample > max(FAINTEST, UNREST * unrest)]
    if not len(out):
        return unrest, 0.0
    # The edges of strokes are as many as their cores: the mean of the upper half is the core's level.
    return unrest, float(np.sort(out)[len(out) // 2 :].mean())


def _connected_to(mask: NDArray[np.uint8], core: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The parts of `mask` that hold some pixel of `core`: uint8 (H, W) of 0 and 1."""
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    kept = np.zeros(count, np.uint8)
    kept[labels[core]] = 1
    kept[0] = 0
    result: NDArray[np.uint8] = kept[labels]
    return result
