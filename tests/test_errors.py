import pytest

from tenfold import errors
from tenfold.errors import DataError, TenfoldError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TenfoldError)]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({}, "too dark"),
        ({"file": "train.csv"}, "train.csv: too dark"),
        ({"file": "train.csv", "line": 1}, "train.csv, line 1: too dark"),
        ({"file": "train.csv", "row": 41_999, "line": 42_000}, "train.csv, row 41,999 (line 42,000): too dark"),
        ({"row": 3, "column": "pixel7"}, "row 3, column pixel7: too dark"),
        ({"file": "a", "row": 1, "line": 2, "column": "label"}, "a, row 1 (line 2), column label: too dark"),
    ],
)
def test_the_message_begins_with_the_place(place, message):
    error = DataError("too dark", **place)
    assert str(error) == message
    assert error.problem == "too dark"
    assert (error.file, error.row, error.line, error.column) == tuple(
        place.get(name) for name in ("file", "row", "line", "column")
    )


def test_every_kind_is_a_tenfold_error_with_an_exit_code_that_is_no_success_nor_a_usage_error():
    assert len(KINDS) >= 7
    for kind in KINDS:
        assert kind.exit_code not in (0, 1, 2), kind
        assert str(kind("a sentence")) == "a sentence"
    assert errors.Interrupted.exit_code == 130
    assert errors.CheckFailedError.exit_code != errors.UnavailableError.exit_code != TenfoldError.exit_code
