import re

import numpy as np
import pytest

from tenfold.evaluation import reliability_bins, wilson_interval
from tenfold.report.reliability import reliability_curve

CONFIDENCE = np.array([0.55, 0.58, 0.95, 0.97, 0.99, 0.99])
CORRECT = np.array([True, False, True, True, True, True])


def test_one_point_a_filled_bin_where_its_confidence_and_accuracy_are():
    svg = reliability_curve(reliability_bins(CONFIDENCE, CORRECT))
    # The ends of the dotted diagonal are (0, 0) and (1, 1).
    left, bottom, right, top = map(float, re.search(r'x1="(.*?)" y1="(.*?)" x2="(.*?)" y2="(.*?)"', svg).groups())
    places = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]
    shares = [((x - left) / (right - left), (bottom - y) / (bottom - top)) for x, y in places]
    assert np.array(shares) == pytest.approx(np.array([(0.565, 0.5), (0.975, 1.0)]), abs=1e-3)

    low, high = wilson_interval(1, 2)
    interval = re.search(rf'<line x1="{places[0][0]}" y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)"', svg)
    ends = [(bottom - float(y)) / (bottom - top) for y in interval.groups()]
    assert ends == pytest.approx([low, high], abs=1e-3)


def test_counts_are_written_above_their_bars():
    svg = reliability_curve(reliability_bins(np.r_[np.full(12345, 0.99), np.full(7, 0.5)], np.ones(12352, bool)))
    assert re.findall(r"font-size: 9.5px[^>]*>([^<]*)<", svg) == ["7", "12k"]
