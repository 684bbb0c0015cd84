import numpy as np

from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.report.evaluation import render


def test_headline_and_notes(digits, probabilities, parse):
    page = parse(
        render(evaluate_predictions(probabilities, digits.labels), digits, probabilities, "fast", ["Read twice."])
    )
    text = page.text
    assert "Accuracy90.00 %" in text
    assert "Errors30of 300" in text
    assert "Read twice." in text
    assert "Evaluated on train.csv: 300 labeled digits." in text


def test_without_a_mistake_the_page_says_so(digits, parse):
    perfect = np.eye(10, dtype=np.float32)[digits.labels]
    html = render(evaluate_predictions(perfect, digits.labels), digits, perfect, "fast")
    assert "None: all 300 images were predicted correctly." in parse(html).text
    assert 'class="wrong"' not in html


def test_a_digit_that_does_not_occur_has_no_recall(digits, probabilities):
    rows = np.flatnonzero(digits.labels != 4)
    part, row_probabilities = digits.subset(rows), probabilities[rows]
    html = render(evaluate_predictions(row_probabilities, part.labels), part, row_probabilities, "fast")
    assert '<th scope="row">4</th><td>0</td><td>0</td><td>–</td><td>–</td>' in html
