"""Errors that a user can fix: each message is one sentence that says what is wrong, where, and what was expected."""

# They stand for bytes of a file's name that are not UTF-8; what prints a message escapes them.
SURROGATES = {chr(code) for code in range(0xDC80, 0xDD00)}
MAX_MESSAGE = 299  # characters, whatever names and values it quotes
MAX_NAME = 140  # of a path or another name in a message


def shorten(name: object, limit: int = MAX_NAME) -> str:
    """A name for a message, on one line; the middle of a long one is left out."""
    text = _cut(str(name), 10 * limit)
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in SURROGATES else ascii(c)[1:-1] for c in text)
    return _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    tail = limit // 3
    return text if len(text) <= limit else f"{text[: limit - tail - 1]}…{text[-tail:]}"


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


class DataWarning(UserWarning):
    """Arrays that are accepted with a change, such as pixels from 0 to 1 that were scaled to 255."""


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
