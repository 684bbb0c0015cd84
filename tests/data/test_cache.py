import os

import numpy as np
import pytest

from tenfold.data import cache
from tenfold.data.cache import cached

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 28, 28)).astype(np.uint8)
LABELS = RNG.integers(0, 10, 30).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "csv-1"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes(b"some content")
    return path


class Reader:
    """Stands for the parser and counts how often it is asked."""

    def __init__(self, digits=(IMAGES, LABELS)):
        self.digits, self.calls = digits, 0

    def __call__(self):
        self.calls += 1
        return self.digits


def assert_digits(digits, labels=LABELS):
    np.testing.assert_array_equal(digits[0], IMAGES)
    assert type(digits[0]) is np.ndarray
    if labels is None:
        assert digits[1] is None
    else:
        np.testing.assert_array_equal(digits[1], labels)


@pytest.mark.parametrize("labels", [LABELS, None])
def test_second_reading_comes_from_the_cache(folder, file, labels):
    reader = Reader((IMAGES, labels))
    for _ in range(3):
        assert_digits(cached(file, "", reader), labels)
    assert reader.calls == 1


def test_the_arrays_can_be_written_to_without_harm(folder, file):
    reader = Reader()
    cached(file, "", reader)
    images, _ = cached(file, "", reader)
    images[:] = 7
    assert_digits(cached(file, "", reader))
    assert reader.calls == 1


def test_the_key_is_the_content_and_the_member(folder, file, tmp_path):
    reader = Reader()
    cached(file, "", reader)
    other = tmp_path / "other.csv"
    other.write_bytes(file.read_bytes())
    cached(other, "", reader)
    assert reader.calls == 1
    cached(file, "train.csv", reader)
    assert reader.calls == 2
    state = file.stat()
    file.write_bytes(b"same length!")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    cached(file, "", reader)
    assert reader.calls == 3


def test_a_damaged_entry_is_made_anew(folder, file):
    """Every byte of the header and a sample of the rest, flipped; and every kind of truncation."""
    reader = Reader()
    cached(file, "", reader)
    [entry] = folder.iterdir()
    whole = entry.read_bytes()
    places = [*range(300), *range(300, len(whole), 997), len(whole) - 1]
    damaged = [whole[:i] + bytes([whole[i] ^ flip]) + whole[i + 1 :] for i in places for flip in (1, 0x80)]
    damaged += [whole[:size] for size in (0, 1, 6, 10, 100, 128, 1000, len(whole) - 1)] + [b"x" * 1000]
    for content in damaged:
        entry.unlink(missing_ok=True)
        entry.write_bytes(content)
        assert_digits(cached(file, "", reader))
    # Only a flip in the padding of the header can go unnoticed, and does no harm.
    assert reader.calls > len(damaged) / 2
    entry.unlink()
    entry.write_bytes(b"")
    cached(file, "", reader)
    assert entry.read_bytes() == whole


def test_an_entry_of_pickled_objects_is_not_loaded(folder, file):
    reader = Reader()
    cached(file, "", reader)
    [entry] = folder.iterdir()
    np.save(entry, np.array([{"images": IMAGES}], dtype=object), allow_pickle=True)
    assert_digits(cached(file, "", reader))
    assert reader.calls == 2


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch, file):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setenv("TENFOLD_CACHE", str(blocked))
    reader = Reader()
    for calls in (1, 2):
        assert_digits(cached(file, "", reader))
        assert reader.calls == calls


def test_the_newest_entries_are_kept(folder, file):
    for number in range(cache.KEPT + 3):
        cached(file, str(number), Reader())
        for entry in folder.glob("*.npy"):  # a clock too coarse must not decide
            os.utime(entry, ns=(entry.stat().st_mtime_ns - 10**9,) * 2)
        cached(file, "0", Reader())  # used, so it stays
    assert len(list(folder.iterdir())) == cache.KEPT
    unused = Reader()
    cached(file, "0", unused)
    assert unused.calls == 0


def test_a_file_that_changes_while_it_is_read_is_not_kept(folder, file):
    def read():
        file.write_bytes(b"other content, written meanwhile")
        return IMAGES, LABELS

    assert_digits(cached(file, "", read))
    assert not folder.exists() or not list(folder.iterdir())


def test_the_folder_without_the_variable(monkeypatch):
    monkeypatch.delenv("TENFOLD_CACHE", raising=False)
    assert cache.cache_folder().name.lower() in ("tenfold", "cache")
