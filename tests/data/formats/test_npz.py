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


def error_of(file):
    with pytest.raises(DataError) as caught:
        load_data(file)
    message = str(caught.value)
    assert "mnist.npz" in message.partition(":")[0]
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


def test_other_integer_types_and_fortran_order(file):
    np.savez(file, **{**GOOD, "x_train": np.asfortranarray(IMAGES), "y_train": LABELS.astype(np.int64)})
    source = load_data(file)
    np.testing.assert_array_equal(source.train.images, IMAGES)
    np.testing.assert_array_equal(source.train.labels, LABELS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"x_train": IMAGES[:, :20, :19]},
            "x_train in mnist.npz: has the shape (12, 20, 19); expected images (N, 28, 28)",
        ),
        ({"x_train": RNG.random((12, 32, 32, 3))}, "has the shape (12, 32, 32, 3), color images as CIFAR's"),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "x_train in mnist.npz: contains no images"),
        ({"x_train": np.full((12, 28, 28), np.nan)}, "x_train in mnist.npz, row 1: has a pixel that is no number"),
        ({"x_train": IMAGES * 3.5}, "x_train in mnist.npz: has pixels from 0 to 8"),
        ({"x_train": IMAGES.astype(complex)}, "contains complex128; expected numbers"),
        ({"y_train": LABELS / 7}, "y_train in mnist.npz, row 2: label 0.142857 is a fraction"),
        ({"y_train": LABELS[:5]}, "y_train in mnist.npz: contains 5 labels for 12 images"),
        ({"y_train": LABELS + 1}, "y_train in mnist.npz, row 10: label 10 is out of range; expected an integer from 0"),
        ({"y_train": LABELS - 1}, "y_train in mnist.npz, row 1: label -1 is out of range"),
        ({"y_train": np.arange(12)}, "y_train in mnist.npz: has 12 classes; expected the ten digits"),
        ({"y_train": np.eye(26)[LABELS]}, "y_train in mnist.npz: has 26 classes; expected the ten digits"),
        ({"x_train": IMAGES.astype(object)}, "x_train in mnist.npz: contains Python objects, which are not loaded"),
    ],
)
def test_invalid_arrays(file, change, problem):
    np.savez(file, **{**GOOD, **change})
    assert problem in error_of(file)


def test_unknown_names(file):
    np.savez(file, a=IMAGES, b=IMAGES, c=LABELS)
    assert "contains 3 arrays: a, b, c; expected names such as x_train, y_train" in error_of(file)


def test_labels_without_images(file):
    np.savez(file, **{key: array for key, array in GOOD.items() if key != "x_test"})
    assert "contains y_test, but no images for these labels" in error_of(file)


def test_no_arrays(file):
    zipfile.ZipFile(file, "w").close()
    assert "contains no arrays; expected images and labels, such as x_train and y_train" in error_of(file)


def header(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not a readable array"),
        (b"not an array", "is not a readable array"),
        (header((12, 28, 28)) + bytes(100), "x_train in mnist.npz: ends early"),
        (header((2**40, 28, 28)), "x_train in mnist.npz: declares"),
        (header((1000, 28, 28)), "x_train in mnist.npz: ends early"),
    ],
)
def test_damaged_member(file, content, problem):
    np.savez(file, **{key: array for key, array in GOOD.items() if key != "x_train"})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("x_train.npy", content)
    assert problem in error_of(file)


@pytest.mark.parametrize("keep", [3, 100, -10])
def test_truncated(file, keep):
    np.savez(file, **GOOD)
    file.write_bytes(file.read_bytes()[:keep])
    error_of(file)


def test_flipped_bits_are_detected_or_harmless(file):
    np.savez_compressed(file, **GOOD)
    original = file.read_bytes()
    rng = np.random.default_rng(0)
    errors = 0
    for index in [*range(60), *range(len(original) - 300, len(original)), *rng.integers(0, len(original), 200)]:
        file.write_bytes(original[:index] + bytes([original[index] ^ (1 << rng.integers(8))]) + original[index + 1 :])
        try:
            source = load_data(file)
        except DataError:
            errors += 1
        else:
            np.testing.assert_array_equal(source.train.images, IMAGES)
    assert errors > 200
