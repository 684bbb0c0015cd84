"""Whether images look like upright digits, and whether labels fit them: quick tests on up to 1,000 samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding, first_samples
from tenfold.data.normalize import EXAMINED, MIN_EXAMINED, find_orientation
from tenfold.data.prototypes import UPRIGHT, center, features, similarity
from tenfold.images import CLASSES

if TYPE_CHECKING:
    from tenfold.model import Model

# Median similarity to the nearest prototype: MNIST's digits 0.88, scikit-learn's 0.91, scaled to a third of the area
# 0.77, Fashion-MNIST 0.75.
DIGIT_LIKE = 0.8
DIGITNESS_EXAMINED = 100  # images that the bundled model is asked about, in 20 ms
MIN_DIGITNESS, MIN_DIGIT_FRACTION = 0.5, 0.5

# Where the nearest prototype is clear, it disagrees with 0.6 % of MNIST's labels and with none of scikit-learn's.
CLEAR_MARGIN, MAX_DISAGREEMENT = 0.1, 0.03
MAX_DOUBTFUL = 0.5  # of the labels; if more differ, they are not mistakes of single ones
MIN_CLEAR = 50
# A classifier that learned from labels at random is right about one time in ten; the mean image of each class reads
# 80 % of MNIST and 68 % of Fashion-MNIST.
LEARNABLE = 0.2


def plausibility_findings(dataset: Dataset, name: str) -> Iterator[Finding]:
    """name: of the split, for messages ("training")."""
    step = 1 + len(dataset) // EXAMINED
    examined = dataset.subset(slice(None, None, step))
    if len(examined) < MIN_EXAMINED:
        return
    orientation, _ = find_orientation(examined.images, examined.labels)
    if orientation != UPRIGHT:
        yield Finding(
            "warning", "orientation", f"{name} images look {orientation}; turn them upright if they are digits"
        )
        return
    if not are_digits(examined):
        yield Finding(
            "warning", "not_digits", f"{name} images don't look like handwritten digits, which tenfold is made to read"
        )
        yield from _shuffled_labels(examined, name)
    elif examined.labels is not None:
        yield from _doubtful_labels(examined, step, name)


def are_digits(dataset: Dataset) -> bool:
    """Whether most images look like digits: to the prototypes, else to the bundled model."""
    if np.median(similarity(center(dataset.images)).max(axis=1)) >= DIGIT_LIKE:
        return True
    images = dataset.images[:: max(1, len(dataset) // DIGITNESS_EXAMINED)]
    return bool((_bundled_model().digitness(images) > MIN_DIGITNESS).mean() >= MIN_DIGIT_FRACTION)


def _doubtful_labels(examined: Dataset, step: int, name: str) -> Iterator[Finding]:
    """step: of the examined samples in the data set."""
    similarities = similarity(center(examined.images))
    ranked = np.sort(similarities, axis=1)
    is_clear = ranked[:, -1] - ranked[:, -2] > CLEAR_MARGIN
    disagrees = is_clear & (similarities.argmax(axis=1) != examined.labels)
    if is_clear.sum() < MIN_CLEAR:
        yield from _shuffled_labels(examined, name)
        return
    if disagrees.sum() <= MAX_DISAGREEMENT * is_clear.sum():
        return
    indices = np.flatnonzero(disagrees)
    confirmed = _disagrees_with_bundled(examined.subset(indices[:DIGITNESS_EXAMINED]))
    fraction = float(confirmed.mean() * disagrees.sum() / is_clear.sum())
    if fraction <= MAX_DISAGREEMENT:
        return
    samples = first_samples(step * indices[: len(confirmed)][confirmed])
    if fraction > MAX_DOUBTFUL:
        text = f"{name} labels don't fit the images, as if shuffled or shifted: of the clearest digits,"
        yield Finding("warning", "shuffled_labels", f"{text} {100 * fraction:.0f} % have another label", samples)
    else:
        text = f"about {100 * fraction:.0f} % of the {name} labels look wrong"
        yield Finding("warning", "doubtful_labels", f"{text}, such as that of sample {samples[0] + 1:,}", samples)


def _disagrees_with_bundled(dataset: Dataset) -> NDArray[np.bool_]:
    """Which labels the bundled model contradicts too: prototypes are misled by digits in another frame."""
    disagrees: NDArray[np.bool_] = _bundled_model().predict(dataset.images) != dataset.labels
    return disagrees


def _bundled_model() -> Model:
    from tenfold.model import load_model  # loading it takes longer than all other tests, and few data sets need it

    return load_model(threads=1)


def _shuffled_labels(examined: Dataset, name: str) -> Iterator[Finding]:
    """Labels from which the mean image of each class can't be learned: fitted to one half, tested on the other."""
    if examined.labels is None or len(np.unique(examined.labels)) < 2:
        return
    pixels = features(examined.images)
    # In random order: data are often sorted by label, or have the labels in turn.
    learned, tested = np.array_split(np.random.default_rng(0).permutation(len(examined)), 2)
    means = np.full((CLASSES, pixels.shape[1]), np.inf, np.float32)
    for label in np.unique(examined.labels[learned]):
        means[label] = pixels[learned][examined.labels[learned] == label].mean(axis=0)
    distances = np.linalg.norm(pixels[tested][:, None] - means, axis=2)
    accuracy = (distances.argmin(axis=1) == examined.labels[tested]).mean()
    most_common = np.bincount(examined.labels[tested]).max() / len(distances)
    if accuracy < max(LEARNABLE, most_common):
        text = f"{name} labels don't fit the images, as if shuffled: the mean images of the classes tell them apart in"
        yield Finding("warning", "shuffled_labels", f"{text} {100 * accuracy:.0f} % of the samples")
