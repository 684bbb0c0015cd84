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


def refused(spec):
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


def test_plain_and_packed_beside_each_other(tmp_path):
    make(tmp_path / "raw", GOOD, packed=True)
    assert len(load_data(make(tmp_path / "raw", GOOD)).train) == 12


@pytest.mark.parametrize(("name", "part"), [("train", "train"), ("t10k", "test")])
@pytest.mark.parametrize("packed", [False, True])
def test_one_file_finds_its_labels(tmp_path, name, part, packed):
    folder = make(tmp_path / "mnist", GOOD, packed=packed)
    source = load_data(folder / f"{name}-images-idx3-ubyte{'.gz' if packed else ''}")
    assert getattr(source, part).labels is not None
    assert getattr(source, {"train": "test", "test": "train"}[part]) is None


def test_one_file_without_labels(tmp_path):
    (tmp_path / "mine.idx3-ubyte").write_bytes(idx(IMAGES))
    assert load_data(tmp_path / "mine.idx3-ubyte").test.labels is None


def test_known_by_its_bytes(tmp_path):
    (tmp_path / "nameless").write_bytes(idx(IMAGES))
    assert len(load_data(tmp_path / "nameless").test) == 12


@pytest.mark.parametrize("lacking", list(GOOD))
def test_one_of_a_pair_missing(tmp_path, lacking):
    folder = make(tmp_path / "mnist", {name: content for name, content in GOOD.items() if name != lacking})
    assert f"lacks {lacking}" in refused(folder)


def test_one_pair_is_enough(tmp_path):
    folder = make(tmp_path / "mnist", {name: content for name, content in GOOD.items() if "t10k" in name})
    source = load_data(folder)
    assert source.train is None
    assert len(source.test) == 4
    assert "has no train split" in refused(f"{folder}:train")


HUGE = struct.pack(">IIII", 0x0803, 2**32 - 1, 2**32 - 1, 2**32 - 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\0\0\x08", "has the wrong magic number 0x000008"),
        (b"PNG!" + bytes(100), "has the wrong magic number 0x504e4721; expected IDX images (magic 0x00000803)"),
        (idx(IMAGES)[::-1], "has the wrong magic number"),
        (idx(LABELS), "holds IDX labels; expected IDX images"),
        (idx(IMAGES, 0x0D03), "holds floats (magic 0x00000d03)"),
        (idx(IMAGES)[:9], "breaks off within its header"),
        (HUGE + bytes(100), "claims 4294967295x4294967295x4294967295 bytes"),
        (struct.pack(">IIII", 0x0803, 2**31, 28, 28) + bytes(784), "claims 2147483648x28x28 bytes"),
        (struct.pack(">IIII", 0x0803, 65536, 65536, 1), "claims 65536x65536x1 bytes"),  # 0 in 32 bits
        (idx(IMAGES)[:-1], "breaks off after 9,407 of 9,408 bytes of images"),
        (idx(IMAGES)[:16], "breaks off after 0 of 9,408 bytes of images"),
        (idx(IMAGES) + b"\0", "goes on after its 9,408 bytes of images"),
        (idx(IMAGES[:0]), "holds no images"),
        (idx(IMAGES[:, :8, :8]), "holds images of 8x8 pixels; expected 28x28"),
        (idx(IMAGES[:11]), "holds 12 labels for the 11 images of train-images-idx3-ubyte"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_bad_images(tmp_path, content, problem, packed):
    folder = make(tmp_path / "mnist", {**GOOD, "train-images-idx3-ubyte": content}, packed=packed)
    expected = problem.replace("images-idx3-ubyte", "images-idx3-ubyte.gz") if packed else problem
    assert expected in refused(folder)
    if content or packed:
        assert expected in refused(folder / f"train-images-idx3-ubyte{'.gz' if packed else ''}")


def test_label_10(tmp_path):
    labels = LABELS.copy()
    labels[3] = 10
    message = refused(make(tmp_path / "mnist", {**GOOD, "train-labels-idx1-ubyte": idx(labels)}))
    assert message == "train-labels-idx1-ubyte, row 4: the label 10 is out of range; expected 0 to 9"


def test_images_in_the_place_of_labels(tmp_path):
    assert "holds IDX images; expected IDX labels" in refused(
        make(tmp_path / "mnist", {**GOOD, "train-labels-idx1-ubyte": idx(IMAGES)})
    )


def test_truncated_gzip(tmp_path):
    folder = make(tmp_path / "mnist", GOOD, packed=True)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert "train-images-idx3-ubyte.gz: breaks off" in refused(folder)


@pytest.mark.shared
def test_mnist(shared):
    source = load_data(shared / "mnist")
    assert source.train.label_counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert len(source.test) == 10_000
    assert source.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
