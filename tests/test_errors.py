import pytest

from tenfold import errors
from tenfold.errors import DataError, TenfoldError

ERRORS = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, TenfoldError)]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ({}, "too dark"),
        ({"file": "train.csv"}, "train.csv: too dark"),
        ({"file": "train.csv", "line": 1}, "train.csv, line 1: too dark"),
        ({"file": "train.csv", "row": 41_999, "line": 42_000}, "train.csv, row 41,999 (line 42,000): too dark"),
        ({"row": 3, "column": "pixel7"}, "row 3, column pixel7: too dark"),
        ({"file": "a", "row": 1, "line": 2, "column": "label"}, "a, row 1 (line 2), column label: too dark"),
    ],
)
def test_data_error_message_begins_with_the_location(location, message):
    error = DataError("too dark", **location)
    assert str(error) == message
    assert error.problem == "too dark"
    assert (error.file, error.row, error.line, error.column) == tuple(
        location.get(name) for name in ("file", "row", "line", "column")
    )


def test_exit_codes_are_not_those_of_success_bugs_or_usage():
    assert len(ERRORS) >= 7
    for error in ERRORS:
        assert error.exit_code not in (0, 1, 2), error
        assert str(error("a sentence")) == "a sentence"
    assert errors.Interrupted.exit_code == 130
    assert errors.CheckFailedError.exit_code != errors.UnavailableError.exit_code != TenfoldError.exit_code
