"""The model at work: two queues, one of 28x28 images that go to the network together, one of pictures to read."""

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
from tenfold.images import SIDE, Images
from tenfold.model import Model
from tenfold.ocr.image import FORMATS
from tenfold.ocr.reader import Expect, Reading, read
from tenfold.serving.batcher import Batcher
from tenfold.serving.errors import Refused
from tenfold.serving.explain import occlusion_map
from tenfold.serving.metrics import Metrics
from tenfold.serving.settings import Limits

INLINE_IMAGES = 16  # that the event loop itself sees to,
INLINE_SECONDS = 0.002  # where they hold it up for less than this
LARGEST = 64  # images to the network at once: more is hardly cheaper an image, and the first waits for the last


class Engine:
    """Made inside the event loop that it serves."""

    def __init__(self, model: Model, limits: Limits, metrics: Metrics, cores: float) -> None:
        """cores: that this process may use, as a share of those that there are for all."""
        self.model, self._most_pixels = model, limits.pixels
        inline = INLINE_IMAGES if _seconds(model, INLINE_IMAGES) < INLINE_SECONDS else 0
        self.images: Batcher[Images, NDArray[np.float32]] = Batcher(
            self._predict, capacity=limits.waiting_images, largest=LARGEST, seconds=limits.seconds,
            inline=inline, single_core=cores < 2, watch=metrics.batch("images"),
        )  # fmt: skip
        self.pictures: Batcher[tuple[bytes, Expect], Reading] = Batcher(
            self._read, capacity=limits.waiting_pictures, largest=1, seconds=limits.seconds,
            threads=min(4, math.ceil(cores)), watch=metrics.batch("pictures"),
        )  # fmt: skip
        metrics.queue("images", lambda: self.images.load)
        metrics.queue("pictures", lambda: self.pictures.load)

    async def predict(self, images: Images) -> NDArray[np.float32]:
        """uint8 (N, 28, 28) -> float32 (N, 10). Raises Busy, Late."""
        return await self.images(images, len(images))

    async def read(self, picture: bytes, expect: Expect) -> Reading:
        """Raises Busy, Late, and Refused for what is no picture that can be read."""
        return await self.pictures((picture, expect))

    async def looked(self, image: NDArray[np.uint8]) -> tuple[int, NDArray[np.float32]]:
        """What uint8 (28, 28) is read as, and how much each pixel's neighborhood speaks for that: (28, 28)."""
        return await occlusion_map(self.predict, image)

    def close(self) -> None:
        self.images.close()
        self.pictures.close()

    def _predict(self, batch: list[Images]) -> list[NDArray[np.float32]]:
        if len(batch) == 1:
            return [self.model.predict_proba(batch[0])]
        together = self.model.predict_proba(np.concatenate(batch))
        ends = accumulate(map(len, batch))
        return [together[end - len(images) : end] for images, end in zip(batch, ends, strict=True)]

    def _read(self, batch: list[tuple[bytes, Expect]]) -> list[Reading | Exception]:
        ((picture, expect),) = batch
        try:
            if _pixels(picture) > self._most_pixels:
                raise Refused(422, "too_many_pixels", f"the picture has more than {self._most_pixels:,} pixels")
            reading = read(picture, expect, self.model)
            for digit in reading.digits:
                digit.frame  # noqa: B018  # made here, not in the event loop
            return [reading]
        except Refused as refused:
            return [refused]
        except DataError as error:
            return [Refused(422, "unreadable", str(error))]


def _seconds(model: Model, images: int) -> float:
    """How long the network takes for so many, where nothing comes between."""
    few = np.zeros((images, SIDE, SIDE), np.uint8)
    model.predict_proba(few)  # the first call takes long
    return min(timeit.repeat(lambda: model.predict_proba(few), number=1, repeat=5))


def _pixels(picture: bytes) -> int:
    """As many as the picture's head says, before any of them is unpacked; 0 where it says nothing."""
    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as opened:
            return opened.width * opened.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return sys.maxsize
    except Exception:  # whatever is wrong with it, reading it says so
        return 0
