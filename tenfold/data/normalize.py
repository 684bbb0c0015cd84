"""Images in the form that everything else expects: values up to 255, white on black, upright."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tenfold.data.dataset import Dataset, normalize_polarity
from tenfold.data.prototypes import ORIENTATIONS, UPRIGHT, center, similarity
from tenfold.images import Images, Labels

EXAMINED = 1_000  # images, evenly spread
MIN_EXAMINED = 100  # fewer say too little

# Of images that are examined in another orientation. On MNIST, Kaggle's and scikit-learn's digits, the wrong
# orientations are less similar to upright digits by 0.03 to 0.2, and nearest prototypes read 8 to 39 % of them, upright
# 72 to 93 %.
CLEARLY_MORE_SIMILAR, CLEARLY_MORE_ACCURATE, READABLE = 0.03, 0.25, 0.5
MORE_SIMILAR, MORE_ACCURATE = 0.02, 0.1


def normalize(dataset: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """The data set as everything else expects it, and a sentence for each change.

    Values of 0 and 1 become 0 and 255, black on white is inverted, and what is unmistakably mirrored or turned is
    brought upright.
    """
    notes = []
    if len(dataset) and dataset.images.max() == 1:
        dataset = replace(dataset, images=dataset.images * np.uint8(255))
        notes.append(f"{dataset.source} has only the pixel values 0 and 1: multiplied by 255.")
    inverted = normalize_polarity(dataset)
    if inverted is not dataset:
        dataset = inverted
        notes.append(f"{dataset.source} is black on white: inverted to white on black.")
    orientation, is_clear = find_orientation(dataset.images, dataset.labels)
    if is_clear:
        dataset = replace(dataset, images=np.ascontiguousarray(ORIENTATIONS[orientation](dataset.images)))
        notes.append(f"{dataset.source} is {orientation}: brought upright.")
    return dataset, tuple(notes)


def find_orientation(images: Images, labels: Labels | None) -> tuple[str, bool]:
    """How the images are stored, of ORIENTATIONS, and whether that is a clear case of another one than upright.

    Each orientation is undone, and what comes out is compared with upright digits. Few images are taken to be upright.
    """
    step = 1 + len(images) // EXAMINED
    images, labels = center(images[::step]), None if labels is None else labels[::step]
    if len(images) < MIN_EXAMINED:
        return UPRIGHT, False
    similarities = {name: similarity(undo(images)) for name, undo in ORIENTATIONS.items()}
    closeness = {name: float(np.median(values.max(axis=1))) for name, values in similarities.items()}
    if labels is None:
        return _judge(closeness, MORE_SIMILAR, CLEARLY_MORE_SIMILAR)
    accuracy = {name: float((values.argmax(axis=1) == labels).mean()) for name, values in similarities.items()}
    best, is_clear = _judge(accuracy, MORE_ACCURATE, CLEARLY_MORE_ACCURATE)
    if accuracy[best] < READABLE:
        return UPRIGHT, False
    return best, is_clear and _judge(closeness, MORE_SIMILAR, MORE_SIMILAR) == (best, True)


def _judge(scores: dict[str, float], margin: float, clear_margin: float) -> tuple[str, bool]:
    """The orientation of the highest score if that is above that of upright by the margin, and whether clearly so."""
    best = max(scores, key=scores.__getitem__)
    above = scores[best] - scores[UPRIGHT]
    return (best, above > clear_margin) if above > margin else (UPRIGHT, False)
