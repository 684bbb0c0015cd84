"""The page of `tenfold check`: what the data look like. It needs no matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tenfold.data.checks import CheckResult, Finding, SplitCheck
from tenfold.data.dataset import Dataset
from tenfold.images import SIDE
from tenfold.report.formats import MISSING, count, percent, plural
from tenfold.report.images import samples_by_digit
from tenfold.report.pages import Section, render_page

WORDS = {"error": "Error", "warning": "Warning", "note": "Note"}
FIRST_TEST_IMAGES = 32

Split = tuple[str, SplitCheck, Dataset]


def render(
    result: CheckResult, source_name: str, notes: Sequence[str], train: Dataset | None, test: Dataset | None
) -> str:
    """The page as HTML. train, test: the data that were checked. notes: of the reader."""
    splits = [
        *_present("Training", result.train, train),
        *_present("Test", result.test, test),
    ]
    labeled = [split for split in splits if split[2].labels is not None]
    context: dict[str, Any] = {
        "verdict": _verdict(result),
        "findings": [(finding.level, WORDS[finding.level], finding.text) for finding in result.findings]
        + [("note", "Reader", note) for note in notes],
        "splits": splits,
        "figures": _figures(splits),
        "overlap": _overlap(result),
        "labels": [_labels(*split) for split in labeled],
        "mean_images": [(name, _mean_images(check)) for name, check, _ in labeled],
        "first_test": [] if test is None else list(test.images[:FIRST_TEST_IMAGES]),
        "constant_maps": [_constant_map(*split) for split in splits if len(split[2])],
        "side": SIDE,
    }
    return render_page("data check", source_name, "check", _sections(context), context)


def _present(name: str, check: SplitCheck | None, data: Dataset | None) -> list[Split]:
    return [] if check is None or data is None else [(name, check, data)]


def _sections(context: dict[str, Any]) -> list[Section]:
    return [
        Section("findings", "Findings"),
        Section("figures", "In figures"),
        *([Section("labels", "Labels"), Section("means", "Mean images")] if context["labels"] else []),
        *([Section("test", "The first test images")] if context["first_test"] else []),
        *([Section("constant", "Constant pixels")] if context["constant_maps"] else []),
    ]


def _verdict(result: CheckResult) -> dict[str, str]:
    problems = " and ".join(
        plural(number, level) for level in ("error", "warning") if (number := _count_level(result.findings, level))
    )
    if not result.trainable:
        return {
            "level": "error",
            "title": "This data can’t be trained on",
            "reason": f"{problems or 'no labels'}: see the findings below.",
        }
    images = f"{count(result.train.samples)} training images, " if result.train else ""
    return {
        "level": "warning" if problems else "good",
        "title": "This data can be trained on",
        "reason": f"{images}{problems or 'no problems found'}.",
    }


def _count_level(findings: Sequence[Finding], level: str) -> int:
    return sum(finding.level == level for finding in findings)


def _figures(splits: Sequence[Split]) -> list[list[str]]:
    checks = [check for _, check, _ in splits]
    return [
        ["Source", *(check.source for check in checks)],
        ["Images", *(count(check.samples) for check in checks)],
        ["Missing values", *(count(check.missing_values) for check in checks)],
        ["Pixel values", *(f"{check.min_pixel} to {check.max_pixel}" for check in checks)],
        ["Polarity", *(check.polarity for check in checks)],
        ["Rarest to most frequent digit", *(_ratio(check) for check in checks)],
        ["Images that occur more than once", *(count(check.duplicates) for check in checks)],
        ["… with different labels", *(count(check.conflicting) for check in checks)],
        ["Blank images", *(count(check.blank) for check in checks)],
        ["Constant pixels", *(f"{count(len(check.constant_pixels))} of {SIDE * SIDE}" for check in checks)],
    ]


def _ratio(check: SplitCheck) -> str:
    return MISSING if check.label_ratio is None else f"{check.label_ratio:.2f}"


def _overlap(result: CheckResult) -> list[list[str]]:
    overlap = result.overlap
    known = [
        ("Test images among the training images", overlap.test_in_train, result.test),
        ("Test images in public MNIST", overlap.test_in_mnist, result.test),
        ("Training images in MNIST’s test part", overlap.train_in_mnist_test, result.train),
    ]
    return [
        [name, count(number), percent(number / check.samples, 1)]
        for name, number, check in known
        if number is not None and check is not None and check.samples
    ]


def _labels(name: str, check: SplitCheck, data: Dataset) -> tuple[str, list[int], Any, int]:
    """Name, images a label, samples by digit and the number that the bars are shares of."""
    return name, list(check.label_counts or []), samples_by_digit(data), max(check.samples, 1)


def _mean_images(check: SplitCheck) -> list[tuple[int, Any]]:
    assert check.mean_images is not None  # as there are labels
    return [(digit, mean) for digit, mean in enumerate(check.mean_images) if mean.any()]


def _constant_map(name: str, check: SplitCheck, data: Dataset) -> tuple[str, Any, list[tuple[int, int]], int, int]:
    """Name, mean image, (row, column) of the constant pixels, their number and that of the others."""
    constant = np.zeros(SIDE * SIDE, bool)
    constant[[int(pixel.removeprefix("pixel")) for pixel in check.constant_pixels]] = True
    mean = data.images.mean(axis=0).astype(np.uint8)
    pixels = [(int(row), int(column)) for row, column in np.argwhere(constant.reshape(SIDE, SIDE))]
    return name, mean, pixels, len(pixels), SIDE * SIDE - len(pixels)
