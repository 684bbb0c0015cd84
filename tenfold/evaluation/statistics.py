"""The uncertainty of figures: a confidence interval for one accuracy, a paired test for two."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Z_95 = NormalDist().inv_cdf(0.975)


def wilson_interval(successes: float, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson, 1927), which is accurate also near 0 and 1.

    Raises ValueError for n < 1 or successes outside 0..n.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} successes of {n}")
    p = successes / n
    spread = Z_95 * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
    lower, upper = ((p + Z_95**2 / (2 * n) + side * spread) / (1 + Z_95**2 / n) for side in (-1, 1))
    # In these two cases a limit is exactly 0 or 1; floating point misses it slightly.
    return (0.0 if successes == 0 else lower, 1.0 if successes == n else upper)


@dataclass(frozen=True)
class McNemar:
    """Two models on the same samples.

    only_a, only_b: how many samples only this model predicts correctly; the test ignores all others.
    p_value: two-sided probability of a difference at least this large if both models were equally good.
    """

    only_a: int
    only_b: int
    p_value: float


def mcnemar(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> McNemar:
    """Exact McNemar test: the sign test on the samples where only one model is correct.

    correct_a, correct_b: bool (N,), whether each prediction is correct. Raises ValueError for another type or shape.
    """
    if correct_a.dtype != np.bool_ or correct_b.dtype != np.bool_ or correct_a.ndim != 1:
        raise ValueError("mcnemar takes two bool arrays (N,)")
    if correct_a.shape != correct_b.shape:
        raise ValueError(f"mcnemar takes two arrays of the same length, not {len(correct_a):,} and {len(correct_b):,}")
    only_a = int(np.count_nonzero(correct_a & ~correct_b))
    only_b = int(np.count_nonzero(correct_b & ~correct_a))
    return McNemar(only_a, only_b, _sign_test(only_a, only_b))


def _sign_test(a: int, b: int) -> float:
    """Two-sided p value of `a` heads against `b` tails of a fair coin.

    The tail sums binomial coefficients as integers, so only the final division rounds.
    """
    n = a + b
    term = tail = 1  # n over 0
    for i in range(min(a, b)):
        term = term * (n - i) // (i + 1)
        tail += term
    p_value: float = 2 * tail / 2**n
    return min(1.0, p_value)
