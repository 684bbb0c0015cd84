"""Images in any of the usual layouts, ranges and sizes become uint8 (N, 28, 28)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import is_black_on_white
from tenfold.images import SIDE, Images
from tenfold.pixels import Notes, to_levels


def to_images(values: NDArray[Any], file: str, is_transposed: bool = False) -> tuple[Images, Notes]:
    """Images uint8 (N, 28, 28), and what was changed.

    values: as for `pixels.to_levels`; images of 8x8, 16x16 or 32x32 pixels are framed to 28x28. is_transposed: rows and
    columns are exchanged, as in EMNIST's files.

    Raises DataError.
    """
    images, notes = to_levels(values, file)
    if is_transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
        notes += ("EMNIST's images lie on their side: rows and columns were exchanged.",)
    images, size_notes = _resize(images)
    return images, notes + size_notes


def _resize(images: NDArray[np.uint8]) -> tuple[Images, Notes]:
    side = images.shape[1]
    if side == SIDE:
        return images, ()
    if side > SIDE:
        margin = (side - SIDE) // 2
        inner = images[:, margin:-margin, margin:-margin]
        if np.count_nonzero(inner) == np.count_nonzero(images):
            return np.ascontiguousarray(inner), (
                f"Images have {side}x{side} pixels with an empty margin: cut to 28x28.",
            )
    from tenfold.ocr.framing import frame, upscale

    notes: Notes = (f"Images have {side}x{side} pixels: framed to 28x28, as MNIST's digits are.",)
    if is_black_on_white(images):
        images, notes = 255 - images, (*notes, "Images are black on white: inverted to white on black.")
    return np.stack([frame(upscale(image)) for image in images]), notes
