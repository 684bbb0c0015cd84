import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tenfold.evaluation import mcnemar, wilson_interval
from tenfold.evaluation import statistics as significance


@settings(deadline=None, max_examples=200)
@given(n=st.integers(1, 100_000), data=st.data())
def test_wilson_interval_matches_scipy(n, data):
    successes = data.draw(st.integers(0, n))
    interval = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson_interval(successes, n), (interval.low, interval.high), rtol=1e-9, atol=1e-12)


def test_wilson_interval_limits():
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == 1.0
    assert wilson_interval(10, 10)[0] == pytest.approx(0.7225, abs=5e-5)  # 10 / (10 + 1.96²)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_interval_rejects_impossible_counts(successes, n):
    with pytest.raises(ValueError, match="successes of"):
        wilson_interval(successes, n)


def results(only_a, only_b, both=3, neither=2):
    """Two models' results with the given counts, in mixed order."""
    a = np.repeat([True, False, True, False], [only_a, only_b, both, neither])
    b = np.repeat([False, True, True, False], [only_a, only_b, both, neither])
    order = np.random.default_rng(only_a).permutation(len(a))
    return a[order], b[order]


@settings(deadline=None, max_examples=100)
@given(only_a=st.integers(0, 1000), only_b=st.integers(0, 1000))
def test_mcnemar_matches_scipy(only_a, only_b):
    test = mcnemar(*results(only_a, only_b))
    assert (test.only_a, test.only_b) == (only_a, only_b)
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert test.p_value == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mcnemar_by_hand():
    assert mcnemar(*results(0, 0)).p_value == 1.0
    assert mcnemar(*results(3, 3)).p_value == 1.0
    assert mcnemar(*results(1, 5)).p_value == 2 * (1 + 6) / 64
    assert mcnemar(*results(0, 6)) == significance.McNemar(only_a=0, only_b=6, p_value=2 / 64)


def test_mcnemar_of_thousands_is_finite():
    test = mcnemar(*results(10_000, 10_200))
    assert test.p_value == pytest.approx(binomtest(10_000, 20_200).pvalue, rel=1e-9)
    assert mcnemar(*results(0, 5000)).p_value == 0.0  # 2 / 2**5000: below the smallest float, not an overflow


def test_mcnemar_rejects_other_arrays():
    right = np.array([True, False])
    with pytest.raises(ValueError, match="two bool arrays"):
        mcnemar(right.astype(int), right)
    with pytest.raises(ValueError, match="two arrays of the same length, not 2 and 1"):
        mcnemar(right, right[:1])
