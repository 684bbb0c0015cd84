"""The commands of `tenfold`: plain functions, whose arguments Typer reads off their types."""
