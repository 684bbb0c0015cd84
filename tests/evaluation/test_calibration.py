import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.evaluation import calibration_error, reliability_bins


def test_a_hand_made_case():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5, 0.5], np.float32)
    correct = np.array([True, True, True, False, True, False])
    bins = reliability_bins(confidence, correct)
    assert [(one.count, one.accuracy) for one in bins if one.count] == [(2, 0.5), (4, 0.75)]
    # 4 of 6 predictions are off by .95 - .75, two by nothing.
    assert calibration_error(bins) == pytest.approx(4 / 6 * 0.2, abs=1e-6)


def test_bins_are_fifteen_equal_ones_and_empty_ones_have_no_means():
    bins = reliability_bins(np.array([0.99]), np.array([True]))
    assert [one.lower for one in bins] == pytest.approx([i / 15 for i in range(15)])
    assert [one.upper for one in bins] == pytest.approx([i / 15 for i in range(1, 16)])
    assert [(one.count, one.confidence, one.accuracy) for one in bins[:14]] == [(0, None, None)] * 14
    assert bins[14].confidence == 0.99


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    bins = reliability_bins(np.array([1.0, 0.2, 3 / 15]), np.ones(3, bool))
    assert bins[14].count == 1
    assert bins[2].count == 2
    # Rounding in a softmax can lift a probability a hair above 1.
    assert reliability_bins(np.array([1.0000001]), np.array([True]))[14].count == 1


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 300))
def test_agrees_with_a_row_by_row_definition(seed, n):
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(0.1, 1, n)
    correct = generator.random(n) < confidence
    total = 0.0
    for i in range(15):
        inside = [row for row in range(n) if i / 15 < confidence[row] <= (i + 1) / 15]
        if inside:
            total += abs(sum(correct[row] for row in inside) - sum(confidence[row] for row in inside)) / n
    assert calibration_error(reliability_bins(confidence, correct)) == pytest.approx(total, abs=1e-9)


def test_a_model_that_is_as_right_as_it_says_has_a_small_error():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.1, 1, 200_000)
    honest = generator.random(200_000) < confidence
    boastful = generator.random(200_000) < confidence - 0.1
    assert calibration_error(reliability_bins(confidence, honest)) < 0.01
    assert calibration_error(reliability_bins(confidence, boastful)) == pytest.approx(0.1, abs=0.01)
