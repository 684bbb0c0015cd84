"""What the runs in a folder are, from their JSON files alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import RunError
from tenfold.run import Run


@dataclass(frozen=True)
class RunSummary:
    """A run in short.

    name: its path in the folder that was listed. samples: labeled ones. epochs, accuracy, seconds: None until the run
    has a result; accuracy is on its validation or out-of-fold samples (measured_on), None without any. problem: what is
    wrong with a damaged run, else None.
    """

    name: str
    recipe: str | None = None
    samples: int | None = None
    epochs: int | None = None
    accuracy: float | None = None
    measured_on: str | None = None
    seconds: float | None = None
    finished: bool = False
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_runs(folder: Path) -> list[RunSummary]:
    """The runs in `folder` and its subfolders, by name; folders inside a run, such as its members, are not listed."""
    return [_summarize(run, folder) for run in _find_runs(folder)]


def sort_runs(runs: list[RunSummary], key: str) -> list[RunSummary]:
    """Texts ascending, numbers descending; runs without a value last."""
    known = [run for run in runs if getattr(run, key) is not None]
    is_number = any(not isinstance(getattr(run, key), str) for run in known)
    known.sort(key=lambda run: getattr(run, key), reverse=is_number)
    return known + [run for run in runs if getattr(run, key) is None]


def _find_runs(folder: Path) -> list[Run]:
    if Run(folder).exists:
        return [Run(folder)]
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    return [run for path in subfolders for run in _find_runs(path)]


def _summarize(run: Run, folder: Path) -> RunSummary:
    name = run.folder.name if run.folder == folder else run.folder.relative_to(folder).as_posix()
    try:
        recipe, data = run.read_json(run.recipe), run.read_json(run.data)
        metrics = run.read_json(run.metrics) if run.metrics.exists() else {}
    except RunError as error:
        return RunSummary(name, problem=str(error))
    measured = metrics.get("validation") or {}
    return RunSummary(
        name=name,
        recipe=recipe.get("name"),
        samples=data.get("samples"),
        epochs=metrics.get("epochs"),
        accuracy=measured.get("accuracy"),
        measured_on=metrics.get("measured_on", "validation") if measured else None,
        seconds=metrics.get("seconds"),
        finished=metrics.get("finished") is True and run.manifest.exists(),
    )
