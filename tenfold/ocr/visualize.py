"""Annotated pictures: boxes and values, and below them the 28x28 images that the model saw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from tenfold.errors import TenfoldError
from tenfold.files import atomic_write, validate_output_path
from tenfold.ocr.batch import FileResult
from tenfold.ocr.pages import open_page
from tenfold.ocr.reading import Reading

MIN_SIDE, MAX_SIDE = 480, 1600  # pixels of the annotated picture's longer side
THUMBNAIL_SIDE = 84  # pixels of a 28x28 image
INK, PAPER = (200, 30, 30), (255, 255, 255)
PNG = b"\x89PNG\r\n\x1a\n"


def output_paths(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """The path of each annotated picture: `out`, or in the folder `out` if it is one or there are several pictures.

    Pictures keep their names, with numbers from 2 on if these are equal. Raises TenfoldError for a path that can't be
    written or must not be replaced: that of a picture to read, and any file that is not a PNG.
    """
    if len(files) == 1 and not out.is_dir():
        paths = {files[0]: out}
    elif out.exists() and not out.is_dir():
        raise TenfoldError(f"{out}: this is a file; annotating {len(files):,} pictures takes a folder")
    else:
        names = _names(files)
        paths = {file: out / name for file, name in zip(files, names, strict=True)}
    read = {file.resolve() for file in files}
    for path in paths.values():
        if validate_output_path(path).resolve() in read:
            raise TenfoldError(f"{path}: this picture is an input, so it is not replaced; choose another path")
        if path.exists() and not _is_png(path):
            raise TenfoldError(f"{path}: this file is not a PNG, so it is not replaced; choose another path")
    return paths


def _names(files: Sequence[Path]) -> list[str]:
    names: dict[str, None] = {}
    for file in files:
        numbered = (f"{file.stem}-{number}.png" for number in count(2))
        name = f"{file.stem}.png"
        while name in names:
            name = next(numbered)
        names[name] = None
    return list(names)


def _is_png(path: Path) -> bool:
    """Whether this is a PNG, or an empty file, which has nothing to lose."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(PNG)) in (b"", PNG)


def write_annotated(result: FileResult, path: Path) -> None:
    """Write the first model's reading as PNG."""
    picture = annotate(result.file, next(iter(result.readings.values())), result.page or 1)
    with atomic_write(path) as temporary:
        picture.save(temporary, "PNG")


def annotate(file: Path, reading: Reading, page_number: int = 1) -> Image.Image:
    """The picture in a file, or on a page of it, with its reading drawn in."""
    with open_page(file, page_number) as image:
        picture = _composite_on_white(ImageOps.exif_transpose(image))
    factor = min(max(1.0, MIN_SIDE / max(picture.size)), MAX_SIDE / max(picture.size))
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    smooth = Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.NEAREST
    columns = max(1, max(size[0], MIN_SIDE) // (THUMBNAIL_SIDE + 8))
    lines = -(-len(reading.digits) // columns)
    page = Image.new("RGB", (max(size[0], MIN_SIDE), size[1] + lines * (THUMBNAIL_SIDE + 32)), PAPER)
    page.paste(picture.resize(size, smooth), (0, 0))
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(16)
    for number, digit in enumerate(reading.digits):
        x, y, width, height = (value * factor for value in digit.box)
        pen.rectangle((x, y, x + width, y + height), outline=INK, width=2)
        pen.text((x + 3, y + 1), str(digit.value), INK, font)
        left, top = number % columns * (THUMBNAIL_SIDE + 8), size[1] + number // columns * (THUMBNAIL_SIDE + 32) + 8
        thumbnail = Image.fromarray(np.kron(digit.image, np.ones((3, 3), np.uint8)))
        page.paste(thumbnail.convert("RGB"), (left, top))
        pen.text((left, top + THUMBNAIL_SIDE + 1), f"{digit.value}  {100 * digit.confidence:.1f} %", (0, 0, 0), font)
    return page


def _composite_on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        return Image.fromarray((values * (255 / max(float(values.max()), 1))).clip(0, 255).astype(np.uint8)).convert(
            "RGB"
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
