"""How a command ends: its JSON document, its error message and its exit code."""

import contextlib
import sys
from typing import Any

import typer

from tenfold.errors import TenfoldError

# Typer doesn't export the base class of its usage errors, which its vendored copy of Click defines.
UsageError: Any = typer.BadParameter.__base__


def finish(document: Any, json: bool, error: Any = None) -> None:
    """End a command: print the JSON document if asked for; with an error, print it to stderr and raise SystemExit."""
    if json:
        _write_document(document, error)
    if error is not None:
        _print_error(error)
        raise SystemExit(error.exit_code)


def _write_document(document: Any, error: Any) -> None:
    from tenfold.cli.output import print_json

    if error is None:
        print_json(document)
        return
    message = error.format_message() if isinstance(error, UsageError) else str(error)
    with contextlib.suppress(TenfoldError):  # if stdout is closed, the error still goes to stderr
        print_json(document | {"error": {"message": message, "exit_code": error.exit_code}})


def _print_error(error: Any) -> None:
    if isinstance(error, UsageError):
        error.show()  # with the usage line
    elif sys.stderr is not None:  # if it is closed, print would write to stdout
        from tenfold.cli.output import printable

        print(printable(f"tenfold: {error}"), file=sys.stderr)
