"""What `tenfold check` prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.table import Table

from tenfold.cli.output import number_table, print_findings, say
from tenfold.data.findings import from_notes

if TYPE_CHECKING:
    from tenfold.data import DatasetSplits
    from tenfold.data.checks import CheckResult
    from tenfold.data.counts import SplitCheck


def print_check(result: CheckResult, splits: DatasetSplits) -> None:
    checks = {name: split for name, split in (("training", result.train), ("test", result.test)) if split}
    say(_check_table(splits.name, checks, result))
    for name, split in checks.items():
        if split.label_counts:
            say(_bars(f"{name} labels", split.label_counts))
    print_findings((*from_notes(splits.notes), *result.findings))
    if result.trainable:
        say("This data can be used for training.")


def _check_table(title: str, checks: dict[str, SplitCheck], result: CheckResult) -> Table:
    cells: dict[str, Callable[[SplitCheck], str]] = {
        "samples": lambda split: f"{split.samples:,}",
        "missing values": lambda split: f"{split.missing_values:,}",
        "pixel values": lambda split: f"{split.min_pixel} to {split.max_pixel}",
        "duplicate images": lambda split: f"{split.duplicates:,}",
        "constant pixels": lambda split: f"{len(split.constant_pixels)}",
        "blank images": lambda split: f"{split.blank:,}",
        "polarity": lambda split: split.polarity,
    }
    table = number_table(title, "", *checks)
    for name, cell in cells.items():
        table.add_row(name, *map(cell, checks.values()))
    table.add_row("also training images", *_overlaps(checks, result.overlap.test_in_train))
    table.add_row("also in public MNIST", *_overlaps(checks, result.overlap.test_in_mnist))
    return table


def _overlaps(checks: dict[str, SplitCheck], count: int | None) -> list[str]:
    """A row of cells that are empty except for the test split."""
    text = "not available" if count is None else f"{count:,}"
    return [text if name == "test" else "" for name in checks]


def _bars(title: str, counts: list[int]) -> Table:
    table = Table("digit", "", "samples", title=title, title_justify="left", box=None)
    for digit, count in enumerate(counts):
        table.add_row(str(digit), "█" * round(40 * count / max(counts)), f"{count:,}")
    return table
