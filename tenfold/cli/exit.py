"""How a command ends: what it prints for programs, what it says of an error, and its exit code."""

import contextlib
import sys
from typing import Any

import typer

from tenfold.errors import TenfoldError

# Typer has no name of its own for the family of errors that wrong usage raises.
UsageError: Any = typer.BadParameter.__base__


def finish(document: Any, json: bool, error: Any = None) -> None:
    """End a command: with `json` by its only document, with `error` by a sentence on stderr and the exit code."""
    if json:
        from tenfold.cli.output import print_json

        if error is not None:
            message = error.format_message() if isinstance(error, UsageError) else str(error)
            document |= {"error": {"message": message, "exit_code": error.exit_code}}
        # Where nothing can be written, the error is still said on stderr.
        with contextlib.suppress(TenfoldError) if error is not None else contextlib.nullcontext():
            print_json(document)
    if error is not None:
        if isinstance(error, UsageError):
            error.show()  # with the usage line
        else:
            from tenfold.cli.output import printable

            if sys.stderr is not None:  # closed: print would take stdout
                print(printable(f"tenfold: {error}"), file=sys.stderr)
        raise SystemExit(error.exit_code)
