"""The page and the report's section that show probable label errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.evaluation.label_errors import LabelError
from tenfold.report.rendering import Page, Section, render

MAX_SHOWN = 120  # pictures on a page
LABEL_ERRORS = Section("label-errors", "Label errors")


@dataclass(frozen=True, eq=False)
class Suspect:
    """number: the sample's position in its source, from 1."""

    image: NDArray[np.uint8]
    number: int
    error: LabelError


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """suspects: the first of `count`. n: the number of samples that were searched."""

    suspects: list[Suspect]
    count: int
    n: int


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelErrorsPage(Page):
    source: str
    label_errors: LabelErrors


def collect_label_errors(errors: Sequence[LabelError], data: Dataset) -> LabelErrors:
    suspects = [
        Suspect(data.images[error.index], data.source_index(error.index) + 1, error) for error in errors[:MAX_SHOWN]
    ]
    return LabelErrors(suspects, len(errors), len(data))


def render_label_errors(errors: Sequence[LabelError], data: Dataset, run: str) -> str:
    """The page of `tenfold label-errors`. errors: of labeled `data`, in the order to show."""
    page = LabelErrorsPage(
        title=run,
        sections=[LABEL_ERRORS],
        source=data.source,
        label_errors=collect_label_errors(errors, data),
    )
    return render("label_errors.html", page)
