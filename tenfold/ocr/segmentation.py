"""A row of digits read piece by piece: cut it into small parts, and choose their best grouping into digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.components import Blob, Components, joined, typical_height

MOST_PARTS = 4  # of one digit
LEFT_OUT = -2  # what a part that is no digit costs
CUT = 1  # what a cut through ink costs, in natural logarithms of probability
Judge = Callable[[list[NDArray[np.uint8]]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class Found:
    """A digit that was found: where, its ink alone, the ten probabilities, and that of being a digit at all."""

    blob: Blob
    ink: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    digitness: float

    @property
    def value(self) -> int:
        return int(self.probabilities.argmax())

    @property
    def sure(self) -> float:
        return float(self.probabilities.max()) * self.digitness


def is_sign(blob: Blob, height: float) -> bool:
    """Whether this is punctuation beside writing of `height`: a point, a comma, a dash, half an equals sign."""
    small = blob.height < 0.4 * height and blob.width < 0.5 * height
    dash = blob.height < 0.35 * height and blob.width > 1.2 * blob.height
    return small or dash


class Lattice:
    """All ways to group the small parts of a row into digits, each group judged.

    `judge` gives probabilities (N, 10) and digitness (N,) of N groups.
    """

    def __init__(self, ink: Components, row: Sequence[Blob], judge: Judge) -> None:
        self.height = typical_height(row)
        parts = [part for blob in row if not is_sign(blob, self.height) for part in _cut(ink, blob, self.height)]
        parts.sort(key=lambda part: part.left + part.width / 2)
        self.parts = len(parts)
        groups = [
            (start, end, joined(parts[start:end]))
            for start in range(len(parts))
            for end in range(start + 1, min(start + MOST_PARTS, len(parts)) + 1)
            if end == start + 1 or joined(parts[start:end]).width <= 1.3 * self.height
        ]
        self.found: dict[tuple[int, int], Found] = {}
        if groups:
            crops = [ink.crop(blob) for _, _, blob in groups]
            judged = zip(groups, crops, *judge(crops), strict=True)
            for (start, end, blob), crop, probabilities, digitness in judged:
                self.found[start, end] = Found(blob, crop, probabilities, float(digitness))

    def best(self) -> list[Found]:
        """The digits of the grouping with the best sum of scores."""
        sums: list[tuple[float, list[Found]]] = [(0.0, [])]
        for end in range(1, self.parts + 1):
            sums.append(max(self._steps(sums, end, None), key=lambda choice: choice[0]))
        return sums[-1][1]

    def reads_as(self, text: Sequence[int]) -> list[Found]:
        """The digits of the best grouping that reads as `text`; none where there is no such grouping."""
        none: tuple[float, list[Found]] = (-np.inf, [])
        before: list[tuple[float, list[Found]]] = [(LEFT_OUT * end, []) for end in range(self.parts + 1)]
        for value in text:
            after = [none]
            for end in range(1, self.parts + 1):
                left_out = (after[end - 1][0] + LEFT_OUT, after[end - 1][1])
                after.append(max([left_out, *self._steps(before, end, value)], key=lambda choice: choice[0]))
            before = after
        return before[-1][1]

    def _steps(
        self, sums: list[tuple[float, list[Found]]], end: int, value: int | None
    ) -> Iterator[tuple[float, list[Found]]]:
        """What a last group that ends at `end`, being `value` or whatever it is likeliest, makes of the sums so far."""
        for start in range(max(0, end - MOST_PARTS), end):
            one = self.found.get((start, end))
            if one is not None:
                chance = one.probabilities.max() if value is None else one.probabilities[value]
                worth = np.log(max(float(chance) * one.digitness, 1e-6))
                # Where the text is open a score counts as often as the group has parts, or few large groups would win.
                worth = worth * (end - start if value is None else 1) - CUT * one.blob.severed
                worth -= 0.5 * max(0.0, one.blob.width / self.height - 1.1)
                yield sums[start][0] + worth, [*sums[start][1], one]


def _cut(ink: Components, blob: Blob, height: float) -> list[Blob]:
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


def _sliced(ink: Components, blob: Blob, cuts: list[int]) -> list[Blob]:
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
