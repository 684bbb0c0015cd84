"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.data.findings import Finding

T = TypeVar("T")
PIPE_CLOSED = 141  # exit status that a shell reports for a program killed by SIGPIPE
# Control characters, which break lines or steer the terminal, and surrogates for bytes that are not UTF-8: file names
# contain both.
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Output(Console):
    """A console without markup: file names hold brackets and colons."""

    def __init__(self, stderr: bool) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        raise  # Rich would exit here

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich renders every string through this, also the cells and titles of tables."""
        return super().render_str("\n".join(map(printable, text.split("\n"))), **options)


OUT = Output(stderr=False)
ERR = Output(stderr=True)


def printable(text: str) -> str:
    """The text on one line, with control characters escaped."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Write to stdout inside; exits quietly if the pipe is closed. Raises TenfoldError if stdout can't be written."""
    if sys.stdout is None:  # closed before the program started; the error document still needs a file
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
        raise TenfoldError("standard output can't be written: it is closed")
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        # Flushing the rest of the buffer would fail again, with a traceback, when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(PIPE_CLOSED) from None
        raise TenfoldError(f"standard output can't be written: {error.strerror}") from None


def write(text: str) -> None:
    with writing():
        sys.stdout.write(text)


def say(thing: RenderableType) -> None:
    with writing():
        OUT.print(printable(thing) if isinstance(thing, str) else thing)


def print_json(content: Any) -> None:
    """One document; not through Rich, which would wrap and color it."""
    write(json.dumps(content, indent=2, allow_nan=False) + "\n")


def say_where(what: str, path: Path | None) -> None:
    if path is not None:
        say(f"{what}: {path}")


def number_table(title: str | None, first: str, *numbers: str) -> Table:
    """A table of names and numbers, which are neither wrapped nor truncated."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False)
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def print_findings(findings: Iterable[Finding]) -> None:
    write("".join(f"{printable(str(finding))}\n" for finding in findings))


def tracked(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    """Yield the items, with a progress bar on stderr if that is a terminal and there are many."""
    if total < 20 or not ERR.is_terminal:
        yield from items
        return
    from rich.progress import track

    yield from track(items, description, total, console=ERR, transient=True)
