"""Ink of few pixels, made smooth: framed as it is, it would be made of visible squares."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ENLARGED = 64
FAINT = 64  # of 255: what is fainter once enlarged is no ink


def enlarged(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """White ink on black, uint8 (H, W), with the longer side brought to 64 pixels, down too where it is longer."""
    height, width = (max(1, round(side * ENLARGED / max(ink.shape))) for side in ink.shape)
    smooth = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC))
    return np.where(smooth >= FAINT, smooth, 0).astype(np.uint8)
