import numpy as np

from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.report.pages import render_evaluation


def test_evaluation_page_results_and_notes(digits, probabilities, parse):
    page = parse(
        render_evaluation(
            evaluate_predictions(probabilities, digits.labels), digits, probabilities, "fast", ["Evaluated twice."]
        )
    )
    text = page.text
    assert "Accuracy90.00 %" in text
    assert "Errors30of 300" in text
    assert "Evaluated twice." in text
    assert "Evaluated on 300 labeled images: train.csv." in text


def test_evaluation_page_without_mistakes(digits, parse):
    perfect = np.eye(10, dtype=np.float32)[digits.labels]
    html = render_evaluation(evaluate_predictions(perfect, digits.labels), digits, perfect, "fast")
    assert "None: all 300 images were predicted correctly." in parse(html).text
    assert 'class="wrong"' not in html


def test_evaluation_page_digit_without_images(digits, probabilities):
    rows = np.flatnonzero(digits.labels != 4)
    part, row_probabilities = digits.subset(rows), probabilities[rows]
    html = render_evaluation(evaluate_predictions(row_probabilities, part.labels), part, row_probabilities, "fast")
    assert '<th scope="row">4</th><td>0</td><td>0</td><td>–</td><td>–</td>' in html
