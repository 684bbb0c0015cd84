"""The networks that are exported are those of small trainings."""

from tests.training.conftest import (  # noqa: F401  # fixtures
    _make_digits,
    _make_recipe,
    _one_thread,
    digits,
    float32,
    new_run,
)
