"""The picture with what was read in it: boxes, values, and beside them the 28x28 that the network saw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from tenfold.errors import TenfoldError
from tenfold.files import atomic_write, validate_output_path
from tenfold.ocr.batch import Read
from tenfold.ocr.reading import Reading

SMALLEST, LARGEST = 480, 1600  # sides of the picture as it is shown
SEEN = 84  # side of a shown 28x28
INK, PAPER = (200, 30, 30), (255, 255, 255)
PNG = b"\x89PNG\r\n\x1a\n"


def output_paths(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where each picture is to be shown: at `out`, or in the folder `out` where it is one or the pictures are several.

    There it has its own name, numbered from 2 on where pictures are called alike. Raises TenfoldError for what can't be
    made and for what must not be replaced: a picture that is to be read, and any file that is no PNG.
    """
    if len(files) == 1 and not out.is_dir():
        shown = {files[0]: out}
    elif out.exists() and not out.is_dir():
        raise TenfoldError(f"{out}: to show {len(files):,} pictures takes a folder, and this is a file")
    else:
        names = _names(files)
        shown = {file: out / name for file, name in zip(files, names, strict=True)}
    read = {file.resolve() for file in files}
    for path in shown.values():
        if validate_output_path(path).resolve() in read:
            raise TenfoldError(f"{path}: this picture is to be read, so it is not replaced; show it elsewhere")
        if path.exists() and not _is_png(path):
            raise TenfoldError(f"{path}: what is there is no PNG, so it is not replaced; show the picture elsewhere")
    return shown


def _names(files: Sequence[Path]) -> list[str]:
    names: dict[str, None] = {}
    for file in files:
        others = (f"{file.stem}-{number}.png" for number in count(2))
        name = f"{file.stem}.png"
        while name in names:
            name = next(others)
        names[name] = None
    return list(names)


def _is_png(path: Path) -> bool:
    """Whether there is a PNG, or an empty file, which holds nothing to lose."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(PNG)) in (b"", PNG)


def write_shown(answer: Read, path: Path) -> None:
    """Write the first model's reading as PNG."""
    shown = drawn(answer.file, next(iter(answer.readings.values())))
    with atomic_write(path) as beside:
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
        seen = Image.fromarray(np.kron(digit.image, np.ones((3, 3), np.uint8)))
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
