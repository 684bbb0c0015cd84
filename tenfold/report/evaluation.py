"""The page of `tenfold evaluate`: one model on labeled images, and on corrupted copies of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import Probabilities
from tenfold.report.formats import percent
from tenfold.report.pages import Section, render_page
from tenfold.report.results import SECTIONS, headline, results_context

if TYPE_CHECKING:  # it needs PyTorch, pages do not
    from tenfold.evaluation.robustness import Robustness


def render(
    evaluation: Evaluation,
    dataset: Dataset,
    probabilities: Probabilities,
    title: str,
    notes: Sequence[str] = (),
    robustness: Robustness | None = None,
) -> str:
    """The page as HTML. probabilities: float32 (N, 10) on `dataset`. title: the model's name."""
    context = results_context(dataset, probabilities, evaluation)
    context |= {"tiles": headline(evaluation), "notes": notes, "facts": {}}
    sections = list(SECTIONS)
    if robustness:
        context |= robustness_context(robustness)
        sections.append(Section("robustness", "Corrupted images"))
    lead = f"Evaluated on {dataset.source}: {evaluation.n:,} labeled digits."
    return render_page("evaluation", title, "figures", sections, context, lead)


def robustness_context(robustness: Robustness) -> dict[str, Any]:
    """Corruptions with their charts, the worst first."""
    from tenfold.report.charts import plot_severities  # measuring needs PyTorch, which comes with matplotlib

    corruptions = sorted(robustness.corruptions, key=lambda corruption: corruption.mean_accuracy)
    lowest = max(0.0, min(min(corruption.accuracy) for corruption in corruptions) - 0.05)
    named = [(corruption.name.replace("_", " "), corruption) for corruption in corruptions]
    return {
        "robustness": robustness,
        "severities": len(corruptions[0].accuracy),
        "corruptions": [(name, corruption, plot_severities(corruption.accuracy, lowest)) for name, corruption in named],
        "robustness_rows": [
            [name, *(percent(accuracy, 1) for accuracy in (*corruption.accuracy, corruption.mean_accuracy))]
            for name, corruption in named
        ],
    }
