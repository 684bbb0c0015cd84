import gzip
import io
import struct
import zipfile
import zlib

import numpy as np
import pytest

from tenfold.data.formats import archive as archive_format
from tenfold.data.formats.columns import PIXELS
from tenfold.data.load import load_data
from tenfold.errors import DataError

RNG = np.random.default_rng(1)
TRAIN = np.column_stack([np.arange(20) % 10, RNG.integers(0, 256, (20, 784)) * (RNG.random((20, 784)) < 0.2)])
TEST = RNG.integers(0, 256, (10, 784)) * (RNG.random((10, 784)) < 0.2)


def text_of(header, table):
    return "\n".join([",".join(header), *(",".join(map(str, row)) for row in table.tolist()), ""]).encode()


TRAIN_CSV = text_of(["label", *PIXELS], TRAIN)
TEST_CSV = text_of(PIXELS, TEST)
SAMPLE = b"ImageId,Label\n1,0\n2,0\n"


def make_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def assert_both(source):
    np.testing.assert_array_equal(source.train.images.reshape(-1, 784), TRAIN[:, 1:])
    np.testing.assert_array_equal(source.train.labels, TRAIN[:, 0])
    np.testing.assert_array_equal(source.test.images.reshape(-1, 784), TEST)
    assert source.test.labels is None
    assert source.notes == ()


def error_of(path, suffix=""):
    with pytest.raises(DataError) as caught:
        load_data(f"{path}{suffix}")
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


LAYOUTS = [
    {"train.csv": TRAIN_CSV, "test.csv": TEST_CSV, "sample_submission.csv": SAMPLE},
    {"digit-recognizer/train.csv": TRAIN_CSV, "digit-recognizer/test.csv": TEST_CSV},
    {"train.csv.gz": gzip.compress(TRAIN_CSV), "test.csv.gz": gzip.compress(TEST_CSV)},
    {"train.csv": TRAIN_CSV, "test.csv": TEST_CSV, "my_submission.csv": SAMPLE, "notes.txt": b"x", ".train.csv": b"x"},
    {"Train.csv": TRAIN_CSV, "TEST.CSV": TEST_CSV},
]


@pytest.mark.parametrize("files", LAYOUTS)
def test_folder(tmp_path, files):
    assert_both(load_data(make_folder(tmp_path / "digits", files)))


@pytest.mark.parametrize("files", [*LAYOUTS, {**LAYOUTS[0], "__MACOSX/._train.csv": b"x"}])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_zip(tmp_path, files, method):
    path = make_zip(tmp_path / "digits.zip", files, method)
    assert_both(load_data(path))
    assert load_data(path).train.source.endswith("in digits.zip")


def test_zip_without_suffix(tmp_path):
    assert_both(load_data(make_zip(tmp_path / "download", LAYOUTS[0])))


def test_only_the_requested_split_is_read(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV, "test.csv": b"broken"})
    source = load_data(f"{path}:train")
    assert source.test is None
    assert len(source.train) == 20
    assert "test.csv in digits.zip" in error_of(path)
    assert "test.csv in digits.zip" in error_of(path, ":test")


def test_single_files(tmp_path):
    make_folder(
        tmp_path,
        {"train.csv": TRAIN_CSV, "test.csv": TEST_CSV, "a.csv": TRAIN_CSV, "b.csv.gz": gzip.compress(TEST_CSV)},
    )
    for name, split in [("train.csv", "train"), ("a.csv", "train"), ("test.csv", "test"), ("b.csv.gz", "test")]:
        source = load_data(tmp_path / name)
        assert (source.train is None) == (split == "test")
        assert (source.test is None) == (split == "train")
    assert "has no test split" in error_of(tmp_path / "a.csv", ":test")


def test_labeled_test_file(tmp_path):
    make_folder(tmp_path, {"test.csv": TRAIN_CSV})
    source = load_data(tmp_path / "test.csv")
    assert source.train is None
    np.testing.assert_array_equal(source.test.labels, TRAIN[:, 0])


@pytest.mark.parametrize("pack", [make_folder, make_zip])
def test_single_csv_of_any_name(tmp_path, pack):
    source = load_data(pack(tmp_path / "digits.zip", {"mine.csv": TRAIN_CSV, "sample_submission.csv": SAMPLE}))
    assert len(source.train) == 20


@pytest.mark.parametrize("pack", [make_folder, make_zip])
def test_no_csv(tmp_path, pack):
    for files in ({"readme.txt": b"x"}, {"sample_submission.csv": SAMPLE}):
        assert "contains no data, only " in error_of(pack(tmp_path / str(len(files)), files))
        (tmp_path / str(len(files))).rename(tmp_path / "done") if pack is make_zip else None


@pytest.mark.parametrize("pack", [make_folder, make_zip])
def test_several_csv_files(tmp_path, pack):
    one = pack(tmp_path / "one", {"a.csv": TRAIN_CSV, "b.csv": TEST_CSV})
    assert "contains several data sets: a.csv, b.csv; name one, as in one:b.csv" in error_of(one)
    assert len(load_data(f"{one}:a.csv").train) == 20
    assert len(load_data(f"{one}:b.csv").test) == 10
    copies = pack(tmp_path / "copies", {"train.csv": TRAIN_CSV, "train (1).csv": TRAIN_CSV})
    assert "contains train (1).csv, train.csv; expected one train split" in error_of(copies)


@pytest.mark.parametrize("pack", [make_folder, make_zip])
def test_files_beside_the_plainest_names_are_ignored_with_a_note(tmp_path, pack):
    found = load_data(pack(tmp_path / "older", {"train.csv": TRAIN_CSV, "old/train.csv": TRAIN_CSV}))
    assert found.notes == ("Ignored old/train.csv beside train.csv.",)
    found = load_data(pack(tmp_path / "packed", {"train.csv": TRAIN_CSV, "train.csv.gz": gzip.compress(TRAIN_CSV)}))
    assert found.notes == ("Ignored 1 packed file whose unpacked copy is beside it.",)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_member(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train.csv", TRAIN_CSV)
    assert "contains the same file twice" in error_of(path)


def test_training_file_without_labels(tmp_path):
    assert "column label: is missing" in error_of(make_zip(tmp_path / "digits.zip", {"train.csv": TEST_CSV}))


def test_invalid_cell_in_a_zip(tmp_path):
    spoiled = TRAIN_CSV.replace(b"\n3,", b"\n10,", 1)
    message = error_of(make_zip(tmp_path / "digits.zip", {"train.csv": spoiled}))
    assert message.startswith("train.csv in digits.zip, row 4, column label: label 10 is out of range")


@pytest.mark.parametrize(
    "name", ["../train.csv", "a/../../train.csv", "/train.csv", "..\\train.csv", "C:\\train.csv", "../x.txt"]
)
def test_path_traversal(tmp_path, name):
    assert "leads out of the archive" in error_of(make_zip(tmp_path / "digits.zip", {"test.csv": TEST_CSV, name: b"x"}))


def test_zip_is_not_extracted(tmp_path):
    load_data(make_zip(tmp_path / "digits.zip", LAYOUTS[1]))
    assert sorted(path.name for path in tmp_path.iterdir() if "cache" not in path.name) == ["digits.zip"]


def test_encrypted(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    assert "is encrypted" in error_of(path)


@pytest.mark.parametrize("keep", [1, 10, 100, -30])
def test_truncated_zip(tmp_path, keep):
    path = make_zip(tmp_path / "digits.zip", LAYOUTS[0])
    path.write_bytes(path.read_bytes()[:keep])
    error_of(path)


def test_flipped_bits_are_detected_or_harmless(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    original = path.read_bytes()
    rng = np.random.default_rng(0)
    errors = 0
    indices = [*range(60), *range(len(original) - 90, len(original)), *rng.integers(0, len(original), 150)]
    for index in indices:
        path.write_bytes(original[:index] + bytes([original[index] ^ (1 << rng.integers(8))]) + original[index + 1 :])
        try:
            source = load_data(path)
        except DataError:
            errors += 1
        else:
            np.testing.assert_array_equal(source.train.images.reshape(-1, 784), TRAIN[:, 1:])
    assert errors > 150


def test_zip_bomb_by_its_declared_size(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_format, "MAX_BYTES", len(TRAIN_CSV) - 1)
    assert f"train.csv unpacks to {len(TRAIN_CSV):,} bytes" in error_of(
        make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    )


def test_zip_bomb_with_a_false_size(tmp_path):
    """Nothing is unpacked beyond the size in the directory."""
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", len(TRAIN_CSV)), struct.pack("<I", 5000)))
    error_of(path)


def test_gzip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_format, "MAX_BYTES", 1 << 20)
    path = tmp_path / "train.csv.gz"
    header, _, rows = TRAIN_CSV.partition(b"\n")
    path.write_bytes(gzip.compress(header + b"\n" + rows * (archive_format.MAX_BYTES // len(rows) + 1), 1))
    assert path.stat().st_size < archive_format.MAX_BYTES / 2
    assert "unpacks to more than 1,048,576 bytes" in error_of(path)


def test_gzip_bomb_within_a_zip(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_format, "MAX_BYTES", 1 << 20)
    bomb = gzip.compress(TRAIN_CSV + bytes(2 << 20))
    message = error_of(make_zip(tmp_path / "digits.zip", {"train.csv.gz": bomb}))
    assert message.startswith("train.csv.gz in digits.zip: unpacks to more than")


def test_gzip_bomb_of_blank_lines(tmp_path):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(TRAIN_CSV + b"\n" * (1 << 20)))
    assert "blank line" in error_of(path)


@pytest.mark.parametrize("keep", [5, 12, 1000, -9, -1])
def test_truncated_gzip(tmp_path, keep):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(TRAIN_CSV)[:keep])
    assert "ends in the middle of its compressed data" in error_of(path)


def test_damaged_gzip(tmp_path):
    path = tmp_path / "train.csv.gz"
    content = bytearray(gzip.compress(TRAIN_CSV))
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "train.csv.gz" in error_of(path)


@pytest.mark.parametrize("name", ["train.csv.gz", "digits.zip"])
def test_damage_is_reported_instead_of_the_cell_that_it_changed(tmp_path, name):
    path = tmp_path / name
    header, _, rows = TRAIN_CSV.partition(b"\n")
    wrong = header + b"\n256," + rows * 20  # the checksum comes after much more than one block
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(wrong))
    else:
        make_zip(path, {"train.csv": wrong})
    assert "row 1 (line 2): has 786 cells" in error_of(path)
    packed = path.read_bytes()
    checksum = struct.pack("<I", zlib.crc32(wrong))
    assert checksum in packed
    path.write_bytes(packed.replace(checksum, struct.pack("<I", zlib.crc32(TRAIN_CSV))))
    assert "contains damaged compressed data" in error_of(path)


def test_plain_file_named_gz(tmp_path):
    (tmp_path / "train.csv.gz").write_bytes(TRAIN_CSV)  # unpacked by a browser that kept the name
    assert len(load_data(tmp_path / "train.csv.gz").train) == 20


def test_zip_without_members(tmp_path):
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    (tmp_path / "digits.zip").write_bytes(buffer.getvalue())
    assert "contains no files" in error_of(tmp_path / "digits.zip")


@pytest.mark.shared
def test_kaggles_zip(shared):
    source = load_data(shared / "kaggle" / "digit-recognizer.zip")
    assert source.train.images.shape == (42_000, 28, 28)
    assert source.test.images.shape == (28_000, 28, 28)
    assert source.train.label_counts.sum() == 42_000
    assert source.test.labels is None
    assert 33 < source.train.images.mean() < 34
    assert source.notes == ()
