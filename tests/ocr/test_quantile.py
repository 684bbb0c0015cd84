import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tenfold.ocr.quantile import median, quantile

VALUES = arrays(np.uint8, st.integers(1, 60)) | arrays(
    np.float32, st.integers(1, 60), elements=st.floats(-9, 9, width=32)
)


@given(VALUES, st.floats(0, 1))
def test_quantile_matches_numpy(values, fraction):
    assert quantile(values, fraction) == pytest.approx(
        np.quantile(values.astype(np.float64), fraction), rel=1e-6, abs=1e-6
    )


@given(VALUES)
def test_median_matches_numpy(values):
    assert median(values) == pytest.approx(np.median(values.astype(np.float64)), rel=1e-6, abs=1e-6)


def test_read_does_not_import_masked_arrays():
    program = """
import sys, numpy, cv2, tenfold
for text, expect in (("3", "digit"), ("47", "auto")):
    picture = numpy.full((120, 200), 230, numpy.uint8)
    picture[:, 100:] = 215
    cv2.putText(picture, text, (20, 90), cv2.FONT_HERSHEY_SIMPLEX, 3, 40, 8)
    assert tenfold.read(picture, expect).text, text
assert "numpy.ma" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
