"""What can go wrong through no fault of the code: each error is one sentence for the person who reads it."""


class TenfoldError(Exception):
    """Something the caller can mend; the message says what, where, and what was expected."""

    exit_code = 3


class DataError(TenfoldError):
    """Data that can't be read: the message begins with the place.

    `row` counts data rows from 1 (a CSV header is not a row); the line in the file is said beside it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        row: int | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        place = [str(file)] if file is not None else []
        if row is not None:
            place.append(f"row {row:,}" + (f" (line {line:,})" if line is not None else ""))
        elif line is not None:
            place.append(f"line {line:,}")
        if column is not None:
            place.append(f"column {column}")
        super().__init__(f"{', '.join(place)}: {problem}" if place else problem)
        self.problem, self.file, self.row, self.line, self.column = problem, file, row, line, column


class RecipeError(TenfoldError):
    """A recipe with a key or a value that does not exist."""


class RunError(TenfoldError):
    """A run folder or model file that can't be used."""


class CheckFailedError(TenfoldError):
    """A check that was asked for found something wrong."""

    exit_code = 4


class UnavailableError(TenfoldError):
    """A file, a download or an optional package that is not there; the message says how to get it."""

    exit_code = 5


class Interrupted(TenfoldError):
    """Ctrl-C; of a training after everything was saved, and the message says how to go on."""

    exit_code = 130
