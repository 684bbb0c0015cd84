"""Errors that a user can fix: each message is one sentence that says what is wrong, where, and what was expected."""


class TenfoldError(Exception):
    """The base class of all errors with a message for users."""

    exit_code = 3


class DataError(TenfoldError):
    """Data that can't be used; the message begins with its location.

    `row` counts data rows from 1, without a CSV header; `line` is the line in the file.
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
        location = [str(file)] if file is not None else []
        if row is not None:
            location.append(f"row {row:,}" + (f" (line {line:,})" if line is not None else ""))
        elif line is not None:
            location.append(f"line {line:,}")
        if column is not None:
            location.append(f"column {column}")
        super().__init__(f"{', '.join(location)}: {problem}" if location else problem)
        self.problem, self.file, self.row, self.line, self.column = problem, file, row, line, column


class RecipeError(TenfoldError):
    """A recipe with an unknown key or an invalid value."""


class RunError(TenfoldError):
    """A run folder or model file that can't be used."""


class CheckFailedError(TenfoldError):
    """A requested check that found an error."""

    exit_code = 4


class UnavailableError(TenfoldError):
    """A missing file, download, server or optional package; the message says how to get it."""

    exit_code = 5


class Interrupted(TenfoldError):
    """Ctrl-C or SIGTERM; training has saved everything, and the message says how to resume."""

    exit_code = 130
