"""Read one row without a line network: cut it into small parts, and choose their best grouping into digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.vision.blobs import Blob, Map, joined, typical_height

MOST_PARTS = 4  # of one digit
CUT = 2.5  # what a cut through ink costs, in natural logarithms of probability
Judge = Callable[[list[NDArray[np.uint8]]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class Found:
    """A digit that was found: where, its ink alone, the ten probabilities, and that of being a digit at all."""

    blob: Blob
    ink: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    digitness: float


def is_sign(blob: Blob, height: float) -> bool:
    """Whether this is punctuation beside writing of `height`: a point, a comma, a dash, half an equals sign."""
    small = blob.height < 0.4 * height and blob.width < 0.5 * height
    dash = blob.height < 0.35 * height and blob.width > 1.2 * blob.height
    return small or dash


def read_row(ink: Map, row: Sequence[Blob], judge: Judge) -> list[Found]:
    """The digits of one row of characters, from the left; `judge` gives probabilities (N, 10) and digitness (N,)."""
    height = typical_height(row)
    parts = [part for blob in row if not is_sign(blob, height) for part in _cut(ink, blob, height)]
    parts.sort(key=lambda part: part.left + part.width / 2)
    groups = [
        (start, end, joined(parts[start:end]))
        for start in range(len(parts))
        for end in range(start + 1, min(start + MOST_PARTS, len(parts)) + 1)
        if end == start + 1 or joined(parts[start:end]).width <= 1.3 * height
    ]
    if not groups:
        return []
    crops = [ink.crop(blob) for _, _, blob in groups]
    probabilities, digitness = judge(crops)
    found = {
        (start, end): Found(blob, crop, p, float(d))
        for (start, end, blob), crop, p, d in zip(groups, crops, probabilities, digitness, strict=True)
    }
    return [found[span] for span in _best_path(found, len(parts), height)]


def _best_path(found: dict[tuple[int, int], Found], parts: int, height: float) -> list[tuple[int, int]]:
    """The grouping of all parts with the best sum of scores; a score counts as often as the group has parts."""
    best: list[tuple[float, list[tuple[int, int]]]] = [(0.0, [])]
    for end in range(1, parts + 1):
        choices = []
        for start in range(max(0, end - MOST_PARTS), end):
            if (start, end) in found:
                score, path = best[start]
                one = found[start, end]
                sure = float(one.probabilities.max()) * one.digitness
                worth = np.log(max(sure, 1e-6)) * (end - start) - CUT * one.blob.severed
                worth -= 0.5 * max(0.0, one.blob.width / height - 1.1)
                choices.append((score + worth, [*path, (start, end)]))
        best.append(max(choices))
    return best[-1][1]


def _cut(ink: Map, blob: Blob, height: float) -> list[Blob]:
    """A part that is wide enough for two digits, cut where it may be cut; else itself."""
    if blob.width < 0.85 * height:
        return [blob]
    w, h = blob.width, blob.height
    own = ink.crop(blob) > 0
    columns = own.sum(axis=0).astype(float)
    span = own.argmax(axis=0), h - own[::-1].argmax(axis=0)
    reach = np.where(columns > 0, span[1] - span[0], 0).astype(float)
    cost = np.convolve(columns + 0.3 * reach, np.ones(3) / 3, "same")
    apart = max(3, int(0.25 * height))
    cuts: list[int] = []
    for column in np.argsort(cost, kind="stable"):
        if len(cuts) >= max(1, round(2.5 * w / height)) or cost[column] > 0.75 * height:
            break
        if apart <= column <= w - apart and all(abs(column - cut) >= apart for cut in cuts):
            cuts.append(int(column))
    if not cuts:
        return [blob]
    return _sliced(ink, blob, sorted(cuts))


def _sliced(ink: Map, blob: Blob, cuts: list[int]) -> list[Blob]:
    x, y, w, h = blob.box
    labels = ink.labels[y : y + h, x : x + w]
    own = np.isin(labels, blob.labels)
    parts: list[Blob] = []
    for left, right in zip([0, *cuts], [*cuts, w], strict=True):
        piece = own[:, left:right]
        rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
        if not len(rows):
            continue
        label = int(ink.labels.max()) + 1
        labels[:, left:right][piece] = label
        box = (x + left + int(columns[0]), y + int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        parts.append(Blob((label,), box, int(piece.sum()), severed=bool(parts)))
    return parts
