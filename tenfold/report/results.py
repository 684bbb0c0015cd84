"""What is shown of a model's predictions on labeled rows; the training page and the evaluation page share it."""

from __future__ import annotations

from math import sqrt

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import Probabilities
from tenfold.images import CLASSES
from tenfold.report.images import figure, gallery, picture
from tenfold.report.page import (
    ABSENT,
    NARROW,
    Section,
    count,
    number,
    paragraph,
    percent,
    plural,
    table,
    tiles,
)
from tenfold.report.reliability import reliability_curve


def headline(evaluation: Evaluation, more: list[tuple[str, str, str]]) -> str:
    """Tiles of the figures to see first, and `more` of the caller's."""
    lower, upper = evaluation.accuracy_interval
    own = [
        ("Accuracy", percent(evaluation.accuracy), f"95{NARROW}% interval {percent(lower)} to {percent(upper)}"),
        ("Errors", count(evaluation.errors), f"of {count(evaluation.n)}"),
        ("Log loss", number(evaluation.log_loss), "nats, 0 is perfect"),
        ("Calibration error", percent(evaluation.calibration_error), "gap of confidence and accuracy"),
    ]
    return tiles(own + more)


def sections(dataset: Dataset, probabilities: Probabilities, evaluation: Evaluation) -> list[Section]:
    """All that an evaluation says, as sections."""
    return [
        Section("digits", "Digit by digit", f'<div class="side">{_confusion(evaluation)}{_by_digit(evaluation)}</div>'),
        Section("calibration", "Calibration", _calibration(evaluation)),
        Section("mistakes", "The most confident mistakes", _mistakes(dataset, probabilities, evaluation)),
        Section("least-sure", "The least sure", _least_sure(dataset, probabilities, evaluation)),
    ]


def _confusion(evaluation: Evaluation) -> str:
    most = max((n for true, row in enumerate(evaluation.confusion) for read, n in enumerate(row) if true != read),
               default=0)  # fmt: skip
    digits = range(CLASSES)

    def cell(true: int, read: int) -> str:
        n = evaluation.confusion[true][read]
        if not n:
            return '<td class="none"></td>'
        if true == read:
            return f'<td class="right">{n}</td>'
        # The square root lets a single mistake be seen beside fifty.
        return f'<td class="wrong" style="--heat: {sqrt(n / most):.3f}">{n}</td>'

    head = "".join(f'<th scope="col">{digit}</th>' for digit in digits)
    rows = "".join(
        f'<tr><th scope="row">{true}</th>{"".join(cell(true, read) for read in digits)}</tr>' for true in digits
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix"><table class="confusion">'
        "<caption><span>Rows: the true digit. Columns: what was read.</span></caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _by_digit(evaluation: Evaluation) -> str:
    missed = [support - evaluation.confusion[digit][digit] for digit, support in enumerate(evaluation.support)]
    rows = [
        [
            str(digit),
            count(evaluation.support[digit]),
            count(missed[digit]),
            _share(evaluation.recall[digit]),
            _share(evaluation.precision[digit]),
        ]
        for digit in range(CLASSES)
    ]
    return table(
        "Recall: of a digit’s rows, how many were read as it. Precision: of the rows read as a digit, how many are it.",
        ["Digit", "Rows", "Missed", "Recall", "Precision"],
        rows,
    )


def _share(value: float | None) -> str:
    return ABSENT if value is None else percent(value)


def _calibration(evaluation: Evaluation) -> str:
    filled = [part for part in evaluation.reliability if part.count]
    rows = [
        [
            f"{100 * part.lower:.0f} to {percent(part.upper, 0)}",
            count(part.count),
            _share(part.confidence),
            _share(part.accuracy),
        ]
        for part in filled
    ]
    bins = table("Bins of equal width that hold rows", ["Confidence", "Rows", "Mean confidence", "Accuracy"], rows)
    return (
        paragraph(
            f"Of the digits read with 90{NARROW}% confidence, are nine in ten right? Points on the dotted line "
            "say yes; above it the model is too modest, below it too sure. Each point has its "
            f"95{NARROW}% interval; the strip below counts the rows on a logarithmic scale. "
            f"Expected calibration error: {percent(evaluation.calibration_error)}."
        )
        + f'<div class="charts"><figure><figcaption>Accuracy by confidence</figcaption>'
        f"{reliability_curve(evaluation.reliability)}</figure><div>{bins}</div></div>"
    )


def _mistakes(dataset: Dataset, probabilities: Probabilities, evaluation: Evaluation) -> str:
    if not evaluation.most_confident_mistakes:
        return paragraph(f"None: all {plural(evaluation.n, 'row')} were read right.")
    assert dataset.labels is not None  # an evaluation needs them
    figures = []
    for row in evaluation.most_confident_mistakes:
        true, read = int(dataset.labels[row]), int(probabilities[row].argmax())
        number = count(dataset.source_index(row) + 1)
        caption = (
            f"<strong>{true} read as {read}</strong>{percent(float(probabilities[row, read]), 1)} sure<br>row {number}"
        )
        figures.append(figure(picture(dataset.images[row], f"Row {number}: a {true}, read as {read}", 3), caption))
    shown = len(figures)
    of = "All" if shown == evaluation.errors else f"{shown} of"
    return (
        paragraph(
            f"{of} {plural(evaluation.errors, 'mistake')}, the surest first. "
            f"Rows are those of {dataset.source}, counted from 1."
        )
        + gallery(figures)
    )  # fmt: skip


def _least_sure(dataset: Dataset, probabilities: Probabilities, evaluation: Evaluation) -> str:
    assert dataset.labels is not None  # an evaluation needs them
    figures = []
    for row in evaluation.least_confident:
        true = int(dataset.labels[row])
        first, second = (int(digit) for digit in np.argsort(-probabilities[row], kind="stable")[:2])
        right = first == true
        caption = (
            f"<strong>{first} or {second}</strong>{percent(float(probabilities[row, first]), 0)}, "
            f"{percent(float(probabilities[row, second]), 0)}<br>"
            + (f"{true} is right" if right else f'<span class="miss">it is a {true}</span>')
        )
        alt = f"Row {count(dataset.source_index(row) + 1)}: a {true}, read as {first}, nearly as {second}"
        figures.append(figure(picture(dataset.images[row], alt, 3), caption))
    return (
        paragraph("The rows with the lowest confidence, with the two likeliest digits, right or wrong.")
        + gallery(figures)
    )  # fmt: skip
