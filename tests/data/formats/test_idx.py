import gzip
import struct

import numpy as np
import pytest

from tenfold.data.load import load_data
from tenfold.errors import DataError

RNG = np.random.default_rng(2)
IMAGES = RNG.integers(0, 256, (12, 28, 28)).astype(np.uint8)
IMAGES[:, [0, -1]] = IMAGES[:, :, [0, -1]] = 0
LABELS = (np.arange(12) % 10).astype(np.uint8)


def idx(array, magic=None):
    return struct.pack(f">I{array.ndim}I", magic or 0x0800 + array.ndim, *array.shape) + array.tobytes()


GOOD = {
    "train-images-idx3-ubyte": idx(IMAGES),
    "train-labels-idx1-ubyte": idx(LABELS),
    "t10k-images-idx3-ubyte": idx(IMAGES[:4]),
    "t10k-labels-idx1-ubyte": idx(LABELS[:4]),
}


def make(folder, files, spelling=lambda name: name, packed=False):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / (spelling(name) + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


def error_of(spec):
    with pytest.raises(DataError) as caught:
        load_data(spec)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("spelling", [str, lambda name: name.replace("-idx", ".idx")])
def test_folder_of_four(tmp_path, packed, spelling):
    source = load_data(make(tmp_path / "mnist", GOOD, spelling, packed))
    np.testing.assert_array_equal(source.train.images, IMAGES)
    np.testing.assert_array_equal(source.train.labels, LABELS)
    np.testing.assert_array_equal(source.test.images, IMAGES[:4])
    np.testing.assert_array_equal(source.test.labels, LABELS[:4])
    assert source.train.images.flags.writeable


def test_folder_of_plain_and_packed_files(tmp_path):
    make(tmp_path / "raw", GOOD, packed=True)
    assert len(load_data(make(tmp_path / "raw", GOOD)).train) == 12


@pytest.mark.parametrize(("name", "split"), [("train", "train"), ("t10k", "test")])
@pytest.mark.parametrize("packed", [False, True])
def test_single_file_with_labels(tmp_path, name, split, packed):
    folder = make(tmp_path / "mnist", GOOD, packed=packed)
    source = load_data(folder / f"{name}-images-idx3-ubyte{'.gz' if packed else ''}")
    assert getattr(source, split).labels is not None
    assert getattr(source, {"train": "test", "test": "train"}[split]) is None


def test_single_file_without_labels(tmp_path):
    (tmp_path / "mine.idx3-ubyte").write_bytes(idx(IMAGES))
    assert load_data(tmp_path / "mine.idx3-ubyte").test.labels is None


def test_file_without_suffix(tmp_path):
    (tmp_path / "nameless").write_bytes(idx(IMAGES))
    assert len(load_data(tmp_path / "nameless").test) == 12


@pytest.mark.parametrize("missing", list(GOOD))
def test_missing_file_of_a_pair(tmp_path, missing):
    folder = make(tmp_path / "mnist", {name: content for name, content in GOOD.items() if name != missing})
    assert f"lacks {missing}" in error_of(folder)


def test_folder_of_one_pair(tmp_path):
    folder = make(tmp_path / "mnist", {name: content for name, content in GOOD.items() if "t10k" in name})
    source = load_data(folder)
    assert source.train is None
    assert len(source.test) == 4
    assert "has no train split" in error_of(f"{folder}:train")


HUGE = struct.pack(">IIII", 0x0803, 2**32 - 1, 2**32 - 1, 2**32 - 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\0\0\x08", "has the unknown magic number 0x000008"),
        (b"PNG!" + bytes(100), "has the unknown magic number 0x504e4721; expected IDX (magic 0x00000803 for images"),
        (idx(IMAGES)[::-1], "has the unknown magic number"),
        (idx(IMAGES, 0x0D03), "ends after 9,408 of 37,632 bytes of images"),
        (idx(IMAGES)[:9], "ends within its header"),
        (HUGE + bytes(100), "declares 4294967295x4294967295x4294967295 values"),
        (struct.pack(">IIII", 0x0803, 2**31, 28, 28) + bytes(784), "declares 2147483648x28x28 values"),
        (struct.pack(">IIII", 0x0803, 65536, 65536, 1), "declares 65536x65536x1 values"),  # 0 in 32 bits
        (idx(IMAGES)[:-1], "ends after 9,407 of 9,408 bytes of images"),
        (idx(IMAGES)[:16], "ends after 0 of 9,408 bytes of images"),
        (idx(IMAGES) + b"\0", "continues after its 9,408 bytes of images"),
        (idx(IMAGES[:0]), "contains no images"),
        (idx(IMAGES[:, :8, :7]), "has the shape (12, 8, 7); expected images (N, 28, 28)"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_invalid_images(tmp_path, content, problem, packed):
    folder = make(tmp_path / "mnist", {**GOOD, "train-images-idx3-ubyte": content}, packed=packed)
    expected = problem.replace("images-idx3-ubyte", "images-idx3-ubyte.gz") if packed else problem
    assert expected in error_of(folder)
    if content or packed:
        assert expected in error_of(folder / f"train-images-idx3-ubyte{'.gz' if packed else ''}")


def test_invalid_label(tmp_path):
    labels = LABELS.copy()
    labels[3] = 10
    message = error_of(make(tmp_path / "mnist", {**GOOD, "train-labels-idx1-ubyte": idx(labels)}))
    assert message == "train-labels-idx1-ubyte, row 4: label 10 is out of range; expected an integer from 0 to 9"


def test_other_number_of_labels(tmp_path):
    message = error_of(make(tmp_path / "mnist", {**GOOD, "train-images-idx3-ubyte": idx(IMAGES[:11])}))
    assert message == "train-labels-idx1-ubyte: contains 12 labels for 11 images"


def test_images_instead_of_labels(tmp_path):
    message = error_of(make(tmp_path / "mnist", {**GOOD, "train-labels-idx1-ubyte": idx(IMAGES)}))
    assert "contains train-images-idx3-ubyte, train-labels-idx1-ubyte; expected one train split" in message


def test_truncated_gzip(tmp_path):
    folder = make(tmp_path / "mnist", GOOD, packed=True)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert "train-images-idx3-ubyte.gz: ends in the middle of its compressed data" in error_of(folder)


@pytest.mark.shared
def test_mnist(shared):
    source = load_data(shared / "mnist")
    assert source.train.label_counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert len(source.test) == 10_000
    assert source.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
