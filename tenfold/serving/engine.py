"""The models at work: one queue of 28x28 images, which are classified in batches, and one of pictures to read."""

from __future__ import annotations

import io
import math
import sys
import timeit
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.errors import DataError
from tenfold.explain import Explanation, Occlusion
from tenfold.images import SIDE, Images
from tenfold.model import Model
from tenfold.ocr.image import FORMATS
from tenfold.ocr.reader import Reader
from tenfold.ocr.reading import Expect, Reading
from tenfold.serving.batcher import Batcher
from tenfold.serving.errors import APIError
from tenfold.serving.metrics import Metrics
from tenfold.serving.settings import Limits

INLINE_IMAGES = 16  # computed in the event loop,
INLINE_SECONDS = 0.002  # if that blocks it for less than this
MAX_BATCH = 64  # images: larger batches are hardly faster for each, and the first waits for the last
MAX_PICTURE_THREADS = 4


class Engine:
    """cores: CPU cores that this process may use, fractions included."""

    def __init__(self, model: Model, limits: Limits, metrics: Metrics, cores: float) -> None:
        self.model, self._reader, self._max_pixels = model, Reader(model), limits.pixels
        inline = INLINE_IMAGES if _seconds(model, INLINE_IMAGES) < INLINE_SECONDS else 0
        self.images: Batcher[Images, NDArray[np.float32]] = Batcher(
            self._predict,
            capacity=limits.waiting_images,
            max_batch=MAX_BATCH,
            timeout=limits.seconds,
            inline=inline,
            on_batch=metrics.batch_observer("images"),
        )
        self.pictures: Batcher[tuple[bytes, Expect], Reading] = Batcher(
            self._read,
            capacity=limits.waiting_pictures,
            max_batch=1,
            timeout=limits.seconds,
            threads=min(MAX_PICTURE_THREADS, math.ceil(cores)),
            on_batch=metrics.batch_observer("pictures"),
        )
        metrics.watch_queue("images", lambda: self.images.load)
        metrics.watch_queue("pictures", lambda: self.pictures.load)

    async def predict(self, images: Images) -> NDArray[np.float32]:
        """uint8 (N, 28, 28) -> float32 (N, 10). Raises QueueFull, RequestTimeout."""
        return await self.images(images, len(images))

    async def read(self, picture: bytes, expect: Expect) -> Reading:
        """Raises QueueFull, RequestTimeout, and APIError (422) for bytes that are not a readable picture."""
        return await self.pictures((picture, expect))

    async def explain(self, image: NDArray[np.uint8]) -> Explanation:
        """The predicted digit of uint8 (28, 28), and a heatmap (28, 28) of what supports it."""
        occlusion = Occlusion(image)
        return occlusion.explain(await self.predict(occlusion.images))

    def close(self) -> None:
        self.images.close()
        self.pictures.close()

    def _predict(self, batch: list[Images]) -> list[NDArray[np.float32]]:
        if len(batch) == 1:
            return [self.model.predict_proba(batch[0])]
        probabilities = self.model.predict_proba(np.concatenate(batch))
        ends = accumulate(map(len, batch))
        return [probabilities[end - len(images) : end] for images, end in zip(batch, ends, strict=True)]

    def _read(self, batch: list[tuple[bytes, Expect]]) -> list[Reading | Exception]:
        ((picture, expect),) = batch
        if _pixel_count(picture) > self._max_pixels:
            return [APIError(422, "too_many_pixels", f"the picture has more than {self._max_pixels:,} pixels")]
        try:
            return [self._reader.read(picture, expect)]
        except DataError as error:
            return [APIError(422, "unreadable", str(error))]


def _seconds(model: Model, count: int) -> float:
    """The shortest time that the network takes for so many images."""
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    model.predict_proba(images)  # the first call takes long
    return min(timeit.repeat(lambda: model.predict_proba(images), number=1, repeat=5))


def _pixel_count(picture: bytes) -> int:
    """As many as the picture's header says, before any of them is decoded; 0 if it can't be parsed."""
    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as image:
            return image.width * image.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return sys.maxsize
    except Exception:  # reading it reports what is wrong
        return 0
