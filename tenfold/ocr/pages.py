"""Files that hold more than one picture: each page of a TIFF or a PDF, and the first frame of an animation."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tenfold.errors import DataError, UnavailableError, shorten
from tenfold.ocr.image import FORMATS, MAX_PIXELS, WORKING_SIDE, Picture, load_image, open_image, read_bytes
from tenfold.sniff import HEAD_BYTES, identify

MAX_PAGES = 100  # of one file
DOTS_PER_INCH = 200  # that a PDF is rendered with
POINTS_PER_INCH = 72


class Page(NamedTuple):
    """number: of the page, from 1; None in a file of one picture. note: what was left out, or nothing."""

    picture: Picture
    number: int | None = None
    note: str = ""


def load_pages(source: Path | bytes, name: str) -> Iterator[Page]:
    """Load the pictures in a file, one after the other.

    name: of the file, for errors. Raises DataError, UnavailableError; pages before a damaged one have been given.
    """
    content = read_bytes(source) if isinstance(source, Path) else source
    kind = identify(content[:HEAD_BYTES])
    if is_pdf(content):
        yield from _pdf_pages(content, name)
    elif kind is not None and kind.name in ("tiff", "gif", "webp", "png"):
        yield from _frames(content, source, name)
    else:
        yield Page(load_image(source))


def _frames(content: bytes, source: Path | bytes, name: str) -> Iterator[Page]:
    """The pages of a TIFF; the first frame of an animation."""
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        has_more = _seek(image, 1)
    except (OSError, SyntaxError, ValueError, TypeError, OverflowError, Image.DecompressionBombError):
        has_more = False  # load_image says what is wrong with it
    if not has_more:
        yield Page(load_image(source))
        return
    if image.format != "TIFF":
        yield Page(_frame(image, 0, name), None, "is an animation: its first frame was read")
        return
    number = 0
    while number < MAX_PAGES and _seek(image, number):
        number += 1
        yield Page(_frame(image, number - 1, f"{name}, page {number}"), number, _note_on_more(image, number))


def _note_on_more(image: Image.Image, number: int) -> str:
    return (
        f"has more than {MAX_PAGES} pages: the rest was left out"
        if number == MAX_PAGES and _seek(image, number)
        else ""
    )


def _seek(image: Image.Image, index: int) -> bool:
    """Go to a frame; False if there is none."""
    try:
        image.seek(index)
    except (EOFError, OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        return False
    return True


def _frame(image: Image.Image, index: int, name: str) -> Picture:
    _seek(image, index)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DataError(f"has {width * height:,} pixels ({width}x{height}); at most {MAX_PIXELS:,} are read", file=name)
    try:
        frame = image.copy()
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, KeyError, OverflowError) as error:
        raise DataError(f"is cut short or damaged ({shorten(error, 80)})", file=name) from None
    return load_image(frame)


def open_page(file: Path, number: int) -> Image.Image:
    """The picture on a page that `load_pages` has read, as it is in the file."""
    content = file.read_bytes()
    if is_pdf(content):
        return next(image for index, image in enumerate(_rendered_pages(content, str(file)), 1) if index == number)
    image = open_image(content, str(file))
    _seek(image, number - 1)
    return image


def is_pdf(content: bytes) -> bool:
    kind = identify(content[:HEAD_BYTES])
    return kind is not None and kind.name == "pdf"


def _rendered_pages(content: bytes, name: str) -> Iterator[Image.Image]:
    try:
        import pypdfium2
    except ModuleNotFoundError:
        raise UnavailableError(
            f"{shorten(name)}: a PDF needs the package pypdfium2; install it with: pip install 'tenfold[pictures]'"
        ) from None
    try:
        document = pypdfium2.PdfDocument(content)
        count = len(document)
    except pypdfium2.PdfiumError as error:
        raise DataError(f"is a damaged or encrypted PDF ({shorten(error, 80)})", file=name) from None
    with document:
        for index in range(min(count, MAX_PAGES + 1)):
            try:
                page = document[index]
                scale = min(DOTS_PER_INCH / POINTS_PER_INCH, WORKING_SIDE / max(page.get_size()))
                rendered = page.render(scale=scale, grayscale=True).to_pil()
            except (pypdfium2.PdfiumError, ValueError, ZeroDivisionError, MemoryError) as error:
                raise DataError(f"can't be rendered ({shorten(error, 80)})", file=f"{name}, page {index + 1}") from None
            yield rendered


def _pdf_pages(content: bytes, name: str) -> Iterator[Page]:
    rendered = _rendered_pages(content, name)
    image: Image.Image | None = next(rendered, None)
    number = 0
    while image is not None and number < MAX_PAGES:
        number += 1
        following = next(rendered, None)
        is_only = number == 1 and following is None
        note = f"has more than {MAX_PAGES} pages: the rest was left out" if number == MAX_PAGES and following else ""
        yield Page(load_image(image), None if is_only else number, note)
        image = following
