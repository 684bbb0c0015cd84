"""Files of several pictures, and formats that need a package."""

import builtins
import io

import numpy as np
import pytest
from PIL import Image, features

from tenfold.data.load import load_data
from tenfold.errors import DataError, TenfoldError, UnavailableError
from tenfold.ocr import pages
from tenfold.ocr.image import load_image
from tenfold.ocr.pages import load_pages


def stroke(shift=0):
    """A black T on white."""
    paper = np.full((120, 90), 255, np.uint8)
    paper[20:32, 15:75] = paper[20:100, 40 + shift : 52 + shift] = 0
    return Image.fromarray(paper)


def save(path, *images, **options):
    images[0].save(path, append_images=images[1:], save_all=len(images) > 1, **options)
    return path


def loaded(path):
    return list(load_pages(path, path.name))


def assert_stroke(picture, shift=0):
    """The picture shows the stroke, whatever its resolution."""
    small = np.asarray(Image.fromarray(picture.gray).resize((90, 120)), int)
    assert abs(small - np.asarray(stroke(shift), int)).mean() < 12


def test_picture_is_one_page(tmp_path):
    (page,) = loaded(save(tmp_path / "a.png", stroke()))
    assert (page.number, page.note) == (None, "")
    np.testing.assert_array_equal(page.picture.gray, np.asarray(stroke()))


@pytest.mark.parametrize("suffix", ["tiff", "pdf"])
def test_each_page_is_loaded(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}", stroke(), stroke(10), stroke(-10))
    found = loaded(path)
    assert [page.number for page in found] == [1, 2, 3]
    for page, shift in zip(found, (0, 10, -10), strict=True):
        assert_stroke(page.picture, shift)


@pytest.mark.parametrize("suffix", ["tiff", "pdf"])
def test_pages_above_the_limit_are_noted(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(pages, "MAX_PAGES", 2)
    found = loaded(save(tmp_path / f"a.{suffix}", stroke(), stroke(), stroke()))
    assert len(found) == 2
    assert any("pages" in page.note for page in found)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_an_animation_is_loaded(tmp_path, suffix):
    (page,) = loaded(save(tmp_path / f"a.{suffix}", stroke(), stroke(20), stroke(-20), duration=50))
    assert_stroke(page.picture)
    assert page.note == "is an animation: its first frame was read"


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(stroke().convert("RGB")).save(tmp_path / "a.heic")
    assert_stroke(load_image(tmp_path / "a.heic"))
    assert_stroke(load_image((tmp_path / "a.heic").read_bytes()))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif(tmp_path):
    assert_stroke(load_image(save(tmp_path / "a.avif", stroke().convert("RGB"))))


@pytest.mark.parametrize(("package", "name"), [("pillow_heif", "a.heic"), ("pypdfium2", "a.pdf")])
def test_missing_package_is_named(tmp_path, monkeypatch, package, name):
    import_module = builtins.__import__

    def without(module, *args, **kwargs):
        if module == package:
            raise ModuleNotFoundError(name=module)
        return import_module(module, *args, **kwargs)

    if name == "a.pdf":
        save(tmp_path / name, stroke())
    else:
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnavailableError, match=r"pip install 'tenfold\[pictures\]'"):
        loaded(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing; export it as PNG"),
        (b"<!DOCTYPE html><title>404</title>", "is a web page; download the file itself again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer"),
        (b"\x93NUMPY\1\0", "is a NumPy array (.npy); expected a PNG"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "is damaged"),
        (b"%PDF-1.7\nnothing", "is a damaged or encrypted PDF"),
        (b"curl: (22) The requested URL returned error: 403\n", "is the message of a program that failed"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, content, problem):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError) as caught:
        loaded(tmp_path / "a.png")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("https://example.com/7.png", "https://example.com/7.png: is a web address, which is not fetched"),
        ("data:image/png;base64," + "iVBORw0KGgo" * 3000, "is a data URL; save the picture"),
        ("x" * 5000, "can't be read"),
    ],
)
def test_addresses_and_endless_names(name, problem):
    for load in (load_image, load_data):
        with pytest.raises(TenfoldError) as caught:
            load(name)
        assert len(str(caught.value)) < 300
        assert problem in str(caught.value) or load is load_data


def test_damaged_page_comes_after_the_good_ones(tmp_path):
    content = save(tmp_path / "a.tif", stroke(), stroke()).read_bytes()
    found = []
    with pytest.raises(DataError, match="damaged"):
        found.extend(load_pages(content[: len(content) - 9000], "a.tif"))
    assert len(found) <= 1


def test_pages_of_a_digit_are_samples(tmp_path):
    (tmp_path / "d" / "7").mkdir(parents=True)
    save(tmp_path / "d" / "7" / "scans.tif", stroke(), stroke(10))
    save(tmp_path / "d" / "7" / "a.gif", stroke(), stroke(10), duration=50)
    (tmp_path / "d" / "7" / "b.svg").write_text("<svg/>")
    source = load_data(tmp_path / "d")
    assert source.train.labels.tolist() == [7, 7, 7]
    notes = " ".join(source.notes)
    assert "1 file is an animation or has too many pages: only the first were read." in notes
    assert "Skipped 1 of 4 pictures that can't be read: " in notes
    assert "b.svg: is an SVG drawing; export it as PNG" in notes


def test_bytes_are_loaded_as_files_are(tmp_path):
    out = io.BytesIO()
    stroke().save(out, "tiff", save_all=True, append_images=[stroke(5)])
    assert len(list(load_pages(out.getvalue(), "scan"))) == 2
