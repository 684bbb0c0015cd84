"""The picture with what was read in it: boxes, values, and beside them the 28x28 that the network saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from tenfold.files import replacing
from tenfold.vision.batch import Read
from tenfold.vision.reading import Reading

SMALLEST, LARGEST = 480, 1600  # sides of the picture as it is shown
SEEN = 84  # side of a shown 28x28
INK, PAPER = (200, 30, 30), (255, 255, 255)


def write_shown(answer: Read, out: Path, alone: bool) -> None:
    """Write the first model's reading as PNG to `out`, or into the folder `out` where there are several pictures."""
    path = out if alone and not out.is_dir() else out / f"{answer.file.stem}.png"
    shown = drawn(answer.file, next(iter(answer.readings.values())))
    with replacing(path) as beside:
        shown.save(beside, "PNG")


def drawn(file: Path, reading: Reading) -> Image.Image:
    with Image.open(file) as image:
        picture = _on_white(ImageOps.exif_transpose(image))
    factor = min(max(1.0, SMALLEST / max(picture.size)), LARGEST / max(picture.size))
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    smooth = Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.NEAREST
    columns = max(1, max(size[0], SMALLEST) // (SEEN + 8))
    lines = -(-len(reading.digits) // columns)
    page = Image.new("RGB", (max(size[0], SMALLEST), size[1] + lines * (SEEN + 32)), PAPER)
    page.paste(picture.resize(size, smooth), (0, 0))
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(16)
    for number, digit in enumerate(reading.digits):
        x, y, width, height = (value * factor for value in digit.box)
        pen.rectangle((x, y, x + width, y + height), outline=INK, width=2)
        pen.text((x + 3, y + 1), str(digit.value), INK, font)
        left, top = number % columns * (SEEN + 8), size[1] + number // columns * (SEEN + 32) + 8
        seen = Image.fromarray(np.kron(digit.frame, np.ones((3, 3), np.uint8)))
        page.paste(seen.convert("RGB"), (left, top))
        pen.text((left, top + SEEN + 1), f"{digit.value}  {100 * digit.confidence:.1f} %", (0, 0, 0), font)
    return page


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        return Image.fromarray((values * (255 / max(float(values.max()), 1))).clip(0, 255).astype(np.uint8)).convert(
            "RGB"
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    drawn = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
