"""Small networks and digits, as for the tests of training."""

from tests.training.conftest import _make_digits, _make_recipe  # noqa: F401  # fixtures
