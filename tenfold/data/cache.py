"""Parsed CSV files, kept in the user's cache under a hash of the file's bytes.

An entry is one `.npy` file with its own checksum. Nothing about the cache can fail a reading: an entry that is
damaged is made anew, and where the folder can't be written nothing is kept.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import xxhash

from tenfold.data.formats.csv import Digits
from tenfold.files import replacing
from tenfold.images import SIDE, Images, Labels

KEPT = 8  # entries; Kaggle's two files take 33 and 22 MB


def cache_folder() -> Path:
    """Where downloads and parsed files are kept: TENFOLD_CACHE, or the system's place for caches."""
    return Path(os.environ.get("TENFOLD_CACHE") or platformdirs.user_cache_path("tenfold", appauthor=False))


def content_hash(path: Path) -> str:
    """xxh3 (128 bits) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def cached(path: Path, member: str, read: Callable[[], Digits]) -> Digits:
    """What `read` gives for the CSV file `path` (or `member` in that archive), from the cache where it is there."""
    before = path.stat()
    key = xxhash.xxh3_128_hexdigest(f"{content_hash(path)} {member}".encode())
    entry = cache_folder() / "csv-1" / f"{key}.npy"
    digits = _load(entry)
    if digits is None:
        digits = read()
        after = path.stat()
        # A file that was written to while it was read may not be the one that was hashed.
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            with contextlib.suppress(OSError):
                _store(entry, digits)
                _forget_oldest(entry.parent)
    return digits


def _load(entry: Path) -> Digits | None:
    try:
        # Mapped copy-on-write, straight from the system's file cache: entries are replaced, never changed.
        record = np.load(entry, mmap_mode="c", allow_pickle=False)
        images, labels = np.asarray(record["images"]), np.asarray(record["labels"])
        if images.shape[1:] != (SIDE, SIDE) or int(record["checksum"]) != _checksum(images, labels):
            return None
        os.utime(entry)
    except Exception:  # whatever is wrong with an entry, the file itself can still be read
        return None
    return images, labels if len(labels) else None


def _store(entry: Path, digits: Digits) -> None:
    images, labels = digits
    if labels is None:
        labels = np.empty(0, np.uint8)
    fields = [("checksum", "<u8"), ("labels", "|u1", labels.shape), ("images", "|u1", images.shape)]
    with replacing(entry) as beside, beside.open("wb") as file:
        # np.save would need a second copy of everything in one record.
        np.lib.format.write_array_header_1_0(file, {"descr": fields, "fortran_order": False, "shape": ()})
        file.write(_checksum(images, labels).to_bytes(8, "little"))
        file.write(labels.data)
        file.write(images.data)


def _checksum(images: Images, labels: Labels) -> int:
    state = xxhash.xxh3_64(f"{images.shape} {labels.shape}".encode())
    state.update(labels.data)
    state.update(images.data)
    return state.intdigest()


def _forget_oldest(folder: Path) -> None:
    entries = sorted(folder.glob("*.npy"), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in entries[KEPT:]:
        entry.unlink(missing_ok=True)
