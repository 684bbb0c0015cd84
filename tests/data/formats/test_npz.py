import io
import zipfile

import numpy as np
import pytest

from tenfold.data.load import load_data
from tenfold.errors import DataError

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (12, 28, 28)).astype(np.uint8)
IMAGES[:, [0, -1]] = IMAGES[:, :, [0, -1]] = 0
LABELS = np.arange(12) % 10
GOOD = {
    "x_train": IMAGES,
    "y_train": LABELS.astype(np.uint8),
    "x_test": IMAGES[:4],
    "y_test": LABELS[:4].astype(np.uint8),
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mnist.npz"


def refused(file):
    with pytest.raises(DataError) as caught:
        load_data(file)
    message = str(caught.value)
    assert message.startswith("mnist.npz")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_keras_file(file, save):
    save(file, **GOOD)
    source = load_data(file)
    np.testing.assert_array_equal(source.train.images, IMAGES)
    np.testing.assert_array_equal(source.train.labels, LABELS)
    np.testing.assert_array_equal(source.test.images, IMAGES[:4])
    np.testing.assert_array_equal(source.test.labels, LABELS[:4])
    assert load_data(f"{file}:test").train is None


def test_labels_of_another_integer_type_and_fortran_order(file):
    np.savez(file, **{**GOOD, "x_train": np.asfortranarray(IMAGES), "y_train": LABELS.astype(np.int64)})
    source = load_data(file)
    np.testing.assert_array_equal(source.train.images, IMAGES)
    np.testing.assert_array_equal(source.train.labels, LABELS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"x_train": IMAGES / 255},
            "column x_train: is float64 of shape (12, 28, 28); expected uint8 of shape (N, 28, 28)",
        ),
        ({"x_train": IMAGES.reshape(12, 784)}, "is uint8 of shape (12, 784)"),
        ({"x_train": IMAGES[:, :20, :20]}, "is uint8 of shape (12, 20, 20)"),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "column x_train: holds no images"),
        ({"y_train": LABELS / 1.0}, "column y_train: is float64 of shape (12,); expected whole numbers"),
        ({"y_train": np.eye(10)[LABELS].astype(int)}, "is int64 of shape (12, 10)"),
        ({"y_train": LABELS[:5]}, "column y_train: holds 5 labels for 12 images"),
        ({"y_train": LABELS + 1}, "row 10, column y_train: the label 10 is out of range"),
        ({"y_train": LABELS - 1}, "row 1, column y_train: the label -1 is out of range"),
        ({"x_train": IMAGES.astype(object)}, "column x_train: holds Python objects, which are not loaded"),
    ],
)
def test_wrong_arrays(file, change, problem):
    np.savez(file, **{**GOOD, **change})
    assert problem in refused(file)


def test_wrong_keys(file):
    np.savez(file, train_images=IMAGES, train_labels=LABELS)
    message = refused(file)
    assert "lacks x_train, y_train, x_test, y_test; it holds train_images, train_labels" in message


def test_no_arrays(file):
    zipfile.ZipFile(file, "w").close()
    assert "it holds nothing" in refused(file)


def header(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is no readable array"),
        (b"nothing of the kind", "is no readable array"),
        (header((12, 28, 28)) + bytes(100), "breaks off"),
        (header((2**40, 28, 28)), "claims"),
        (header((1000, 28, 28)), "breaks off"),
    ],
)
def test_damaged_member(file, content, problem):
    np.savez(file, **{key: array for key, array in GOOD.items() if key != "x_train"})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("x_train.npy", content)
    assert problem in refused(file)


@pytest.mark.parametrize("keep", [3, 100, -10])
def test_truncated(file, keep):
    np.savez(file, **GOOD)
    file.write_bytes(file.read_bytes()[:keep])
    refused(file)


def test_a_flipped_bit_anywhere_is_found_or_does_no_harm(file):
    np.savez_compressed(file, **GOOD)
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    refusals = 0
    for place in [*range(60), *range(len(whole) - 300, len(whole)), *rng.integers(0, len(whole), 200)]:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.integers(8))]) + whole[place + 1 :])
        try:
            source = load_data(file)
        except DataError:
            refusals += 1
        else:
            np.testing.assert_array_equal(source.train.images, IMAGES)
    assert refusals > 200
