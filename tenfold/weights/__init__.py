"""The bundled models; README.md in this folder is their card."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import RunError

# Of the hash of an image that digits.seen keeps: 60,000 hashes are then on average 2,237 apart, so that each difference
# fits into 16 bits, and 1 new image in 2,237 is taken for a known one.
SEEN_BITS = 27
DIFFERENCE = np.dtype("<u2")


def read_weights(name: str) -> bytes:
    """The bytes of the bundled NAME.onnx. Raises RunError if it is missing."""
    return _read(f"{name}.onnx")


def is_bundled_digest(sha256: str) -> bool:
    """Whether a file with this SHA-256 is the bundled model of digits."""
    return sha256 == hashlib.sha256(read_weights("digits")).hexdigest()


def seen_by_bundled(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which images the bundled model of digits was trained or validated with, bool (N,).

    hashes: uint64 (N,), as `hash_images` makes them. Every known image is recognized; of the others, 1 in 2,237 is
    taken for a known one.
    """
    known = np.cumsum(np.frombuffer(_read("digits.seen"), DIFFERENCE), dtype=np.uint64)
    return np.isin(_shorten(hashes), known)


def pack_hashes(hashes: NDArray[np.uint64]) -> bytes:
    """The content of digits.seen: differences of the sorted, shortened hashes. Raises ValueError for large gaps."""
    differences = np.diff(np.unique(_shorten(hashes)), prepend=np.uint64(0))
    if len(differences) and differences.max() > np.iinfo(DIFFERENCE).max:
        raise ValueError(f"too few images for hashes of {SEEN_BITS} bits: a difference needs more than 16 bits")
    return differences.astype(DIFFERENCE).tobytes()


def _shorten(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return hashes >> np.uint64(64 - SEEN_BITS)


def _read(name: str) -> bytes:
    file = files(__name__).joinpath(name)
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{file}: this file is missing; reinstall tenfold, which includes it") from None
