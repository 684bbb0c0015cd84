"""Load a picture: a path, bytes, PIL image or array becomes gray, in upright orientation, and not too large."""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tenfold.errors import DataError, UnavailableError, shorten
from tenfold.ocr.reading import Thumbnail
from tenfold.sniff import HEAD_BYTES, foreign, identify, is_address

MAX_PATH_BYTES, MAX_NAME_BYTES = 4096, 255  # of a path and of each of its parts
MAX_PIXELS = 50_000_000
THUMBNAIL_SIDE = 480  # pixels of the longer side, as notebooks show it
WORKING_SIDE = 2000  # reading looks at no more: small writing on a page photo keeps 25 pixels of height
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF")
SUFFIXES = {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
SUFFIXES |= {".avif", ".heic", ".heif", ".pdf", ".svg"}  # an SVG is listed, and refused
EXPECTED = "expected a PNG, JPEG, BMP, GIF, WebP, TIFF or PNM picture"

Source = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture ready to be read.

    gray: uint8 (H, W), at most WORKING_SIDE a side. size: width and height of the upright picture that was given.
    is_unmodified: whether these are the given pixels: gray, neither resized nor composited. left, top: where it begins
    in the given picture, of which it may be a part. turns: by how many quarters it was turned clockwise. If it was,
    size, left and top are those of the turned picture, whose whole size is turned_size.
    """

    gray: NDArray[np.uint8]
    size: tuple[int, int]
    name: str
    is_unmodified: bool = True
    left: int = 0
    top: int = 0
    turns: int = 0
    turned_size: tuple[int, int] = (0, 0)

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the given picture to one of `gray`, across and down."""
        height, width = self.gray.shape
        return self.size[0] / width, self.size[1] / height

    def source_box(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """x, y, width and height in `gray` -> in the given picture, rounded outwards."""
        (across, down), (x, y, width, height) = self.scale, box
        left, top = int(x * across), int(y * down)
        right = min(int(np.ceil((x + width) * across)), self.size[0])
        bottom = min(int(np.ceil((y + height) * down)), self.size[1])
        return self._turn_back(left + self.left, top + self.top, right - left, bottom - top)

    def _turn_back(self, left: int, top: int, width: int, height: int) -> tuple[int, int, int, int]:
        """A box in the turned picture -> in the given one."""
        frame_width, frame_height = self.turned_size
        for _ in range(self.turns):
            left, top, width, height = top, frame_width - left - width, height, width
            frame_width, frame_height = frame_height, frame_width
        return left, top, width, height

    def turned(self, turns: int) -> Picture:
        """The picture turned clockwise by quarters; boxes in it still are those of the given picture."""
        if not turns:
            return self
        size = self.size[::-1] if turns % 2 else self.size
        gray = np.ascontiguousarray(np.rot90(self.gray, -turns))
        return replace(self, gray=gray, size=size, is_unmodified=False, turns=turns, turned_size=size)

    def thumbnail(self) -> Thumbnail:
        """The picture, small enough to be kept with its reading."""
        height, width = self.gray.shape
        factor = THUMBNAIL_SIDE / max(height, width)
        if factor >= 1:
            return Thumbnail(self.gray, self.size)
        side = max(1, round(width * factor)), max(1, round(height * factor))
        small = cv2.resize(self.gray, side, interpolation=cv2.INTER_AREA)
        return Thumbnail(small.astype(np.uint8, copy=False), self.size)

    def part(self, gray: NDArray[np.uint8], left: int, top: int) -> Picture:
        """A part of it, whose pixels are `gray`, from column `left` and row `top` of its own on."""
        (height, width), (across, down) = gray.shape, self.scale
        size = max(1, round(width * across)), max(1, round(height * down))
        left, top = self.left + int(left * across), self.top + int(top * down)
        return replace(self, gray=gray, size=size, is_unmodified=False, left=left, top=top)


class IgnoreWarnings:
    """A context in which warnings are ignored, for any number of threads.

    `warnings.catch_warnings` alone restores what it found: of two threads the one that leaves last may restore the
    other's filters, for good.
    """

    def __init__(self) -> None:
        self._lock, self._threads, self._caught = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._threads == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._threads += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._threads -= 1
            if self._threads == 0:
                self._caught.__exit__(None, None, None)


IGNORE_WARNINGS = IgnoreWarnings()


def load_image(source: Source) -> Picture:
    """Open `source`: a path, a file's bytes, a PIL image, or an array uint8 (H, W), (H, W, 3) or (H, W, 4).

    The EXIF orientation is applied, transparency laid on a background that contrasts with its ink, 16 bits become 8.
    Raises DataError for what is not a single picture of 1 to MAX_PIXELS pixels, UnavailableError for a missing file.
    """
    if isinstance(source, Image.Image):
        return _from_image(source, "the picture")
    if isinstance(source, np.ndarray):
        return _from_array(np.asarray(source))  # also of np.matrix, whose rows never become vectors
    if isinstance(source, bytes | bytearray | memoryview):
        content, name = bytes(source), "the picture"
    elif isinstance(source, str | os.PathLike):
        content, name = read_bytes(Path(source)), str(source)
    else:
        raise DataError(f"{type(source).__name__} is no picture; expected a path, bytes, a PIL image or a uint8 array")
    return _from_bytes(content, name)


def _check_address(name: str) -> None:
    """Raise UnavailableError for a web address or a data URL."""
    address = is_address(name)
    if address and not (is_file_name(name) and Path(name).exists()):
        given = re.sub(r"^([\w+.-]+:)/(?!/)", r"\1//", name)  # a path has one slash there
        raise UnavailableError(f"{shorten(given, 60)}: is {address}")


def is_file_name(name: str) -> bool:
    """Whether a name is short enough for the file system, which may raise OSError for others."""
    return len(os.fsencode(name)) < MAX_PATH_BYTES and all(
        len(os.fsencode(part)) <= MAX_NAME_BYTES for part in Path(name).parts
    )


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises UnavailableError, also for an address, and DataError."""
    _check_address(str(path))
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UnavailableError(f"{shorten(path)}: there is no such file") from None
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror or error}", file=path) from None
    except ValueError as error:  # a name with a null byte
        raise DataError(f"can't be read: {error}", file=path) from None


def _from_bytes(content: bytes, name: str) -> Picture:
    if not content:
        raise DataError(f"is empty; {EXPECTED}", file=name)
    try:
        with IGNORE_WARNINGS:  # of harmless damage, and of bombs, since the limit here is lower
            image = open_image(content, name)
    except Image.DecompressionBombError:
        raise DataError(f"has more than {MAX_PIXELS:,} pixels, which is the most that is read", file=name) from None
    except UnidentifiedImageError:
        raise DataError(_describe(content), file=name) from None
    except (OSError, SyntaxError, ValueError, TypeError, OverflowError, EOFError) as error:
        raise DataError(f"is damaged ({_reason(error)}); {EXPECTED}", file=name) from None
    with image:
        return _from_image(image, name, is_own=True)


def _describe(content: bytes) -> str:
    """What is wrong with a file that Pillow does not open."""
    kind = identify(content[:HEAD_BYTES])
    if kind is not None and kind.title.endswith(("picture", "photo")):
        return f"is cut short or damaged, although it begins as {kind.title}; {EXPECTED}"
    problem = foreign(content[:HEAD_BYTES], EXPECTED)
    return problem or f"is no picture that can be read, whatever its name; {EXPECTED}"


def open_image(content: bytes, name: str) -> Image.Image:
    """Open a picture with Pillow, or a HEIC photo with pillow-heif. Raises UnavailableError, and what Pillow raises."""
    kind = identify(content[:HEAD_BYTES])
    if kind is None or kind.name != "heic":
        return Image.open(io.BytesIO(content), formats=FORMATS)
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise UnavailableError(
            f"{shorten(name)}: a HEIC photo needs the package pillow-heif; install it with: "
            "pip install 'tenfold[pictures]', or export the photo as JPEG"
        ) from None
    photo: Image.Image = pillow_heif.open_heif(io.BytesIO(content)).to_pillow()
    return photo


def _from_image(image: Image.Image, name: str, is_own: bool = False) -> Picture:
    """is_own: nobody else has this image, so that it may be changed."""
    width, height = image.size
    if width * height == 0:
        raise DataError("has no pixels", file=name)
    if width * height > MAX_PIXELS:
        raise DataError(f"has {width * height:,} pixels ({width}x{height}); at most {MAX_PIXELS:,} are read", file=name)
    try:
        # MPO is how phones keep a preview or a depth map beside a photo: its first picture is the photo.
        with IGNORE_WARNINGS:
            has_more = image.format != "MPO" and _has_more(image)
        if has_more:
            raise DataError("holds several pictures (an animation or pages); expected a single one", file=name)
        if is_own and max(width, height) > WORKING_SIDE:  # a JPEG can be decoded at a half or a quarter
            image.draft("RGB", _working_size(width, height))
        is_downscaled = image.size != (width, height)
        with IGNORE_WARNINGS:
            turn = image.getexif().get(0x0112, 1)
            gray, is_unmodified = _gray(image if turn == 1 else ImageOps.exif_transpose(image))
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, TypeError, ArithmeticError, EOFError, IndexError, KeyError) as error:
        raise DataError(f"is cut short or damaged ({_reason(error)})", file=name) from None
    size = (height, width) if turn in (5, 6, 7, 8) else (width, height)
    return Picture(_downscale(gray), size, name, is_unmodified and not is_downscaled)


def _has_more(image: Image.Image) -> bool:
    """Whether another picture follows the first; to count them takes seconds for a TIFF of thousands."""
    position = image.tell()
    try:
        image.seek(1)
    except EOFError:
        return False
    image.seek(position)
    return True


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:150]


def _from_array(array: NDArray[np.uint8]) -> Picture:
    name = "the array"
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise DataError(f"expected uint8 (H, W), (H, W, 3) or (H, W, 4), got {array.dtype} {array.shape}", file=name)
    if array.size == 0:
        raise DataError("has no pixels", file=name)
    height, width = array.shape[:2]
    if width * height > MAX_PIXELS:
        raise DataError(f"has {width * height:,} pixels ({width}x{height}); at most {MAX_PIXELS:,} are read", file=name)
    if array.ndim == 2:
        return Picture(_downscale(array), (width, height), name)
    gray, is_unmodified = _gray(Image.fromarray(array))
    return Picture(_downscale(gray), (width, height), name, is_unmodified)


def _gray(image: Image.Image) -> tuple[NDArray[np.uint8], bool]:
    """Any PIL image as uint8 (H, W), and whether it was just that before."""
    if image.mode in ("L", "1") and not image.has_transparency_data:
        return np.asarray(image.convert("L")), True
    if image.mode.startswith("I") or image.mode == "F":
        deep = np.asarray(image)
        deep = _downscale(deep if deep.dtype == np.uint16 else np.nan_to_num(deep.astype(np.float32)))
        # Cameras and scanners fill 8 to 16 bits; floating point goes from 0 to 1 or as far as these.
        depths = [1] * (image.mode == "F") + [2**bits - 1 for bits in range(8, 16, 2)] + [65535]
        white = next((depth for depth in depths if deep.max() <= depth), 65535)
        return np.round(deep.clip(0, white) * (255 / white)).astype(np.uint8), False
    if image.has_transparency_data:
        image = _composite(image if image.mode == "RGBA" else image.convert("RGBA"))
    return _one_channel(image if image.mode in ("RGB", "RGBA") else image.convert("RGB")), False


def _composite(image: Image.Image) -> Image.Image:
    """Lay an RGBA image on white, or on black where what is drawn is light itself; an opaque one stays as it is.

    A large one is made smaller before: in floating point it would take a gigabyte.
    """
    if max(image.size) > WORKING_SIDE:
        image = image.resize(_working_size(*image.size), Image.Resampling.BOX)
    if np.asarray(image.getchannel("A")).min() == 255:
        return image
    rgba = np.asarray(image)
    alpha = rgba[..., 3:].astype(np.float32) / 255
    drawn = float((rgba[..., :3].mean(axis=2, keepdims=True) * alpha).sum() / max(float(alpha.sum()), 1e-6))
    # A mostly opaque picture has a background of its own; transparent holes in it become white.
    background = 0 if drawn > 127 and alpha.mean() < 0.6 else 255
    return Image.fromarray(np.round(rgba[..., :3] * alpha + background * (1 - alpha)).astype(np.uint8))


def _one_channel(image: Image.Image) -> NDArray[np.uint8]:
    """RGB, or opaque RGBA, as uint8 (H, W): luminance, or the color that shows much more (yellow on white)."""
    small = np.asarray(_subsample(image))
    luminance = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY if small.shape[2] == 3 else cv2.COLOR_RGBA2GRAY)
    contrasts = [*_contrasts(luminance), *_contrasts(small)[:3]]
    best = int(np.argmax(contrasts))
    channel = image.convert("L") if best == 0 or contrasts[best] < 2 * contrasts[0] + 2 else image.getchannel(best - 1)
    return np.asarray(channel)


def _subsample(image: Image.Image) -> Image.Image:
    """Some 64 pixels a side of it, as they are.

    From a grid that slants by as much as its lines are apart, so that no row and no column is left out: a stroke may be
    a pixel thin.
    """
    step = max(image.size) // 64
    if step < 2 or min(image.size) < 3 * step:
        return image
    across, down = image.width // step - 1, image.height // step - 1
    grid = (step, step / down, 0, step / across, step, 0)
    return image.transform((across, down), Image.Transform.AFFINE, grid, Image.Resampling.NEAREST)


def _contrasts(picture: NDArray[Any]) -> list[float]:
    """The standard deviation of each channel of uint8 (H, W) or (H, W, C)."""
    return [float(deviation) for deviation in cv2.meanStdDev(picture)[1].ravel()]


def _downscale(gray: NDArray[Any]) -> NDArray[Any]:
    """(H, W), of any type, at most WORKING_SIDE a side."""
    height, width = gray.shape
    if max(height, width) <= WORKING_SIDE:
        return gray
    return cv2.resize(gray, _working_size(width, height), interpolation=cv2.INTER_AREA)


def _working_size(width: int, height: int) -> tuple[int, int]:
    factor = WORKING_SIDE / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))
