"""`Finding`: one sentence about data, which stays with every result that was made from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")

MAX_SAMPLES = 20  # indices in a finding; more would not be looked at one by one


@dataclass(frozen=True)
class Finding:
    """One sentence about the data: an error prevents training, a warning can spoil a result, a note is good to know.

    code: names the kind of finding, for programs; it stays the same when the sentence changes.
    samples: indices from 0 of the first samples that it is about, at most 20; empty if it is about the whole.
    """

    level: Level
    code: str
    text: str
    samples: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"

    def to_dict(self) -> dict[str, Any]:
        return {"level": self.level, "code": self.code, "text": self.text, "samples": list(self.samples)}


def from_notes(notes: Iterable[str]) -> tuple[Finding, ...]:
    """What a reader of files changed or left out, such as that images were inverted."""
    return tuple(Finding("note", "reading", text) for text in notes)


def first_samples(indices: Iterable[int]) -> tuple[int, ...]:
    """The first of these indices, for `Finding.samples`."""
    return tuple(int(index) for index, _ in zip(indices, range(MAX_SAMPLES), strict=False))


def by_level(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then notes; each level in its order, without repetitions."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: LEVELS.index(finding.level)))
