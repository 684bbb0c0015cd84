"""Digits of a line by segmentation: cut it into small parts, and find the best grouping of them into digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.classify import Classify
from tenfold.ocr.components import Component, LabeledInk, merge, typical_height

MAX_PARTS = 4  # of one digit
SKIP_SCORE = -2  # of a part that belongs to no digit
CUT_COST = 1  # of a cut through ink; both in natural logarithms of probability


@dataclass(frozen=True, eq=False)
class DigitCandidate:
    """A possible digit: where it is, its ink alone, ten probabilities, and the probability of being a digit at all."""

    component: Component
    ink: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    digitness: float

    @property
    def value(self) -> int:
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        return float(self.probabilities.max()) * self.digitness


ScoredDigits = tuple[float, list[DigitCandidate]]  # a score and the digits that it is the sum of


def is_punctuation(component: Component, height: float) -> bool:
    """Whether this is a point, comma, dash or half an equals sign beside writing of `height`."""
    is_small = component.height < 0.4 * height and component.width < 0.5 * height
    is_dash = component.height < 0.35 * height and component.width > 1.2 * component.height
    return is_small or is_dash


def remove_punctuation(line: Sequence[Component]) -> list[Component]:
    height = typical_height(line)
    return [component for component in line if not is_punctuation(component, height)]


class Lattice:
    """All ways to group the small parts of a line into digits, each group classified.

    Wide components are cut, which gives their parts labels of their own in `ink`.
    """

    def __init__(self, ink: LabeledInk, line: Sequence[Component], classify: Classify) -> None:
        self.height = typical_height(line)
        parts = [part for component in remove_punctuation(line) for part in _cut(ink, component, self.height)]
        parts.sort(key=lambda part: part.left + part.width / 2)
        self.length = len(parts)
        groups = [
            (start, end, merge(parts[start:end]))
            for start in range(len(parts))
            for end in range(start + 1, min(start + MAX_PARTS, len(parts)) + 1)
            if end == start + 1 or merge(parts[start:end]).width <= 1.3 * self.height
        ]
        self.candidates: dict[tuple[int, int], DigitCandidate] = {}
        if groups:
            crops = [ink.crop(component) for _, _, component in groups]
            for (start, end, component), crop, probabilities, digitness in zip(
                groups, crops, *classify(crops), strict=True
            ):
                self.candidates[start, end] = DigitCandidate(component, crop, probabilities, float(digitness))

    def best(self) -> list[DigitCandidate]:
        """The digits of the grouping with the highest score."""
        paths: list[ScoredDigits] = [(0.0, [])]
        for end in range(1, self.length + 1):
            paths.append(max(self._extend(paths, end, None), key=lambda path: path[0]))
        return paths[-1][1]

    def align(self, text: Sequence[int]) -> list[DigitCandidate]:
        """The digits of the best grouping that reads as `text`; empty if there is no such grouping."""
        impossible: ScoredDigits = (-np.inf, [])
        paths: list[ScoredDigits] = [(SKIP_SCORE * end, []) for end in range(self.length + 1)]
        for value in text:
            longer = [impossible]
            for end in range(1, self.length + 1):
                skipped = (longer[end - 1][0] + SKIP_SCORE, longer[end - 1][1])
                longer.append(max([skipped, *self._extend(paths, end, value)], key=lambda path: path[0]))
            paths = longer
        return paths[-1][1]

    def _extend(self, paths: list[ScoredDigits], end: int, value: int | None) -> Iterator[ScoredDigits]:
        """Each path with a last group that ends at `end` and is read as `value`, or as its most probable digit."""
        for start in range(max(0, end - MAX_PARTS), end):
            candidate = self.candidates.get((start, end))
            if candidate is not None:
                probability = candidate.probabilities.max() if value is None else candidate.probabilities[value]
                score = np.log(max(float(probability) * candidate.digitness, 1e-6))
                # If the text is open a score counts once per part of the group, or few large groups would win.
                score = score * (end - start if value is None else 1) - CUT_COST * candidate.component.is_cut
                score -= 0.5 * max(0.0, candidate.component.width / self.height - 1.1)
                yield paths[start][0] + score, [*paths[start][1], candidate]


def _cut(ink: LabeledInk, component: Component, height: float) -> list[Component]:
    """A component that is wide enough for two digits, cut where it has little ink; else the component itself."""
    if component.width < 0.85 * height:
        return [component]
    w, h = component.width, component.height
    own = ink.crop(component) > 0
    columns = own.sum(axis=0).astype(float)
    top, bottom = own.argmax(axis=0), h - own[::-1].argmax(axis=0)
    extent = np.where(columns > 0, bottom - top, 0).astype(float)
    cost = np.convolve(columns + 0.3 * extent, np.ones(3) / 3, "same")
    min_distance = max(3, int(0.25 * height))
    cuts: list[int] = []
    for column in np.argsort(cost, kind="stable"):
        if len(cuts) >= max(1, round(2.5 * w / height)) or cost[column] > 0.75 * height:
            break
        if min_distance <= column <= w - min_distance and all(abs(column - cut) >= min_distance for cut in cuts):
            cuts.append(int(column))
    return _split(ink, component, sorted(cuts)) if cuts else [component]


def _split(ink: LabeledInk, component: Component, cuts: list[int]) -> list[Component]:
    x, y, w, h = component.box
    labels, mask = ink.labels[y : y + h, x : x + w], ink.mask(component)
    parts: list[Component] = []
    for left, right in zip([0, *cuts], [*cuts, w], strict=True):
        part = mask[:, left:right]
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        if not len(rows):
            continue
        label = int(ink.labels.max()) + 1
        labels[:, left:right][part] = label
        box = (x + left + int(columns[0]), y + int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        parts.append(Component((label,), box, int(part.sum()), is_cut=bool(parts)))
    return parts
