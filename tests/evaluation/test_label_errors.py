import csv
import io

import numpy as np
import pytest

from tenfold.evaluation.label_errors import find_label_errors, to_csv

cleanlab = pytest.importorskip("cleanlab.filter")


def noisy_labels(seed: int, n: int = 600, noise: int = 30, margin: float = 4):
    """Probabilities that mostly name the true digit, and labels of which `noise` are changed."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 10, n)
    logits = rng.normal(size=(n, 10)) * 1.5
    logits[np.arange(n), true] += margin
    probabilities = np.exp(logits)
    probabilities = (probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)
    labels = true.copy()
    changed = rng.choice(n, noise, replace=False)
    labels[changed] = (labels[changed] + rng.integers(1, 10, noise)) % 10
    return probabilities, labels.astype(np.uint8), changed


@pytest.mark.parametrize("seed", range(5))
def test_label_errors_are_those_of_cleanlab(seed):
    probabilities, labels, _ = noisy_labels(seed)
    expected = cleanlab.find_label_issues(
        labels.astype(int),
        probabilities.astype(float),
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    found = [error.index for error in find_label_errors(probabilities, labels)]
    assert found == expected.tolist()


def test_label_errors_find_changed_labels():
    probabilities, labels, changed = noisy_labels(9, margin=9)
    found = {error.index for error in find_label_errors(probabilities, labels)}
    assert len(found & set(changed.tolist())) >= 25


def test_label_errors_of_consistent_labels():
    assert find_label_errors(np.eye(10, dtype=np.float32), np.arange(10, dtype=np.uint8)) == []


def test_label_errors_with_a_missing_digit():
    probabilities, labels, _ = noisy_labels(1)
    probabilities, labels = probabilities[labels != 4], labels[labels != 4]
    assert all(error.predicted != 4 for error in find_label_errors(probabilities, labels))


def test_label_errors_of_wrong_shapes():
    with pytest.raises(ValueError, match="expected probabilities"):
        find_label_errors(np.zeros((3, 9), np.float32), np.zeros(3, np.uint8))


def test_label_errors_csv():
    probabilities, labels, _ = noisy_labels(2)
    errors = find_label_errors(probabilities, labels)
    rows = list(csv.DictReader(io.StringIO(to_csv(errors, [error.index + 100 for error in errors]))))
    assert [int(row["index"]) for row in rows] == [error.index for error in errors]
    assert int(rows[0]["source_index"]) == errors[0].index + 100
    assert rows[0].keys() == {"index", "source_index", "label", "predicted", "confidence", "label_probability"}
