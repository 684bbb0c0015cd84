import numpy as np

from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.evaluation.robustness import CorruptionResult, Robustness
from tenfold.report.evaluation import render

SAMPLES = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)
ROBUSTNESS = Robustness(
    "model",
    "digits",
    2000,
    0.9975,
    (
        CorruptionResult("gaussian_blur", (0.99, 0.98, 0.95, 0.9, 0.8), (0.9,) * 5, SAMPLES),
        CorruptionResult("<fog>", (0.9, 0.8, 0.7, 0.6, 0.5), (0.9,) * 5, SAMPLES),
    ),
)


def test_corruptions_the_worst_first_with_charts_and_numbers(digits, probabilities, parse):
    evaluation = evaluate_predictions(probabilities, digits.labels)
    html = render(evaluation, digits, probabilities, "fast", robustness=ROBUSTNESS)
    page = parse(html)
    assert page.text.index("<fog> · 70.0 %") < page.text.index("gaussian blur · 92.4 %")
    assert "81.20 % accuracy on average" in page.text
    assert "99.75 % on the same images without corruption" in page.text
    alts = [image["alt"] for image in page.all("img")]
    assert sum(alt.startswith("Accuracy by severity") for alt in alts) == 2
    assert "<td>98.0" in html


def test_evaluation_page_without_robustness(digits, probabilities, parse):
    evaluation = evaluate_predictions(probabilities, digits.labels)
    assert "Corrupted images" in parse(render(evaluation, digits, probabilities, "fast", robustness=ROBUSTNESS)).text
    assert "Corrupted images" not in parse(render(evaluation, digits, probabilities, "fast")).text
