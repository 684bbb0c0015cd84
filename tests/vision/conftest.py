"""Pictures that the tests draw, and a reader of drawn digits that needs no training."""

import cv2
import numpy as np
import pytest

from tenfold.vision.frame import frame


def drawn(text, height=60, pen=5, margin=20, gap=0):
    """White writing on black, uint8 (H, W), in OpenCV's stroke font."""
    scale = height / 22
    (width, up), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, pen)
    ink = np.zeros((up + 2 * margin, width + gap * len(text) + 2 * margin), np.uint8)
    x = margin
    for letter in text:
        cv2.putText(ink, letter, (x, margin + up), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, pen, cv2.LINE_AA)
        x += cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, scale, pen)[0][0] + gap
    return ink


def on_paper(ink, paper=220, pen=60, unrest=3.0, seed=0):
    """The ink as a photo shows it: dark on light, softened, with the camera's noise."""
    grey = paper - (paper - pen) * (ink / 255)
    grey = cv2.GaussianBlur(grey, (0, 0), 0.7) + np.random.default_rng(seed).normal(0, unrest, ink.shape)
    return grey.clip(0, 255).astype(np.uint8)


class NearestDigit:
    """Stands in for a model: the drawn digit that an image is nearest to."""

    def __init__(self):
        crops = [(digit, drawn(str(digit), 80, pen)) for digit in range(10) for pen in (3, 6, 9, 12)]
        self.values = np.array([digit for digit, _ in crops])
        self.known = np.stack([frame(crop) for _, crop in crops]).astype(np.float32)

    def _distances(self, images):
        blurred = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.2).ravel() for image in images]
        known = [cv2.GaussianBlur(image, (0, 0), 1.2).ravel() for image in self.known]
        away = np.stack([[np.sqrt(np.mean((a - b) ** 2)) for b in known] for a in blurred])
        return np.stack([away[:, self.values == digit].min(axis=1) for digit in range(10)], axis=1)

    def predict_proba(self, images):
        worth = np.exp(-self._distances(images) / 4)
        return (worth / worth.sum(axis=1, keepdims=True)).astype(np.float32)

    def digitness(self, images):
        return (1 / (1 + np.exp((self._distances(images).min(axis=1) - 35) / 4))).astype(np.float32)


@pytest.fixture(scope="session")
def model():
    return NearestDigit()
