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


def test_other_integer_types_and_fortran_order(file):
    np.savez(file, **{**GOOD, "x_train": np.asfortranarray(IMAGES), "y_train": LABELS.astype(np.int64)})
    source = load_data(file)
    np.testing.assert_array_equal(source.train.images, IMAGES)
    np.testing.assert_array_equal(source.train.labels, LABELS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"x_train": IMAGES / 255},
            "x_train is float64 of shape (12, 28, 28); expected uint8 of shape (N, 28, 28)",
        ),
        ({"x_train": IMAGES.reshape(12, 784)}, "is uint8 of shape (12, 784)"),
        ({"x_train": IMAGES[:, :20, :20]}, "is uint8 of shape (12, 20, 20)"),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "x_train contains no images"),
        ({"y_train": LABELS / 1.0}, "y_train is float64 of shape (12,); expected integers"),
        ({"y_train": np.eye(10)[LABELS].astype(int)}, "is int64 of shape (12, 10)"),
        ({"y_train": LABELS[:5]}, "y_train contains 5 labels for 12 images"),
        ({"y_train": LABELS + 1}, "y_train[9] is 10; expected 0 to 9"),
        ({"y_train": LABELS - 1}, "y_train[0] is -1; expected 0 to 9"),
        ({"x_train": IMAGES.astype(object)}, "x_train contains Python objects, which are not loaded"),
    ],
)
def test_invalid_arrays(file, change, problem):
    np.savez(file, **{**GOOD, **change})
    assert problem in error_of(file)


def test_missing_keys(file):
    np.savez(file, train_images=IMAGES, train_labels=LABELS)
    message = error_of(file)
    assert "lacks x_train, y_train, x_test, y_test; it contains train_images, train_labels" in message


def test_no_arrays(file):
    zipfile.ZipFile(file, "w").close()
    assert "it contains nothing" in error_of(file)


def header(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not a readable array"),
        (b"not an array", "is not a readable array"),
        (header((12, 28, 28)) + bytes(100), "x_train ends early"),
        (header((2**40, 28, 28)), "x_train declares"),
        (header((1000, 28, 28)), "x_train ends early"),
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
