"""The page of `tenfold evaluate`: one model on one set of labelled rows."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import Probabilities
from tenfold.report import results
from tenfold.report.page import page, paragraph


def render(
    evaluation: Evaluation, dataset: Dataset, probabilities: Probabilities, title: str, notes: Sequence[str] = ()
) -> str:
    """HTML of `evaluation`, made of `probabilities`, float32 (N, 10), on `dataset`.

    title: the model's name. notes: sentences to tell beside the figures.
    """
    head = results.headline(evaluation, []) + "".join(paragraph(note) for note in notes)
    lead = f"Evaluated on {dataset.source}: {evaluation.n:,} labelled digits."
    return page("evaluation", title, lead, head, results.sections(dataset, probabilities, evaluation))
