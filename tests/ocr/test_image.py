"""Whatever people call a picture comes out gray, upright and small enough, or is refused with one sentence."""

import concurrent.futures
import io
import threading
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from tenfold.errors import DataError, UnavailableError
from tenfold.ocr import image as picture
from tenfold.ocr.image import IGNORE_WARNINGS, load_image

RNG = np.random.default_rng(7)
GRAY = RNG.integers(0, 256, (30, 40)).astype(np.uint8)


def encoded(image, kind="png", **options):
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **options)
    return out.getvalue()


def load_error(source):
    with pytest.raises(DataError) as caught:
        load_image(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_load_image_from_path_bytes_image_and_array(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(GRAY))
    for source in (path, str(path), path.read_bytes(), Image.fromarray(GRAY), GRAY):
        opened = load_image(source)
        np.testing.assert_array_equal(opened.gray, GRAY)
        assert opened.size == (40, 30)
        assert opened.scale == (1, 1)
        assert opened.is_unmodified


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(GRAY).convert("RGB"),
        Image.fromarray(GRAY.astype(np.uint16) * 257),
        Image.fromarray(GRAY.astype(np.int32) * 257),
        Image.fromarray((GRAY / 255).astype(np.float32)),
        Image.fromarray(GRAY.astype(np.float32)),
        Image.merge("RGBA", [*[Image.fromarray(GRAY)] * 3, Image.new("L", (40, 30), 255)]),
    ],
    ids=["RGB", "16 bits", "32 bits", "0 to 1", "0 to 255", "opaque"],
)
def test_load_image_modes(image):
    opened = load_image(image)
    assert abs(opened.gray.astype(int) - GRAY).max() <= 1
    assert not opened.is_unmodified


def test_load_image_palette_and_one_bit():
    two = np.where(GRAY > 127, 255, 0).astype(np.uint8)
    for image in (Image.fromarray(two).convert("P"), Image.fromarray(two).convert("1")):
        np.testing.assert_array_equal(load_image(encoded(image)).gray, two)


@pytest.mark.parametrize("turn", range(1, 9))
def test_load_image_applies_exif_orientation(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    shown = {
        1: GRAY, 2: GRAY[:, ::-1], 3: GRAY[::-1, ::-1], 4: GRAY[::-1], 5: GRAY.T, 6: np.rot90(GRAY, -1),
        7: GRAY[::-1, ::-1].T, 8: np.rot90(GRAY),
    }[turn]  # fmt: skip
    opened = load_image(encoded(GRAY, exif=exif))
    np.testing.assert_array_equal(opened.gray, shown)
    assert opened.size == shown.shape[::-1]


@pytest.mark.parametrize(("pen", "ground"), [(0, 255), (255, 0), (90, 255), (200, 0)])
def test_load_image_composites_transparency(pen, ground):
    rgba = np.zeros((20, 30, 4), np.uint8)
    rgba[5:15, 10:14] = (pen, pen, pen, 255)
    gray = load_image(rgba).gray
    assert gray[0, 0] == ground
    assert gray[10, 12] == pen
    np.testing.assert_array_equal(load_image(encoded(rgba)).gray, gray)


def test_load_image_picks_contrasting_channel():
    """Yellow on white: 29 levels of luminance, 255 of blue."""
    rgb = np.full((40, 40, 3), 255, np.uint8)
    rgb[10:30, 18:22, 2] = 0
    assert np.ptp(load_image(rgb).gray) == 255


@pytest.mark.parametrize("size", [(280, 280), (600, 300), (1000, 1400)])
@pytest.mark.parametrize("is_upright", [True, False])
def test_load_image_picks_channel_of_thin_strokes(size, is_upright):
    """Pale red on a green that is as light: neither rows nor columns may be left out of what is looked at."""
    for index in range(100, 110):
        rgb = np.full((*size, 3), (200, 255, 200), np.uint8)
        lines = rgb if is_upright else rgb.transpose(1, 0, 2)
        lines[20:-20, index::60] = (255, 231, 200)
        assert np.ptp(load_image(rgb).gray) == 55, "red, of which luminance shows nearly nothing"


def test_load_image_downscales_large_pictures():
    large = np.zeros((300, 5000), np.uint8)
    large[:, 2500:] = 255
    for source in (large, encoded(large), encoded(large, "jpeg")):
        opened = load_image(source)
        assert opened.gray.shape == (120, 2000)
        assert opened.size == (5000, 300)
        assert opened.scale == (2.5, 2.5)
        assert opened.gray[:, :990].max() < 20
        assert opened.gray[:, 1010:].min() > 235
        assert not opened.is_unmodified or isinstance(source, np.ndarray | bytes)


def test_load_image_of_one_pixel():
    assert load_image(np.full((1, 1), 9, np.uint8)).gray.tolist() == [[9]]
    assert load_image(encoded(np.full((1, 1), 9, np.uint8))).gray.tolist() == [[9]]


def test_load_image_pixel_limit(monkeypatch):
    monkeypatch.setattr(picture, "MAX_PIXELS", 1200)
    assert load_image(encoded(GRAY)).size == (40, 30)
    larger = np.zeros((30, 41), np.uint8)
    for source in (larger, encoded(larger), Image.fromarray(larger)):
        assert "has 1,230 pixels (41x30); at most 1,200 are read" in load_error(source)


def bomb(width, height):
    """A PNG that promises many pixels and holds none."""

    def chunk(kind, content):
        return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_072, 10_000, 60_000])
def test_load_image_rejects_decompression_bomb(side):
    assert "50,000,000" in load_error(bomb(side, side))


def test_load_image_rejects_several_frames():
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    for kind in ("gif", "png", "webp", "tiff"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert "holds several pictures (an animation or pages); expected a single one" in load_error(content)


def test_load_image_still_gif():
    np.testing.assert_array_equal(load_image(encoded(GRAY, "gif")).gray, GRAY)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_load_image_truncated_file(kind):
    content = encoded(GRAY, kind)
    for fraction in (0.02, 0.3, 0.6, 0.9):
        message = load_error(content[: max(3, int(fraction * len(content)))])
        assert (
            "is cut short or damaged" in message
            or "is no picture that can be read" in message
            or "is damaged" in message
        )


def test_load_image_rejects_other_files(tmp_path):
    for content in (b"not a picture", b"\x00" * 500):
        (tmp_path / "a.png").write_bytes(content)
        message = load_error(tmp_path / "a.png")
        assert message.startswith(
            f"{tmp_path / 'a.png'}: is no picture that can be read, whatever its name; expected a PNG"
        )
    assert "is damaged" in load_error(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
    assert load_error(b"") == "the picture: is empty; expected a PNG, JPEG, BMP, GIF, WebP, TIFF or PNM picture"


def test_load_image_ignores_suffix(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(GRAY))
    np.testing.assert_array_equal(load_image(tmp_path / "a.jpg").gray, GRAY)


def test_load_image_missing_file(tmp_path):
    with pytest.raises(UnavailableError, match="there is no such file"):
        load_image(tmp_path / "nothing.png")
    assert "can't be read" in load_error(tmp_path)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 4), np.float32), np.zeros(5, np.uint8), np.zeros((3, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)],
)
def test_load_image_rejects_other_arrays(array):
    assert "the array: " in load_error(array)
    assert "list is no picture" in load_error([1, 2])


def test_load_image_every_suffix():
    Image.init()
    by_pillow = picture.SUFFIXES - {".heic", ".heif", ".pdf", ".svg"}
    assert set(Image.EXTENSION) >= by_pillow
    assert {Image.EXTENSION[suffix] for suffix in by_pillow} <= set(picture.FORMATS)


def test_load_image_very_thin_photo():
    for size in ((3000, 1), (1, 5000)):
        assert load_image(encoded(Image.new("L", size, 255), "jpeg")).size == size


def test_load_image_keeps_the_given_image():
    """A JPEG that is decoded at half its size would change under the one who gave it."""
    image = Image.open(io.BytesIO(encoded(Image.new("L", (4800, 2400), 200), "jpeg")))
    assert load_image(image).size == (4800, 2400)
    assert image.size == (4800, 2400)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_load_image_bit_depths(bits):
    deep = np.linspace(0, 2**bits - 1, 600).astype(np.uint16).reshape(20, 30)
    np.testing.assert_allclose(load_image(Image.fromarray(deep)).gray, deep * (255 / (2**bits - 1)), atol=0.51)


@pytest.mark.parametrize("mode", ["RGBA", "I;16"])
def test_load_image_downscales_before_converting(mode):
    """In floating point a picture of 50 megapixels would take over a gigabyte."""
    image = Image.new(mode, (4000, 4000), 100 if mode == "I;16" else (0, 0, 0, 128))
    tracemalloc.start()
    opened = load_image(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert opened.gray.shape == (2000, 2000)
    assert peak < 16e6 * 10, "bytes: what NumPy takes for a large picture; Pillow's own pixels are not counted"


def test_ignore_warnings_in_threads():
    """`warnings.catch_warnings` puts back what it finds, and of two threads one may find the other's silence."""
    png = encoded(Image.fromarray(np.zeros((400, 400), np.uint8)), "PNG")
    before = list(warnings.filters)
    inside = threading.Barrier(8)

    def read(_):
        with IGNORE_WARNINGS:
            inside.wait(20)
        return load_image(png).size

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(80))) == {(400, 400)}
    assert warnings.filters == before


def test_load_image_impossible_name():
    with pytest.raises(DataError, match="null"):
        load_image("a\0b")


def test_load_image_matrix():
    array = np.zeros((30, 40), np.uint8)
    array[10:20, 10:20] = 255
    np.testing.assert_array_equal(load_image(array.view(np.matrix)).gray, load_image(array).gray)
