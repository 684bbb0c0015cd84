"""From ink to characters: connected parts, specks and rulings dropped, broken strokes joined, rows in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

INK = 60  # of 255: fainter edges join no parts
Box = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Blob:
    """Connected ink, or several pieces of it that belong together: their labels, the box around them, their pixels."""

    labels: tuple[int, ...]
    box: Box
    area: int
    severed: bool = False  # cut off what lies at its left

    @property
    def left(self) -> int:
        return self.box[0]

    @property
    def right(self) -> int:
        return self.box[0] + self.box[2]

    @property
    def top(self) -> int:
        return self.box[1]

    @property
    def bottom(self) -> int:
        return self.box[1] + self.box[3]

    @property
    def width(self) -> int:
        return self.box[2]

    @property
    def height(self) -> int:
        return self.box[3]

    @property
    def is_thin(self) -> bool:
        return max(self.box[2:]) > 7 * min(self.box[2:])


def joined(blobs: Sequence[Blob]) -> Blob:
    left, top = min(blob.left for blob in blobs), min(blob.top for blob in blobs)
    right, bottom = max(blob.right for blob in blobs), max(blob.bottom for blob in blobs)
    labels = tuple(label for blob in blobs for label in blob.labels)
    return Blob(labels, (left, top, right - left, bottom - top), sum(blob.area for blob in blobs), blobs[0].severed)


@dataclass
class Map:
    """Ink with its parts: ink uint8 (H, W), labels int32 (H, W), 0 being paper."""

    ink: NDArray[np.uint8]
    labels: NDArray[np.int32]
    blobs: list[Blob] = field(default_factory=list)

    def crop(self, blob: Blob) -> NDArray[np.uint8]:
        """The ink of `blob` alone, uint8 (h, w) of its box."""
        x, y, width, height = blob.box
        labels = self.labels[y : y + height, x : x + width]
        own = labels == blob.labels[0]
        for label in blob.labels[1:]:
            own |= labels == label
        # Faint edges belong to the part they lie beside.
        own |= (cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (labels == 0)
        return np.where(own, self.ink[y : y + height, x : x + width], 0).astype(np.uint8)


def find_blobs(ink: NDArray[np.uint8]) -> Map:
    """All connected parts of `ink`, uint8 (H, W), from the left."""
    core = (ink >= INK).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    blobs = [
        Blob((label,), (int(x), int(y), int(width), int(height)), int(area))
        for label, (x, y, width, height, area) in enumerate(stats)
        if label > 0
    ]
    return Map(ink, labels.astype(np.int32, copy=False), sorted(blobs, key=lambda blob: blob.left))


def typical_height(blobs: Sequence[Blob]) -> float:
    """The height of the writing: the median, in which each part counts by its height and ink. Specks don't."""
    tall = sorted((blob.height, blob.area * blob.height) for blob in blobs)
    total, so_far = sum(weight for _, weight in tall), 0
    for height, weight in tall:
        so_far += weight
        if 2 * so_far >= total:
            return float(height)
    return 0.0


def without_specks(blobs: Sequence[Blob]) -> list[Blob]:
    """Drop what is far smaller than the writing; larger specks too where they are many, for then they are a pattern."""
    height = typical_height(blobs)
    kept = [blob for blob in blobs if max(blob.width, blob.height) >= 0.12 * height and blob.area > 2]
    larger = [blob for blob in kept if max(blob.width, blob.height) >= 0.3 * height]
    return larger if len(kept) > 8 + 3 * len(larger) else kept


def without_frame(map_: Map) -> Map:
    """Without the frame around the writing, if there is one: ink along the edges of its box, with writing inside."""
    height, width = map_.ink.shape
    for blob in map_.blobs:
        x, y, w, h = blob.box
        if w < 0.6 * width or h < 0.6 * height or blob.area > 0.2 * w * h:
            continue
        if not any(other.height > 0.15 * h for other in map_.blobs if _is_inside(other, blob)):
            continue
        own = map_.labels[y : y + h, x : x + w] == blob.labels[0]
        inner = own[h // 8 : h - h // 8, w // 8 : w - w // 8]
        if inner.sum() < 0.1 * own.sum():
            frame = cv2.dilate((map_.labels == blob.labels[0]).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            return find_blobs(np.where(frame, 0, map_.ink).astype(np.uint8))
    return map_


def _is_inside(one: Blob, other: Blob) -> bool:
    return other.left < one.left and one.right < other.right and other.top < one.top and one.bottom < other.bottom


def without_lines(blobs: Sequence[Blob], size: tuple[int, int]) -> list[Blob]:
    """Drop what is no writing beside writing: lines, frames, the dark edge of the paper in a picture of `size`."""
    height, width = size
    kept = list(blobs)
    for blob in sorted(blobs, key=lambda blob: -max(blob.width, blob.height)):
        others = [other for other in kept if other is not blob]
        if not others:
            break
        x, y, w, h = blob.box
        writing = typical_height([one for one in others if not one.is_thin] or others)
        at_edge = x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1
        line = blob.is_thin and max(w, h) > (1.2 if at_edge else 1.5) * writing
        bar = at_edge and (w > 0.85 * width or h > 0.85 * height) and max(w, h) > 2.5 * min(w, h)
        hollow = blob.area < 0.1 * w * h and any(_is_inside(one, blob) for one in others)
        frame = hollow and max(w, h) > 1.8 * writing and min(w, h) > writing
        if line or bar or frame:
            kept = others
    return kept


def characters(blobs: Sequence[Blob]) -> list[Blob]:
    """Join the pieces of broken strokes: a piece that lies over, under or in another one, and close to it."""
    left = sorted(blobs, key=lambda blob: -blob.area)
    height = typical_height(left)
    found: list[Blob] = []
    while left:
        blob = left.pop(0)
        grew = True
        while grew:
            grew = False
            for other in left:
                if _belongs(other, blob, height):
                    left.remove(other)
                    blob = joined([blob, other])
                    grew = True
                    break
        found.append(blob)
    return sorted(found, key=lambda blob: blob.left)


def _belongs(piece: Blob, whole: Blob, height: float) -> bool:
    over = min(piece.right, whole.right) - max(piece.left, whole.left)
    gap = max(piece.top - whole.bottom, whole.top - piece.bottom, 0)
    tall = max(piece.bottom, whole.bottom) - min(piece.top, whole.top)
    wide = max(piece.right, whole.right) - min(piece.left, whole.left)
    is_bar = piece.width > 2 * piece.height and piece.bottom <= whole.top  # of a 5, drawn last and far too high
    if tall > (1.8 if is_bar else 1.35) * max(height, whole.height) or wide > 1.5 * max(tall, height):
        return False
    return over >= 0.5 * min(piece.width, whole.width) and gap <= (0.45 if is_bar else 0.25) * height


def pieced(blobs: Sequence[Blob]) -> list[Blob]:
    """Characters of a picture that shows one: pieces that lie close are joined wherever they lie."""
    left = sorted(blobs, key=lambda blob: -blob.area * blob.height)
    found = []
    while left:
        whole = left.pop(0)
        reach = 0.2 * max(whole.width, whole.height)
        near = [blob for blob in left if _away(blob, whole) <= reach or _belongs(blob, whole, whole.height)]
        left = [blob for blob in left if blob not in near]
        found.append(joined([whole, *near]))
    return found


def _away(one: Blob, other: Blob) -> float:
    """The gap between two boxes; negative where they overlap."""
    across = max(one.left - other.right, other.left - one.right)
    return max(across, one.top - other.bottom, other.top - one.bottom)


def rows(blobs: Sequence[Blob]) -> list[list[Blob]]:
    """Characters in reading order: rows from the top, each from the left. A row may rise or fall."""
    if not blobs:
        return []
    height = typical_height(blobs)
    # Small signs are no ground to chain rows by: they join afterwards.
    large = [blob for blob in blobs if blob.height >= 0.5 * height]
    chains: list[list[Blob]] = []
    for blob in sorted(large, key=lambda blob: blob.left):
        best, best_share = None, 0.35
        for chain in chains:
            share = max(_level(blob, last, height) for last in chain[-2:])
            if share > best_share:
                best, best_share = chain, share
        if best is None:
            chains.append([blob])
        else:
            best.append(blob)
    for blob in blobs:
        if blob.height < 0.5 * height and chains:
            near = max(chains, key=lambda chain: max(_level(blob, other, height) for other in chain))
            if max(_level(blob, other, height) for other in near) > 0:
                near.append(blob)
    chains.sort(key=lambda chain: float(np.mean([blob.top + blob.height / 2 for blob in chain])))
    return [sorted(chain, key=lambda blob: blob.left) for chain in chains]


def _level(one: Blob, other: Blob, height: float) -> float:
    """How much of the smaller one's height two blobs share; less the farther apart they are."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    away = max(one.left - other.right, other.left - one.right, 0)
    return shared / min(one.height, other.height) - 0.02 * away / max(height, 1)
