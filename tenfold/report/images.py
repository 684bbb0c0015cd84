"""Digits as small PNG data URIs.

The ink is kept as opacity: a page shows dark ink on light paper, and inverts it in the dark theme.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.images import CLASSES, SIDE, Images
from tenfold.report.page import css_class

_SAMPLES = 14


def mosaic(images: Images, columns: int, gap: int = 2) -> NDArray[np.uint8]:
    """uint8 (N, 28, 28) row by row in one picture, `gap` empty pixels between neighbors."""
    rows = -(-len(images) // columns)
    step = SIDE + gap
    canvas = np.zeros((rows * step - gap, columns * step - gap), np.uint8)
    for place, image in enumerate(images):
        top, left = step * (place // columns), step * (place % columns)
        canvas[top : top + SIDE, left : left + SIDE] = image
    return canvas


def picture(ink: NDArray[np.uint8], alt: str, scale: int = 1, kind: str = "") -> str:
    """An `<img>` of uint8 (H, W) ink, each pixel `scale` CSS pixels wide. `kind` adds a CSS class."""
    height, width = ink.shape
    return (
        f'<img{css_class(f"ink {kind}")} src="{data_uri(ink)}" alt="{escape(alt)}" '
        f'width="{width * scale}" height="{height * scale}">'
    )


def data_uri(ink: NDArray[np.uint8]) -> str:
    """Black of the given opacity, uint8 (H, W), as a PNG data URI."""
    pixels = np.stack([np.zeros_like(ink), ink], axis=-1)  # (H, W, 2): luminance, alpha
    file = io.BytesIO()
    Image.fromarray(pixels, "LA").save(file, "PNG", optimize=True)
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def strip(images: Images, alt: str, scale: int = 1) -> str:
    """Digits side by side in one picture."""
    return picture(mosaic(images, columns=len(images), gap=4), alt, scale)


def samples_by_digit(dataset: Dataset, what: str) -> str:
    """The first rows of each digit, one line a digit. what: what the rows are, for the caption."""
    assert dataset.labels is not None  # without labels there is nothing to sort by
    items = []
    for digit in range(CLASSES):
        rows = np.flatnonzero(dataset.labels == digit)[:_SAMPLES]
        if len(rows):
            samples = strip(dataset.images[rows], f"{what} of the digit {digit}")
            items.append(f"<li><b>{digit}</b><span>{samples}</span></li>")
    return f'<div><p class="small">{what}, the first of each digit</p><ul class="rows">{"".join(items)}</ul></div>'


def gallery(figures: Sequence[str], kind: str = "") -> str:
    return f"<div{css_class(f'gallery {kind}')}>{''.join(figures)}</div>"


def figure(img: str, caption_html: str, kind: str = "") -> str:
    return f"<figure{css_class(kind)}>{img}<figcaption>{caption_html}</figcaption></figure>"
