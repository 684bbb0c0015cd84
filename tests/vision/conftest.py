import pytest
from drawn_digits import NearestDigit


@pytest.fixture(scope="session")
def model():
    return NearestDigit()
