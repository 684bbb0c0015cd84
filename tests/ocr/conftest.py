import pytest

from tests.ocr.drawn_digits import NearestDigit


@pytest.fixture(scope="session")
def model():
    return NearestDigit()
