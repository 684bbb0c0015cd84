"""The page of `tenfold check`: what stands in the data. It belongs to the core and needs no matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from tenfold.data.checks import CheckResult, Finding, SplitCheck
from tenfold.data.dataset import Dataset
from tenfold.images import SIDE
from tenfold.report.images import figure, gallery, picture, samples_by_digit
from tenfold.report.page import (
    ABSENT,
    Section,
    bar,
    count,
    page,
    paragraph,
    percent,
    plural,
    table,
)

_WORDS = {"error": "Error", "warning": "Warning", "note": "Note"}


def render(
    result: CheckResult, source_name: str, notes: Sequence[str], train: Dataset | None, test: Dataset | None
) -> str:
    """HTML of `result`; `train` and `test` are the rows it speaks of. notes: what the reader had to say."""
    parts = [(name, part) for name, part in (("Training rows", result.train), ("Test rows", result.test)) if part]
    sections = [
        Section("findings", "Findings", _findings(result.findings, notes)),
        Section("figures", "In figures", _figures(parts) + _overlap(result)),
    ]
    labeled = [
        (name, part, data)
        for name, part, data in (("Training rows", result.train, train), ("Test rows", result.test, test))
        if part is not None and data is not None and data.labels is not None
    ]
    if labeled:
        counts = "".join(_labels(name, part, data) for name, part, data in labeled)
        means = "".join(_means(name, part) for name, part, _ in labeled)
        sections.append(Section("labels", "Labels", counts))
        sections.append(Section("means", "Mean images", means))
    if test is not None and len(test):
        sections.append(Section("test", "The first test rows", _first(test)))
    if parts:
        maps = "".join(
            _constant_map(name, part, data)
            for name, part, data in (("Training rows", result.train, train), ("Test rows", result.test, test))
            if part is not None and data is not None and len(data)
        )
        sections.append(Section("constant", "Constant pixels", _CONSTANT + f'<div class="side">{maps}</div>'))
    return page("data check", source_name, "", _verdict(result), sections)


def _verdict(result: CheckResult) -> str:
    quantities = [
        plural(sum(finding.level == level for finding in result.findings), level)
        for level in ("error", "warning")
        if any(finding.level == level for finding in result.findings)
    ]
    said = " and ".join(quantities) if quantities else "nothing to object to"
    if not result.trainable:
        return _box("error", "This data can’t be trained on", f"{said}: see the findings below.")
    rows = f"{count(result.train.samples)} training rows, " if result.train else ""
    level = "warning" if quantities else "good"
    return _box(level, "This data can be trained on", f"{rows}{said}.")


def _box(tone: str, verdict: str, reason: str) -> str:
    return f'<div class="verdict {tone}"><p><strong>{escape(verdict)}</strong>{escape(reason)}</p></div>'


def _findings(findings: Sequence[Finding], notes: Sequence[str]) -> str:
    entries = [(finding.level, _WORDS[finding.level], finding.text) for finding in findings]
    entries += [("note", "Reader", note) for note in notes]
    if not entries:
        return paragraph("Nothing stands out.")
    items = "".join(f'<li class="{tone}"><b>{word}</b><span>{escape(text)}</span></li>' for tone, word, text in entries)
    return f'<ul class="findings">{items}</ul>'


def _figures(parts: Sequence[tuple[str, SplitCheck]]) -> str:
    rows = [
        ["Source", *(f'<span class="wrap">{escape(part.source)}</span>' for _, part in parts)],
        ["Rows", *(count(part.samples) for _, part in parts)],
        ["Missing values", *(count(part.missing_values) for _, part in parts)],
        ["Pixel values", *(f"{part.min_pixel} to {part.max_pixel}" for _, part in parts)],
        ["Polarity", *(part.polarity for _, part in parts)],
        ["Rarest to commonest digit", *(ABSENT if part.label_ratio is None else f"{part.label_ratio:.2f}"
                                        for _, part in parts)],
        ["Rows whose pixels occur more than once", *(count(part.duplicates) for _, part in parts)],
        ["… under different labels", *(count(part.conflicting) for _, part in parts)],
        ["Blank rows", *(count(part.blank) for _, part in parts)],
        ["Constant pixels", *(f"{count(len(part.constant_pixels))} of {SIDE * SIDE}" for _, part in parts)],
    ]  # fmt: skip
    return table("Each part by itself", ["", *(name for name, _ in parts)], rows)


def _overlap(result: CheckResult) -> str:
    overlap = result.overlap
    known = [
        ("Test rows among the training rows", overlap.test_in_train, result.test),
        ("Test rows in public MNIST", overlap.test_in_mnist, result.test),
        ("Training rows in MNIST's test part", overlap.train_in_mnist_test, result.train),
    ]
    rows = [
        [name, count(rows), percent(rows / part.samples, 1)]
        for name, rows, part in known
        if rows is not None and part is not None and part.samples
    ]
    return table("Pixel by pixel the same", ["", "Rows", "Share"], rows) if rows else ""


def _labels(name: str, part: SplitCheck, data: Dataset) -> str:
    counts = part.label_counts or []
    most = max(*counts, 1)
    rows = [
        [str(digit), bar([(rows / most, "")]), count(rows), percent(rows / max(part.samples, 1), 1)]
        for digit, rows in enumerate(counts)
    ]
    bars = table(f"{name} by digit", ["Digit", "", "Rows", "Share"], rows, left=[1], wide=True)
    return f'<div class="charts">{bars}{samples_by_digit(data, name)}</div>'


def _means(name: str, part: SplitCheck) -> str:
    assert part.mean_images is not None  # as there are labels
    figures = [
        figure(picture(mean, f"Mean image of the digit {digit}", 2, "smooth"), str(digit))
        for digit, mean in enumerate(part.mean_images)
        if mean.any()
    ]
    return paragraph(f"{name}: the mean image of each digit.") + gallery(figures, "close")


def _first(test: Dataset) -> str:
    shown = test.images[:32]
    digits = "".join(picture(image, "", 2) for image in shown)
    return f'<div class="flow" role="img" aria-label="The first {len(shown)} test rows">{digits}</div>'


_CONSTANT = paragraph(
    "Tinted pixels have the same value in every row: nothing can be learned from them. "
    "Beneath them, the mean of all rows."
)


def _constant_map(name: str, part: SplitCheck, data: Dataset) -> str:
    constant = np.zeros(SIDE * SIDE, bool)
    constant[[int(pixel.removeprefix("pixel")) for pixel in part.constant_pixels]] = True
    mean = data.images.mean(axis=0).astype(np.uint8)
    return (
        f'<figure><div class="layers">{picture(mean, f"Mean image of the {name.lower()}", 9)}'
        f"{_tint(constant.reshape(SIDE, SIDE))}</div>"
        f"<figcaption>{escape(name)}: {count(int(constant.sum()))} constant pixels, "
        f"{count(int((~constant).sum()))} that vary</figcaption></figure>"
    )


def _tint(mask: NDArray[np.bool_]) -> str:
    """The mask as squares of an SVG, drawn over an image of the same size."""
    squares = "".join(f"M{column} {row}h1v1h-1z" for row, column in np.argwhere(mask))
    return (
        f'<svg viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="Map of the constant pixels" '
        f'shape-rendering="crispEdges"><path d="{squares}"/></svg>'
    )
