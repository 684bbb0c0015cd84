"""Pictures that the tests draw, and a model of drawn digits that needs no training."""

import cv2
import numpy as np

from tenfold.ocr.framing import frame


def arc(x, y, across, down, begin, end):
    """Points of an ellipse's arc, degrees clockwise from the right, in units of the digit's height."""
    angles = np.deg2rad(np.linspace(begin, end, 25))
    return [(x + across * np.cos(angle), y + down * np.sin(angle)) for angle in angles]


STROKES = {  # one line of points or several, x from 0 to 0.6, y from 0 to 1
    "0": [arc(0.3, 0.5, 0.3, 0.5, 0, 360)],
    "1": [[(0.1, 0.2), (0.35, 0), (0.35, 1)]],
    "2": [[*arc(0.3, 0.28, 0.27, 0.28, -170, 30), (0.02, 1), (0.6, 1)]],
    "3": [[*arc(0.27, 0.25, 0.28, 0.25, -160, 90), *arc(0.27, 0.75, 0.32, 0.25, -90, 160)]],
    "4": [[(0.4, 0), (0, 0.65), (0.6, 0.65)], [(0.42, 0.4), (0.42, 1)]],
    "5": [[(0.55, 0), (0.1, 0), (0.06, 0.45), *arc(0.27, 0.68, 0.31, 0.32, -110, 150)]],
    "6": [[(0.5, 0), *arc(0.3, 0.68, 0.29, 0.32, -170, 190)]],
    "7": [[(0, 0), (0.6, 0), (0.2, 1)]],
    "8": [arc(0.3, 0.24, 0.24, 0.24, 90, 450), arc(0.3, 0.74, 0.3, 0.26, -90, 270)],
    "9": [[*arc(0.3, 0.3, 0.28, 0.3, 10, 370), (0.5, 1)]],
    " ": [],
}


def draw_digits(text, height=60, pen=5, margin=20, gap=None):
    """White digits on black, uint8 (H, W), drawn with a round pen; `gap` pixels between them."""
    gap = height // 4 if gap is None else gap
    step = int(0.6 * height) + pen + gap
    ink = np.zeros((height + pen + 2 * margin, step * len(text) - gap + 2 * margin), np.uint8)
    for index, digit in enumerate(text):
        corner = margin + pen / 2 + index * step, margin + pen / 2
        for stroke in STROKES[digit]:
            points = np.round(np.array(stroke) * height + corner).astype(np.int32)
            cv2.polylines(ink, [points], False, 255, pen, cv2.LINE_AA)
    return ink


def draw_on_paper(ink, paper=220, pen=60, noise=3.0, seed=0):
    """The ink as a photo shows it: dark on light, softened, with the camera's noise."""
    gray = paper - (paper - pen) * (ink / 255)
    gray = cv2.GaussianBlur(gray, (0, 0), 0.7) + np.random.default_rng(seed).normal(0, noise, ink.shape)
    return gray.clip(0, 255).astype(np.uint8)


class NearestDigit:
    """Stands in for a model: the drawn digit that an image is nearest to."""

    digest = "nearest"

    def __init__(self):
        crops = [(digit, draw_digits(str(digit), 80, pen)) for digit in range(10) for pen in (3, 6, 9, 12)]
        self.values = np.array([digit for digit, _ in crops])
        self.known = np.stack([frame(crop) for _, crop in crops]).astype(np.float32)

    def _distances(self, images):
        blurred = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.2).ravel() for image in images]
        known = [cv2.GaussianBlur(image, (0, 0), 1.2).ravel() for image in self.known]
        distances = np.stack([[np.sqrt(np.mean((a - b) ** 2)) for b in known] for a in blurred])
        return np.stack([distances[:, self.values == digit].min(axis=1) for digit in range(10)], axis=1)

    def predict_with_digitness(self, images):
        distances = self._distances(images)
        likelihoods = np.exp(-distances / 4)
        digitness = 1 / (1 + np.exp((distances.min(axis=1) - 35) / 4))
        return (likelihoods / likelihoods.sum(axis=1, keepdims=True)).astype(np.float32), digitness.astype(np.float32)
