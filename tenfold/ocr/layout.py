"""Layout: components become characters, and characters become lines of text in reading order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.components import Component, merge, typical_height

MAX_SLOPE = 0.5  # of a line of text
MIN_OVERLAP = 0.35  # of heights, from which on neighbors are on one line
MAX_CHAINS = 30  # that are compared for lines that fell apart; a picture with more is a page or a pattern


def group_strokes(components: Sequence[Component]) -> list[Component]:
    """Merge the parts of broken characters: a part over, under or inside another one, and close to it."""
    remaining = Remaining(sorted(components, key=lambda one: -one.area))
    height = typical_height(components)
    characters: list[Component] = []
    while (character := remaining.pop()) is not None:
        while parts := remaining.take(remaining.are_strokes_of(character, height), limit=1):
            character = merge([character, *parts])
        characters.append(character)
    return sorted(characters, key=lambda one: one.left)


def merge_parts(components: Sequence[Component]) -> list[Component]:
    """Characters of a picture that shows one: parts that are close are merged wherever they lie."""
    if len(components) < 2:
        return list(components)
    remaining = Remaining(sorted(components, key=lambda one: -one.area * one.height))
    characters = []
    while (largest := remaining.pop()) is not None:
        are_near = remaining.gaps(largest) <= 0.2 * max(largest.width, largest.height)
        parts = remaining.take(are_near | remaining.are_strokes_of(largest, largest.height))
        characters.append(merge([largest, *parts]))
    return characters


class Remaining:
    """Components that are taken one after the other, all compared with another at once.

    In Python's own loops a page of two thousand components would take minutes.
    """

    def __init__(self, components: Sequence[Component]) -> None:
        self._components, self._is_left = list(components), np.ones(len(components), bool)
        boxes = np.array([one.box for one in components], np.int64).reshape(len(components), 4).T
        self._x0, self._y0 = boxes[:2]
        self._x1, self._y1 = boxes[:2] + boxes[2:]

    def pop(self) -> Component | None:
        """Take the first that is left."""
        return next(iter(self.take(self._is_left, limit=1)), None)

    def take(self, wanted: NDArray[np.bool_], limit: int | None = None) -> list[Component]:
        """Take those that are wanted and left, in order."""
        indices = np.flatnonzero(wanted & self._is_left)[:limit]
        self._is_left[indices] = False
        return [self._components[index] for index in indices]

    def are_strokes_of(self, character: Component, height: float) -> NDArray[np.bool_]:
        """Which are strokes of `character`, in writing of `height`: bool (N,)."""
        widths, heights = self._x1 - self._x0, self._y1 - self._y0
        overlap = np.minimum(self._x1, character.right) - np.maximum(self._x0, character.left)
        gap = np.maximum(self._y0 - character.bottom, character.top - self._y1).clip(min=0)
        merged_height = np.maximum(self._y1, character.bottom) - np.minimum(self._y0, character.top)
        merged_width = np.maximum(self._x1, character.right) - np.minimum(self._x0, character.left)
        is_bar = (widths > 2 * heights) & (self._y1 <= character.top)  # of a 5, drawn last and far too high
        fits = merged_height <= np.where(is_bar, 1.8, 1.35) * max(height, character.height)
        fits &= merged_width <= 1.5 * np.maximum(merged_height, height)
        is_near = overlap >= 0.5 * np.minimum(widths, character.width)
        is_near &= gap <= np.where(is_bar, 0.45, 0.25) * height
        belongs: NDArray[np.bool_] = fits & is_near
        return belongs

    def gaps(self, other: Component) -> NDArray[np.int64]:
        """The gaps between the boxes and another, int (N,); negative where they overlap."""
        across = np.maximum(self._x0 - other.right, other.left - self._x1)
        down = np.maximum(self._y0 - other.bottom, other.top - self._y1)
        gaps: NDArray[np.int64] = np.maximum(across, down)
        return gaps


def group_lines(characters: Sequence[Component]) -> list[list[Component]]:
    """Characters in reading order: lines from the top, each from the left. A line may rise or fall."""
    if not characters:
        return []
    height = typical_height(characters)
    # Lines are chained by what is large; small signs join them afterwards.
    large = [one for one in characters if one.height >= 0.5 * height]
    lines = _join_chains(_chain(large, height), height)
    for character in characters:
        if character.height < 0.5 * height:
            _add_small(character, lines, height)
    lines.sort(key=lambda line: float(np.mean([one.top + one.height / 2 for one in line])))
    return [sorted(line, key=lambda one: one.left) for line in lines]


def _chain(characters: Sequence[Component], height: float) -> list[list[Component]]:
    """Chains in which each character is level with one of the two before it."""
    chains: list[list[Component]] = []
    for character in sorted(characters, key=lambda one: one.left):
        best, best_overlap = None, MIN_OVERLAP
        for chain in chains:
            overlap = max(_overlap(character, last, height) for last in chain[-2:])
            if overlap > best_overlap:
                best, best_overlap = chain, overlap
        if best is None:
            chains.append([character])
        else:
            best.append(character)
    return chains


def _add_small(character: Component, lines: list[list[Component]], height: float) -> None:
    """Add a small character to the line that it is level with; drop it if there is none."""
    overlaps = [max(_overlap(character, other, height) for other in line) for line in lines]
    best = int(np.argmax(overlaps))
    if overlaps[best] > 0:
        lines[best].append(character)


def _join_chains(chains: list[list[Component]], height: float) -> list[list[Component]]:
    """Join chains that continue one another: steep lines fall apart where digits differ in height."""
    if len(chains) > MAX_CHAINS:
        return chains
    for one, other in itertools.permutations(chains, 2):
        if _continues(one, other, height):
            rest = [chain for chain in chains if chain is not one and chain is not other]
            return _join_chains([*rest, one + other], height)
    return chains


def _continues(one: Sequence[Component], other: Sequence[Component], height: float) -> bool:
    """Whether `other` begins where `one` ends, both on one straight line that is not too steep."""
    gap = min(part.left for part in other) - max(part.right for part in one)
    if not -0.3 * height < gap < height or len(one) + len(other) < 3:
        return False
    across = np.array([part.left + part.width / 2 for part in (*one, *other)])
    down = np.array([part.top + part.height / 2 for part in (*one, *other)])
    slope, offset = np.polyfit(across, down, 1)
    distance = np.abs(down - slope * across - offset).max()
    return bool(abs(slope) < MAX_SLOPE and distance < 0.2 * height)


def _overlap(one: Component, other: Component, height: float) -> float:
    """The fraction of the smaller height at which both stand; less the farther apart they are."""
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    distance = max(one.left - other.right, other.left - one.right, 0)
    return overlap / min(one.height, other.height) - 0.02 * distance / max(height, 1)
