import gzip
import io
import struct
import zipfile
import zlib

import numpy as np
import pytest

from tenfold.data.formats import archive as compressed
from tenfold.data.formats import kaggle
from tenfold.data.formats.csv import PIXELS
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


def refused(path, part=""):
    with pytest.raises(DataError) as caught:
        load_data(f"{path}{part}")
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


def test_the_same_zip_under_any_name(tmp_path):
    assert_both(load_data(make_zip(tmp_path / "download", LAYOUTS[0])))


def test_one_part_reads_that_part_only(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV, "test.csv": b"broken"})
    source = load_data(f"{path}:train")
    assert source.test is None
    assert len(source.train) == 20
    assert "test.csv in digits.zip" in refused(path)
    assert "test.csv in digits.zip" in refused(path, ":test")


def test_single_files(tmp_path):
    make_folder(
        tmp_path,
        {"train.csv": TRAIN_CSV, "test.csv": TEST_CSV, "a.csv": TRAIN_CSV, "b.csv.gz": gzip.compress(TEST_CSV)},
    )
    for name, part in [("train.csv", "train"), ("a.csv", "train"), ("test.csv", "test"), ("b.csv.gz", "test")]:
        source = load_data(tmp_path / name)
        assert (source.train is None) == (part == "test")
        assert (source.test is None) == (part == "train")
    assert "has no test split" in refused(tmp_path / "a.csv", ":test")


def test_a_labeled_test_file_stays_the_test_part(tmp_path):
    make_folder(tmp_path, {"test.csv": TRAIN_CSV})
    source = load_data(tmp_path / "test.csv")
    assert source.train is None
    np.testing.assert_array_equal(source.test.labels, TRAIN[:, 0])


@pytest.mark.parametrize("pack", [make_folder, make_zip])
def test_a_single_csv_under_any_name(tmp_path, pack):
    source = load_data(pack(tmp_path / "digits.zip", {"mine.csv": TRAIN_CSV, "sample_submission.csv": SAMPLE}))
    assert len(source.train) == 20


@pytest.mark.parametrize("pack", [make_folder, make_zip])
def test_no_csv(tmp_path, pack):
    for files in ({"readme.txt": b"x"}, {"sample_submission.csv": SAMPLE}):
        assert "holds no CSV file" in refused(pack(tmp_path / str(len(files)), files))
        (tmp_path / str(len(files))).rename(tmp_path / "done") if pack is make_zip else None


@pytest.mark.parametrize("pack", [make_folder, make_zip])
def test_several_csv_files(tmp_path, pack):
    assert "holds 2 CSV files, none of them train.csv or test.csv: a.csv, b.csv" in refused(
        pack(tmp_path / "one", {"a.csv": TRAIN_CSV, "b.csv": TEST_CSV})
    )
    for other in ("old/train.csv", "train.csv.gz"):
        message = refused(pack(tmp_path / other.replace("/", "_"), {"train.csv": TRAIN_CSV, other: TRAIN_CSV}))
        assert "expected one train.csv" in message
        assert other in message


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train.csv", TRAIN_CSV)
    assert "holds the same CSV file twice" in refused(path)


def test_training_file_without_labels(tmp_path):
    assert "column label: is missing" in refused(make_zip(tmp_path / "digits.zip", {"train.csv": TEST_CSV}))


def test_the_wrong_cell_in_a_zip_is_named(tmp_path):
    spoiled = TRAIN_CSV.replace(b"\n3,", b"\n10,", 1)
    message = refused(make_zip(tmp_path / "digits.zip", {"train.csv": spoiled}))
    assert message.startswith("train.csv in digits.zip, row 4 (line 5), column label: '10' is out of range")


@pytest.mark.parametrize(
    "name", ["../train.csv", "a/../../train.csv", "/train.csv", "..\\train.csv", "C:\\train.csv", "../x.txt"]
)
def test_paths_that_lead_out_of_the_archive(tmp_path, name):
    assert "leads out of the archive" in refused(make_zip(tmp_path / "digits.zip", {"test.csv": TEST_CSV, name: b"x"}))


def test_nothing_is_extracted(tmp_path):
    load_data(make_zip(tmp_path / "digits.zip", LAYOUTS[1]))
    assert sorted(path.name for path in tmp_path.iterdir() if "cache" not in path.name) == ["digits.zip"]


def test_encrypted(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    assert "is encrypted" in refused(path)


@pytest.mark.parametrize("keep", [1, 10, 100, -30])
def test_truncated_zip(tmp_path, keep):
    path = make_zip(tmp_path / "digits.zip", LAYOUTS[0])
    path.write_bytes(path.read_bytes()[:keep])
    refused(path)


def test_a_flipped_bit_anywhere_is_found_or_does_no_harm(tmp_path):
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refusals = 0
    places = [*range(60), *range(len(whole) - 90, len(whole)), *rng.integers(0, len(whole), 150)]
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.integers(8))]) + whole[place + 1 :])
        try:
            source = load_data(path)
        except DataError:
            refusals += 1
        else:
            np.testing.assert_array_equal(source.train.images.reshape(-1, 784), TRAIN[:, 1:])
    assert refusals > 150


def test_zip_bomb_by_its_declared_size(tmp_path, monkeypatch):
    monkeypatch.setattr(kaggle, "LIMIT", len(TRAIN_CSV) - 1)
    assert f"train.csv unpacks to {len(TRAIN_CSV):,} bytes" in refused(
        make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    )


def test_zip_bomb_that_declares_less(tmp_path):
    """The size in the directory is a lie: what stands behind it is not unpacked beyond it."""
    path = make_zip(tmp_path / "digits.zip", {"train.csv": TRAIN_CSV})
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", len(TRAIN_CSV)), struct.pack("<I", 5000)))
    refused(path)


def test_gzip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(compressed, "LIMIT", 1 << 20)
    path = tmp_path / "train.csv.gz"
    header, _, rows = TRAIN_CSV.partition(b"\n")
    path.write_bytes(gzip.compress(header + b"\n" + rows * (compressed.LIMIT // len(rows) + 1), 1))
    assert path.stat().st_size < compressed.LIMIT / 2
    assert "unpacks to more than 1,048,576 bytes" in refused(path)


def test_gzip_bomb_within_a_zip(tmp_path, monkeypatch):
    monkeypatch.setattr(compressed, "LIMIT", 1 << 20)
    bomb = gzip.compress(TRAIN_CSV + bytes(2 << 20))
    message = refused(make_zip(tmp_path / "digits.zip", {"train.csv.gz": bomb}))
    assert message.startswith("train.csv.gz in digits.zip: unpacks to more than")


def test_a_million_blank_lines(tmp_path):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(TRAIN_CSV + b"\n" * (1 << 20)))
    assert "blank line" in refused(path)


@pytest.mark.parametrize("keep", [5, 12, 1000, -9, -1])
def test_truncated_gzip(tmp_path, keep):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(TRAIN_CSV)[:keep])
    assert "breaks off in the middle of its compressed data" in refused(path)


def test_damaged_gzip(tmp_path):
    path = tmp_path / "train.csv.gz"
    content = bytearray(gzip.compress(TRAIN_CSV))
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "train.csv.gz" in refused(path)


@pytest.mark.parametrize("name", ["train.csv.gz", "digits.zip"])
def test_what_damage_made_of_a_cell_is_not_blamed_on_the_table(tmp_path, name):
    path = tmp_path / name
    header, _, rows = TRAIN_CSV.partition(b"\n")
    wrong = header + b"\n256," + rows * 20  # the checksum stands behind far more than is read at a time
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(wrong))
    else:
        make_zip(path, {"train.csv": wrong})
    assert "row 1 (line 2): has 786 cells" in refused(path)  # so it was packed
    packed = path.read_bytes()
    checksum = struct.pack("<I", zlib.crc32(wrong))
    assert checksum in packed
    path.write_bytes(packed.replace(checksum, struct.pack("<I", zlib.crc32(TRAIN_CSV))))
    assert "holds damaged compressed data" in refused(path)


def test_not_gzip_at_all(tmp_path):
    (tmp_path / "train.csv.gz").write_bytes(TRAIN_CSV)  # unpacked by a browser, under its old name
    assert len(load_data(tmp_path / "train.csv.gz").train) == 20


def test_zip_without_members(tmp_path):
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    (tmp_path / "digits.zip").write_bytes(buffer.getvalue())
    assert "holds no CSV file" in refused(tmp_path / "digits.zip")


@pytest.mark.shared
def test_kaggles_own_zip(shared):
    source = load_data(shared / "kaggle" / "digit-recognizer.zip")
    assert source.train.images.shape == (42_000, 28, 28)
    assert source.test.images.shape == (28_000, 28, 28)
    assert source.train.label_counts.sum() == 42_000
    assert source.test.labels is None
    assert 33 < source.train.images.mean() < 34
    assert source.notes == ()
