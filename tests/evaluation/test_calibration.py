import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.evaluation import calibration_error, reliability_bins


def test_reliability_by_hand():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5, 0.5], np.float32)
    correct = np.array([True, True, True, False, True, False])
    bins = reliability_bins(confidence, correct)
    assert [(part.count, part.accuracy) for part in bins if part.count] == [(2, 0.5), (4, 0.75)]
    # 4 of 6 predictions are off by .95 - .75, two by nothing.
    assert calibration_error(bins) == pytest.approx(4 / 6 * 0.2, abs=1e-6)


def test_fifteen_equal_bins():
    bins = reliability_bins(np.array([0.99]), np.array([True]))
    assert [part.lower for part in bins] == pytest.approx([i / 15 for i in range(15)])
    assert [part.upper for part in bins] == pytest.approx([i / 15 for i in range(1, 16)])
    assert [(part.count, part.confidence, part.accuracy) for part in bins[:14]] == [(0, None, None)] * 14
    assert bins[14].confidence == 0.99


def test_confidence_on_an_edge_is_in_the_lower_bin():
    bins = reliability_bins(np.array([1.0, 0.2, 3 / 15]), np.ones(3, bool))
    assert bins[14].count == 1
    assert bins[2].count == 2
    # Rounding in a softmax can make a probability slightly greater than 1.
    assert reliability_bins(np.array([1.0000001]), np.array([True]))[14].count == 1


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 300))
def test_calibration_error_matches_its_definition(seed, n):
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(0.1, 1, n)
    correct = generator.random(n) < confidence
    total = 0.0
    for i in range(15):
        inside = [k for k in range(n) if i / 15 < confidence[k] <= (i + 1) / 15]
        if inside:
            total += abs(sum(correct[k] for k in inside) - sum(confidence[k] for k in inside)) / n
    assert calibration_error(reliability_bins(confidence, correct)) == pytest.approx(total, abs=1e-9)


def test_calibration_error_of_calibrated_and_overconfident_models():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.1, 1, 200_000)
    calibrated = generator.random(200_000) < confidence
    overconfident = generator.random(200_000) < confidence - 0.1
    assert calibration_error(reliability_bins(confidence, calibrated)) < 0.01
    assert calibration_error(reliability_bins(confidence, overconfident)) == pytest.approx(0.1, abs=0.01)
