import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from tenfold.errors import RunError
from tenfold.evaluation.metrics import evaluate_predictions


def random_predictions(seed, n, digits=range(10), sharpness=3.0):
    """Probabilities of a mediocre model, and labels among the given digits only."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(list(digits), n).astype(np.uint8)
    logits = generator.normal(0, 1, (n, 10))
    logits[np.arange(n), labels] += 2
    return softmax(sharpness * logits, axis=1).astype(np.float32), labels


def confident(predicted, confidence):
    """Probabilities of `confidence` for one digit; the rest is distributed evenly."""
    confidence = np.asarray(confidence, np.float32)
    rows = np.repeat(((1 - confidence) / 9)[:, None], 10, axis=1)
    rows[np.arange(len(rows)), predicted] = confidence
    return rows


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 400),
    digits=st.sets(st.integers(0, 9), min_size=1),
    sharpness=st.floats(0, 40),
)
def test_metrics_match_scikit_learn(seed, n, digits, sharpness):
    probabilities, labels = random_predictions(seed, n, sorted(digits), sharpness)
    result = evaluate_predictions(probabilities, labels)
    predicted = probabilities.argmax(axis=1)

    every = list(range(10))
    np.testing.assert_array_equal(result.confusion, confusion_matrix(labels, predicted, labels=every))
    precision, recall, _, support = precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=np.nan
    )
    np.testing.assert_allclose(np.array(result.precision, float), precision)
    np.testing.assert_allclose(np.array(result.recall, float), recall)
    np.testing.assert_array_equal(result.support, support)
    # Clipped as for float32, in float64 rows that sum to exactly 1: scikit-learn warns of float32 rounding.
    exact = probabilities.astype(np.float64).clip(np.finfo(np.float32).eps)
    exact /= exact.sum(axis=1, keepdims=True)
    assert result.log_loss == pytest.approx(log_loss(labels, exact, labels=every), rel=1e-4, abs=2e-6)
    assert result.errors == int((predicted != labels).sum())
    assert result.accuracy == pytest.approx(1 - result.errors / n)
    assert result.accuracy_interval[0] <= result.accuracy <= result.accuracy_interval[1]


def test_log_loss_of_a_certain_mistake_matches_scikit_learn():
    probabilities = np.eye(10, dtype=np.float32)[[3, 4]]
    labels = np.array([3, 5], np.uint8)
    expected = log_loss(labels, probabilities, labels=list(range(10)))
    assert evaluate_predictions(probabilities, labels).log_loss == pytest.approx(expected, abs=1e-6)
    assert expected == pytest.approx(15.94 / 2, abs=0.01)


def test_undefined_ratios_are_none():
    result = evaluate_predictions(confident([3, 3, 4], [0.9, 0.8, 0.7]), np.array([3, 5, 3], np.uint8))
    assert result.precision == [None, None, None, 1 / 2, 0.0, None, None, None, None, None]
    assert result.recall == [None, None, None, 1 / 2, None, 0.0, None, None, None, None]
    document = result.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["reliability"][13] == {
        "lower": pytest.approx(13 / 15),
        "upper": pytest.approx(14 / 15),
        "count": 1,
        "confidence": pytest.approx(0.9),
        "accuracy": 1.0,
    }


def test_listed_samples():
    predicted = [0, 1, 2, 3, 4]
    probabilities = confident(predicted, [0.9, 0.6, 0.8, 0.99, 0.5])
    labels = np.array([9, 1, 9, 3, 9], np.uint8)  # samples 0, 2 and 4 are mistakes
    result = evaluate_predictions(probabilities, labels)
    assert result.most_confident_mistakes == [0, 2, 4]
    assert result.least_confident == [4, 1, 2, 0, 3]


def test_at_most_24_listed_samples_in_stable_order():
    result = evaluate_predictions(confident([1] * 100, [0.5] * 100), np.zeros(100, np.uint8))
    assert result.most_confident_mistakes == result.least_confident == list(range(24))


def test_confusion_rows_are_true_digits():
    result = evaluate_predictions(confident([7], [0.9]), np.array([1], np.uint8))
    assert result.confusion[1][7] == 1
    assert np.sum(result.confusion) == 1


def test_calibration_error():
    result = evaluate_predictions(confident([2] * 10, [0.9] * 10), np.array([2] * 7 + [1] * 3, np.uint8))
    assert result.calibration_error == pytest.approx(0.2, abs=1e-6)


def test_summary():
    labels = np.arange(10_000, dtype=np.int64) % 10
    predicted = labels.copy()
    predicted[:48] = (predicted[:48] + 1) % 10
    result = evaluate_predictions(confident(predicted, [0.999] * 10_000), labels.astype(np.uint8))
    # log loss: (9,952 x -ln .999 + 48 x -ln(.001 / 9)) / 10,000 = .0447; the rest by SciPy's Wilson interval.
    assert result.summary() == (
        "accuracy 99.52 % (95 % interval 99.36 to 99.64), 48 errors of 10,000, "
        "log loss 0.0447, calibration error 0.38 %"
    )
    assert re.search(r"\b1 error of 1,", evaluate_predictions(confident([7], [0.9]), np.array([1], np.uint8)).summary())


def test_diverged_model_raises_run_error():
    probabilities = confident([1, 2, 3], [0.9] * 3)
    probabilities[1] = np.nan
    with pytest.raises(RunError, match="1 of 3 samples are not finite, because training diverged"):
        evaluate_predictions(probabilities, np.array([1, 2, 3], np.uint8))


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        (np.zeros((0, 10), np.float32), np.zeros(0, np.uint8)),
        (confident([1, 2], [0.9, 0.9]), np.zeros(3, np.uint8)),
        (confident([1, 2], [0.9, 0.9])[:, :9], np.zeros(2, np.uint8)),
        (np.full((2, 10), 1.0, np.float32), np.zeros(2, np.uint8)),
        (np.eye(10, dtype=np.float32)[:2] * 2 - 0.1, np.zeros(2, np.uint8)),
    ],
)
def test_invalid_probabilities_raise(probabilities, labels):
    with pytest.raises(ValueError, match="probabilities"):
        evaluate_predictions(probabilities, labels)
