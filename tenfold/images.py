"""What all modules have in common: the size and classes of images, array types, and image hashes."""

import hashlib

import numpy as np
from numpy.typing import NDArray

SIDE = 28
CLASSES = 10

Images = NDArray[np.uint8]  # (N, 28, 28), white ink (255) on black (0)
Labels = NDArray[np.uint8]  # (N,), 0 to 9


def hash_images(images: Images) -> NDArray[np.uint64]:
    """A 64-bit hash of the pixels of each image, uint64 (N,); equal images have equal hashes.

    Among 70,000 different images, the probability of any collision is about 1 in 7 billion.
    """
    flat = np.ascontiguousarray(images).reshape(len(images), SIDE * SIDE)
    digests = b"".join(hashlib.blake2b(pixels.data, digest_size=8).digest() for pixels in flat)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
