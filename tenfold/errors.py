"""Errors that a user can fix: each message is one sentence that says what is wrong, where, and what was expected."""

import re

MAX_MESSAGE = 299  # characters, whatever names and values it quotes
MAX_NAME = 140  # of a path or another name in a message
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def shorten(name: object, limit: int = MAX_NAME) -> str:
    """A name for a message, on one line; the middle of a long one is left out."""
    text = str(name)
    if len(text) > limit:
        tail = limit // 3
        text = f"{text[: limit - tail - 1]}…{text[-tail:]}"
    return CONTROL.sub(" ", text)


class TenfoldError(Exception):
    """The base class of all errors with a message for users, of one line and at most `MAX_MESSAGE` characters."""

    exit_code = 3

    def __init__(self, message: str) -> None:
        super().__init__(shorten(message, MAX_MESSAGE))


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
        location = [shorten(file)] if file is not None else []
        if row is not None:
            location.append(f"row {row:,}" + (f" (line {line:,})" if line is not None else ""))
        elif line is not None:
            location.append(f"line {line:,}")
        if column is not None:
            location.append(f"column {shorten(column, 40)}")
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
