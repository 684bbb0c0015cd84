import re

from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.report.pages import render_evaluation


def test_robustness_section(digits, probabilities, robustness, parse):
    evaluation = evaluate_predictions(probabilities, digits.labels)
    html = render_evaluation(evaluation, digits, probabilities, "fast", robustness=robustness)
    page = parse(html)
    assert "the mean accuracy is 81.20 %, against 99.75 % on the same images without corruption" in page.text
    rows = re.findall(r'<tr><th scope="row">(&lt;fog&gt;|gaussian blur)</th><td>([\d.]+).*?<td>([\d.]+)', html)
    assert rows == [("&lt;fog&gt;", "70.0", "90.0"), ("gaussian blur", "92.4", "99.0")]
    alts = [image["alt"] for image in page.all("img")]
    assert sum(alt.startswith("Accuracy by corruption and severity") for alt in alts) == 1
    assert [alt for alt in alts if alt.startswith("Digits with")] == ["Digits with <fog>", "Digits with gaussian blur"]


def test_evaluation_page_without_robustness(digits, probabilities, parse):
    evaluation = evaluate_predictions(probabilities, digits.labels)
    assert "Robustness" not in parse(render_evaluation(evaluation, digits, probabilities, "fast")).text
