"""The page of `tenfold evaluate`: one model on one set of labeled rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import Probabilities
from tenfold.report import results, robustness
from tenfold.report.page import page, paragraph

if TYPE_CHECKING:  # it needs PyTorch, pages do not
    from tenfold.evaluation.robustness import Robustness


def render(
    evaluation: Evaluation,
    dataset: Dataset,
    probabilities: Probabilities,
    title: str,
    notes: Sequence[str] = (),
    damaged: Robustness | None = None,
) -> str:
    """HTML of `evaluation`, made of `probabilities`, float32 (N, 10), on `dataset`.

    title: the model's name. notes: sentences to tell beside the figures. damaged: what damage does to the model.
    """
    head = results.headline(evaluation, []) + "".join(paragraph(note) for note in notes)
    lead = f"Evaluated on {dataset.source}: {evaluation.n:,} labeled digits."
    more = [robustness.section(damaged)] if damaged else []
    return page("evaluation", title, lead, head, results.sections(dataset, probabilities, evaluation) + more)
