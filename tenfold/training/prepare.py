"""What `train` and `compare` are asked for, in the library's terms: names to recipes, sources to datasets and runs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

from rich.console import Console

from tenfold.data import Dataset, load_data
from tenfold.data.dataset import concatenate
from tenfold.data.split import SAMPLING_SEED, limit_samples, stratified_split, training_data, without_labels
from tenfold.errors import RunError, TenfoldError, UnavailableError
from tenfold.files import validate_output_path
from tenfold.model import is_bundled, load_model
from tenfold.recipes import Recipe, find
from tenfold.recipes.toml import from_dict, from_file, with_settings
from tenfold.run import Run
from tenfold.training.callbacks import Watch
from tenfold.training.compare import Contest
from tenfold.training.teacher import Teacher, load_teacher
from tenfold.training.train import Trained, check_teacher, set_aside, split
from tenfold.training.train import train as train_run

TEST_SHARE = 0.2
TEACHER_DIGEST = "teacher_sha256"  # of its model.onnx, or the .onnx file that it is


@dataclass(frozen=True)
class Job:
    """One training, ready to begin or to go on."""

    recipe: Recipe
    labeled: Dataset
    unlabeled: Dataset | None
    run: Run
    remembered: dict[str, Any]  # how to find the data and the teacher again, and how many members to train at once
    extra: Dataset | None = None
    teacher: Teacher | None = None
    replaced: Path | None = None  # where the run that it replaces is kept until this one has produced something


def recipe(name: str, settings: Sequence[str], epochs: int | None, seed: int | None) -> Recipe:
    """A named recipe or a .toml file, with the command line's changes. Raises RecipeError, UnavailableError."""
    if not name.endswith((".toml", ".json")):
        base = find(name).recipe
    elif Path(name).exists():
        base = from_file(Path(name))
    else:
        raise UnavailableError(
            f"{name}: there is no such recipe file; `tenfold recipes show NAME` prints one to start with"
        )
    changed = with_settings(base, settings)
    for key, value in (("epochs", epochs), ("seed", seed)):
        if value is not None:
            changed = from_dict(changed.model_dump(mode="json") | {key: value}, f"--{key} {value}")
    return changed


def new(
    data: str,
    recipe: Recipe,
    out: Path | None,
    limit: int | None,
    overwrite: bool,
    teacher: Path | None = None,
    extra: Sequence[str] = (),
    jobs: int = 1,
) -> Job:
    """A job to begin. Raises RunError where a run stands already and is not to be replaced."""
    run = Run(validate_output_path(out or Path("runs") / recipe.name))
    if run.exists and not overwrite:
        raise RunError(
            f"{run.folder} holds a run already; use --resume to go on with it, --overwrite to replace it, "
            "or another --out"
        )
    check_teacher(recipe, teacher is not None)
    if teacher and not is_bundled(teacher) and run.folder.resolve() in (teacher.resolve(), *teacher.resolve().parents):
        raise RunError(f"{teacher}: the teacher would be replaced by its student; name another folder with --out")
    job = _job(recipe, run, data, limit, teacher, extra, jobs)
    split(recipe, job.labeled)  # what can't be trained must not cost the run that stands there
    if run.folder.exists() and any(run.folder.iterdir()):
        return replace(job, replaced=set_aside(run))
    return job


def begun(out: Path, data: str | None) -> Job:
    """The job that was begun in `out`, on the data it remembers or on `data`; UnavailableError where there is none."""
    run = Run(out)
    if not run.exists:
        raise UnavailableError(f"{out}: there is no run to go on with")
    recipe = from_dict(run.read_json(run.recipe), str(run.recipe))
    remembered = run.read_json(run.data)
    if "limit" not in remembered:
        raise RunError(f"{out}: this run does not say which rows it had; go on with the command that began it")
    teacher = Path(remembered["teacher"]) if "teacher" in remembered else None
    extra, jobs = remembered.get("extra", ()), remembered.get("jobs", 1)
    job = _job(recipe, run, data or remembered["data"], remembered["limit"], teacher, extra, jobs)
    if job.remembered.get(TEACHER_DIGEST) != remembered.get(TEACHER_DIGEST, job.remembered.get(TEACHER_DIGEST)):
        raise RunError(f"{teacher}: this teacher is not the one that the run was begun with")
    return job


def _job(
    recipe: Recipe,
    run: Run,
    data: str,
    limit: int | None,
    teacher: Path | None,
    extra: Sequence[str],
    jobs: int,
) -> Job:
    source = load_data(data)
    labeled = limit_samples(training_data(source), limit)
    remembered: dict[str, Any] = {"data": data, "limit": limit}
    if teacher:
        remembered |= {"teacher": str(teacher), TEACHER_DIGEST: load_model(teacher).digest}
    if extra:
        remembered["extra"] = list(extra)
    if jobs > 1:
        remembered["jobs"] = jobs
    more = reduce(concatenate, [training_data(load_data(name)) for name in extra]) if extra else None
    taught_by = load_teacher(str(teacher)) if teacher else None
    return Job(recipe, labeled, without_labels(source.test), run, remembered, more, taught_by)


def train(job: Job, console: Console, time_limit: float | None) -> Trained:
    jobs = job.remembered.get("jobs", 1)
    with _replacing(job, console), Watch(console, job.recipe.name, job.recipe.epochs, time_limit).watching() as watch:
        trained = train_run(
            job.recipe, job.labeled, job.unlabeled, job.run, watch, job.remembered, job.teacher, jobs, job.extra
        )
    return replace(trained, interrupted=watch.interrupted and not trained.finished)


@contextlib.contextmanager
def _replacing(job: Job, console: Console) -> Iterator[None]:
    """Restore the replaced run where nothing comes of the new one; else remove it.

    Where something unforeseen ends a new one that can go on, both stay.
    """
    if job.replaced is None:
        yield
        return
    try:
        yield
    except BaseException as error:
        checkpoints = job.run.folder.rglob(job.run.last.name)  # its own, or its members'
        if isinstance(error, TenfoldError) or not any(checkpoints):
            shutil.rmtree(job.run.folder, ignore_errors=True)
            job.replaced.replace(job.run.folder)
            job.replaced.parent.rmdir()
        else:
            console.print(f"note: the run that was to be replaced stands in {job.replaced}")
        raise
    shutil.rmtree(job.replaced.parent)


def contest(data: str, limit: int | None) -> Contest:
    """What `compare` trains and measures on: the source's own labeled test rows, else a stratified fifth set aside."""
    source = load_data(data)
    labeled = limit_samples(training_data(source), limit)
    if source.test is not None and source.test.labels is not None:
        return Contest(labeled, source.test, f"Measured on {source.test.source}: {len(source.test):,} rows.")
    assert labeled.labels is not None
    rows, test_rows = stratified_split(labeled.labels, TEST_SHARE, SAMPLING_SEED)
    note = f"Measured on {len(test_rows):,} rows of {labeled.source}, set aside before any training."
    return Contest(labeled.subset(rows), labeled.subset(test_rows), note)
