"""Small pieces of HTML for notebooks: pictures of digits and tables, with styles of their own.

A notebook shows them among other output, in a light or a dark theme, so they set no colors but the pictures'.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from tenfold.images import CLASSES, Images, Labels

Box = tuple[int, int, int, int]  # x, y, width, height

MIN_WIDTH, MAX_WIDTH = 120, 480  # pixels of a picture with boxes
SHOWN_PER_DIGIT = 10
SHOWN_UNLABELED = 30


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, the first column aligned to the left and the others to the right."""

    def cells(tag: str, values: Sequence[str]) -> str:
        aligned = zip(values, ["left", *["right"] * (len(values) - 1)], strict=True)
        return "".join(f'<{tag} style="text-align:{side}">{escape(value)}</{tag}>' for value, side in aligned)

    head = f"<thead><tr>{cells('th', header)}</tr></thead>" if header else ""
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table>{head}<tbody>{body}</tbody></table>"


def picture(pixels: NDArray[np.uint8], alt: str, scale: int = 1) -> str:
    """An image of gray or RGB pixels, uint8 (H, W) or (H, W, 3), shown `scale` times as large."""
    size = f"width:{scale * pixels.shape[1]}px;image-rendering:pixelated"
    return f'<img alt="{escape(alt, quote=True)}" style="{size}" src="{_png_uri(pixels)}">'


def _png_uri(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def boxed_picture(gray: NDArray[np.uint8], size: tuple[int, int], boxes: Sequence[tuple[str, Box]]) -> str:
    """A picture, uint8 (h, w), with labeled boxes in the pixels of `size` (width, height)."""
    width, height = size
    line, font = max(width / 240, 0.5), max(width / 22, 5)
    shapes = [
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="none" stroke="#c81e1e" stroke-width="{line:.1f}"/>'
        f'<text x="{x}" y="{max(y - line, font)}" font-size="{font:.1f}" fill="#c81e1e">{escape(label)}</text>'
        for label, (x, y, w, h) in boxes
    ]
    image = f'<image href="{_png_uri(gray)}" width="{width}" height="{height}" preserveAspectRatio="none"/>'
    shown = min(MAX_WIDTH, max(width, MIN_WIDTH))
    return f'<svg viewBox="0 0 {width} {height}" width="{shown}">{image}{"".join(shapes)}</svg>'


def strip(images: Images, gap: int = 2) -> NDArray[np.uint8]:
    """Images side by side, uint8 (28, W)."""
    return np.concatenate([np.pad(image, ((0, 0), (0, gap))) for image in images], axis=1)


def dataset_html(images: Images, labels: Labels | None, source: str) -> str:
    """The first images, of each digit if there are labels, and the counts."""
    title = paragraph(f"{source}: {len(images):,} {'sample' if len(images) == 1 else 'samples'}")
    if labels is None or not len(images):
        shown = images[:SHOWN_UNLABELED]
        return title + (picture(strip(shown), f"the first {len(shown)} images") if len(shown) else "")
    rows = []
    for digit in range(CLASSES):
        of_digit = images[labels == digit]
        if len(of_digit):
            image = picture(strip(of_digit[:SHOWN_PER_DIGIT]), f"samples of {digit}")
            rows.append(f"<tr><td>{digit}</td><td>{len(of_digit):,}</td><td>{image}</td></tr>")
    head = "<tr><th>digit</th><th>samples</th><th></th></tr>"
    return f"{title}<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
