"""Write the help of every command into docs/cli.md, below the line that says so.

python scripts/write_cli_reference.py
"""

from collections.abc import Iterator
from pathlib import Path

import typer
from typer.testing import CliRunner

from tenfold.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
MARK = "<!-- Generated from here on by scripts/write_cli_reference.py (`make docs`). -->\n"


def main() -> None:
    PAGE.write_text(render_page(PAGE.read_text()))


def render_page(text: str) -> str:
    """The page with its written part kept and its generated part new."""
    written, mark, _ = text.partition(MARK)
    return written + mark + "".join(render_command(words) for words in list_commands())


def list_commands() -> Iterator[tuple[str, ...]]:
    """The words of every command, as ("recipes", "show"); groups come before their commands."""
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]  # the root is a group
        yield (name,)
        for inner in getattr(command, "commands", ()):
            yield name, inner


def render_command(words: tuple[str, ...]) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="tenfold", env={"COLUMNS": "100", "TERM": "dumb"})
    lines = (line.rstrip() for line in result.output.strip().splitlines())
    return f"\n## tenfold {' '.join(words)}\n\n```text\n{chr(10).join(lines)}\n```\n"


if __name__ == "__main__":
    main()
