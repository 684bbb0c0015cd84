import io

import numpy as np
import pytest
from PIL import Image

from tenfold.data.load import load_data
from tenfold.errors import DataError
from tenfold.ocr.framing import frame

RNG = np.random.default_rng(4)


def mnist_like(n=1):
    images = RNG.integers(0, 256, (n, 28, 28)).astype(np.uint8)
    images[:, [0, 1, -1]] = images[:, :, [0, 1, -1]] = 0
    return images


def stroke(size=(120, 90)):
    """A thick white T on black."""
    ink = np.zeros(size, np.uint8)
    ink[20:32, 15:75] = ink[20:100, 40:52] = 255
    return ink


def save(folder, digit, name, pixels, **options):
    subfolder = folder / str(digit)
    subfolder.mkdir(parents=True, exist_ok=True)
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(subfolder / name, **options)


def only(folder):
    source = load_data(folder)
    assert source.test is None
    return source.train.images[0]


def error_of(folder):
    with pytest.raises(DataError) as caught:
        load_data(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_gray_28x28_images_stay_as_they_are(tmp_path):
    images = mnist_like(6)
    labels = [0, 0, 3, 3, 7, 9]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        save(tmp_path, label, f"{number}.png", image)
    source = load_data(tmp_path)
    np.testing.assert_array_equal(source.train.images, images)
    assert source.train.labels.tolist() == labels
    assert source.notes == ()


def test_black_on_white_is_inverted_with_a_note(tmp_path):
    images = mnist_like(3)
    save(tmp_path, 1, "a.png", 255 - images[0])
    save(tmp_path, 1, "b.png", images[1])
    save(tmp_path, 1, "c.png", 255 - images[2])
    source = load_data(tmp_path)
    np.testing.assert_array_equal(source.train.images, images)
    assert source.notes == ("2 of 3 images are black on white: inverted to white on black.",)


@pytest.mark.parametrize(
    "convert",
    [
        lambda ink: Image.fromarray(ink),
        lambda ink: Image.fromarray(255 - ink),
        lambda ink: Image.fromarray(ink).convert("1"),
        lambda ink: Image.fromarray(255 - ink).convert("RGB"),
        lambda ink: Image.fromarray(255 - ink).convert("P"),
        lambda ink: Image.fromarray(ink.astype(np.uint16) * 257),
        lambda ink: Image.merge("LA", [Image.new("L", ink.shape[::-1], 0), Image.fromarray(ink)]),
        lambda ink: Image.merge("RGBA", [Image.new("L", ink.shape[::-1], 0)] * 3 + [Image.fromarray(ink)]),
    ],
    ids=["gray", "inverted", "1 bit", "RGB", "palette", "16 bits", "gray on nothing", "black on nothing"],
)
def test_other_images_are_framed(tmp_path, convert):
    save(tmp_path, 7, "t.png", convert(stroke()))
    np.testing.assert_array_equal(only(tmp_path), frame(stroke()))


def test_colored_28x28_images_are_framed(tmp_path):
    """Only images already in MNIST's format are assumed to be framed."""
    small = np.zeros((28, 28), np.uint8)
    small[2:12, 2:12] = 255
    save(tmp_path, 1, "a.png", Image.fromarray(small).convert("RGB"))
    np.testing.assert_array_equal(only(tmp_path), frame(small))


def test_noise_and_jpeg_artifacts_are_not_ink(tmp_path):
    rng = np.random.default_rng(0)
    paper = np.clip(215 - 0.75 * stroke() + rng.normal(0, 6, stroke().shape), 0, 255).astype(np.uint8)
    save(tmp_path, 7, "t.jpg", paper, quality=80)
    difference = abs(only(tmp_path).astype(int) - frame(stroke()))
    assert difference.mean() < 6


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown rotated clockwise
    rotated = np.rot90(stroke()).copy()
    save(tmp_path, 7, "t.png", rotated, exif=exif)
    np.testing.assert_array_equal(only(tmp_path), frame(stroke()))


def test_other_files_are_ignored_with_a_note(tmp_path):
    save(tmp_path, 2, "a.png", mnist_like()[0])
    (tmp_path / "2" / "notes.txt").write_text("x")
    (tmp_path / "2" / ".DS_Store").write_text("x")
    (tmp_path / "2" / "deeper").mkdir()
    source = load_data(tmp_path)
    assert len(source.train) == 1
    assert source.notes == ("Ignored 1 file that is not an image.",)


def test_other_folders_are_ignored_with_a_note(tmp_path):
    for folder in ("2", "10", "letters", ".hidden"):
        save(tmp_path, folder, "a.png", mnist_like()[0])
    source = load_data(tmp_path)
    assert source.train.labels.tolist() == [2]
    assert source.notes == ("Ignored folders other than 0 to 9: 10, letters.",)


def test_blank_image_is_skipped_with_a_note(tmp_path):
    save(tmp_path, 4, "a.png", mnist_like()[0])
    save(tmp_path, 4, "white.png", np.full((50, 50), 255, np.uint8))
    source = load_data(tmp_path)
    assert len(source.train) == 1
    (note,) = source.notes
    assert note.startswith("Skipped 1 of 2 pictures that can't be read: ")
    assert note.endswith("white.png: is blank; expected the image of a digit")


def test_damaged_images_are_skipped_with_a_note(tmp_path):
    out = io.BytesIO()
    Image.fromarray(stroke()).save(out, "png")
    save(tmp_path, 7, "good.png", stroke())
    (tmp_path / "5").mkdir()
    for name, content in (
        ("empty", b""),
        ("text", b"not a picture"),
        ("cut", out.getvalue()[: len(out.getvalue()) // 2]),
    ):
        (tmp_path / "5" / f"{name}.png").write_bytes(content)
    source = load_data(tmp_path)
    assert source.train.labels.tolist() == [7]
    (note,) = source.notes
    assert note.startswith("Skipped 3 of 4 pictures that can't be read: ")


def test_folder_of_damaged_images_is_an_error(tmp_path):
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "a.png").write_bytes(b"not a picture")
    message = error_of(tmp_path)
    assert f"{tmp_path}: none of 1 pictures can be read; the first: " in message


def test_folder_without_images(tmp_path):
    (tmp_path / "0").mkdir()
    assert "contains no files" in error_of(tmp_path)
    (tmp_path / "0" / "a.docx").write_bytes(b"x")
    assert "has no images in its subfolders 0 to 9" in error_of(tmp_path)
