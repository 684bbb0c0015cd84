"""From the arguments of `train` and `compare` to recipes, datasets, teachers and runs."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

from rich.console import Console

from tenfold.data import Dataset, load_data
from tenfold.data.dataset import concatenate
from tenfold.data.findings import Finding, from_notes
from tenfold.data.split import SAMPLING_SEED, limit_samples, stratified_split, training_data, without_labels
from tenfold.errors import RunError, TenfoldError, UnavailableError
from tenfold.evaluation.metrics import Probabilities
from tenfold.files import validate_output_path
from tenfold.model import is_bundled, load_model
from tenfold.recipes import Recipe, find
from tenfold.recipes.toml import from_dict, from_file, with_settings
from tenfold.run import Run
from tenfold.training.callbacks import Callback
from tenfold.training.compare import ComparisonData
from tenfold.training.custom import with_network
from tenfold.training.device import AUTO
from tenfold.training.teacher import Teacher, load_teacher
from tenfold.training.train import TrainResult, check_teacher, split, train

TEST_FRACTION = 0.2
TEACHER_DIGEST = "teacher_sha256"  # in data.json: of the teacher's ONNX file


@dataclass(frozen=True)
class TrainOptions:
    """The options of `train` that data.json records, so that `--resume` finds them."""

    data: str
    limit: int | None = None
    extra: Sequence[str] = ()
    teacher: Path | None = None
    jobs: int = 1
    device: str = AUTO
    precision: str = AUTO
    label_column: str | None = None
    pixel_columns: str | None = None


@dataclass(frozen=True)
class Job:
    """One training, ready to start or to resume."""

    recipe: Recipe
    run: Run
    options: TrainOptions
    labeled: Dataset
    unlabeled: Dataset | None
    extra: Dataset | None
    teacher: Teacher | None
    record: dict[str, Any]  # for data.json
    notes: tuple[Finding, ...] = ()  # what the readers of the data changed
    replaced: Path | None = None  # where the run that it replaces is kept until the new one has produced something


def find_recipe(
    name: str,
    settings: Sequence[str] = (),
    epochs: int | None = None,
    seed: int | None = None,
    network: str | None = None,
    folds: int | None = None,
) -> Recipe:
    """A built-in recipe or a file, with the command line's settings. Raises RecipeError, UnavailableError.

    network: package.module:factory, in place of the recipe's network.
    """
    if not name.endswith((".toml", ".json")):
        base = find(name).recipe
    elif Path(name).exists():
        base = from_file(Path(name))
    else:
        raise UnavailableError(f"{name}: no such file; `tenfold recipes show NAME` prints a recipe to start from")
    recipe = with_settings(with_network(base, network)[0], settings)
    for key, value in (("epochs", epochs), ("seed", seed), ("folds", folds)):
        if value is not None:
            recipe = from_dict(recipe.model_dump(mode="json") | {key: value}, f"--{key} {value}")
    return recipe


def new_job(recipe: Recipe, out: Path | None, options: TrainOptions, overwrite: bool = False) -> Job:
    """A job that starts a run. Raises RunError if there is a run already and it may not be replaced."""
    run = Run(validate_output_path(out or Path("runs") / recipe.name))
    if run.exists and not overwrite:
        raise RunError(
            f"{run.folder} already contains a run; continue it with --resume, replace it with --overwrite, "
            "or choose another --out"
        )
    teacher = options.teacher
    check_teacher(recipe, teacher is not None)
    if teacher and not is_bundled(teacher) and run.folder.resolve() in (teacher.resolve(), *teacher.resolve().parents):
        raise RunError(f"{teacher}: the run would replace its own teacher; choose another --out")
    job = load_job(recipe, run, options)
    split(recipe, job.labeled)  # raises before the present run is moved
    if run.folder.exists() and any(run.folder.iterdir()):
        return replace(job, replaced=move_aside(run))
    return job


def resume_job(out: Path, data: str | None) -> Job:
    """The job that was started in `out`, on `data` or on the data it recorded. Raises UnavailableError, RunError."""
    run = Run(out)
    if not run.exists:
        raise UnavailableError(f"{out}: there is no run to resume")
    recipe = from_dict(run.read_json(run.recipe), str(run.recipe))
    saved = run.read_json(run.data)
    if "limit" not in saved:
        raise RunError(f"{out}: this run does not record its data; resume it with the command that started it")
    options = TrainOptions(
        data=data or saved["data"],
        limit=saved["limit"],
        extra=saved.get("extra", ()),
        teacher=Path(saved["teacher"]) if "teacher" in saved else None,
        jobs=saved.get("jobs", 1),
        label_column=saved.get("label_column"),
        pixel_columns=saved.get("pixel_columns"),
    )
    job = load_job(recipe, run, options)
    if job.record.get(TEACHER_DIGEST) != saved.get(TEACHER_DIGEST):
        raise RunError(f"{options.teacher}: the teacher has changed since the run was started")
    return job


def load_job(recipe: Recipe, run: Run, options: TrainOptions) -> Job:
    columns = {"label_column": options.label_column, "pixel_columns": options.pixel_columns}
    source = load_data(options.data, **columns)
    record: dict[str, Any] = {"data": options.data, "limit": options.limit}
    record |= {name: value for name, value in columns.items() if value is not None}
    if options.teacher:
        record |= {"teacher": str(options.teacher), TEACHER_DIGEST: load_model(options.teacher).digest}
    if options.extra:
        record["extra"] = list(options.extra)
    if options.jobs > 1:
        record["jobs"] = options.jobs
    more = [load_data(name) for name in options.extra]
    extra = [training_data(splits) for splits in more]
    return Job(
        recipe=recipe,
        run=run,
        options=options,
        labeled=limit_samples(training_data(source), options.limit),
        unlabeled=without_labels(source.test),
        extra=reduce(concatenate, extra) if extra else None,
        teacher=load_teacher(str(options.teacher)) if options.teacher else None,
        record=record,
        notes=from_notes(note for splits in (source, *more) for note in splits.notes),
    )


def load_out_of_fold(run: Run, data: str | None = None) -> tuple[Dataset, Probabilities]:
    """The labeled samples of a cross-validation and their out-of-fold probabilities, float32 (N, 10).

    data: where they are, if not where the run recorded it. Raises RunError, UnavailableError, DataError.
    """
    probabilities, saved = run.read_oof(), run.read_json(run.data)
    run.verify_files(run.oof)
    name = data or saved.get("data")
    if name is None:
        raise RunError(f"{run.folder}: this run does not record where its data is; name it after the run")
    columns = {key: saved.get(key) for key in ("label_column", "pixel_columns")}
    labeled = limit_samples(training_data(load_data(name, **columns)), saved.get("limit"))
    extra = [training_data(load_data(each)) for each in saved.get("extra", ())]
    if reduce(concatenate, extra, labeled).digest != saved.get("digest") or len(labeled) != len(probabilities):
        raise RunError(f"{labeled.source}: not the data that {run.folder} was trained on; name that data after the run")
    return labeled, probabilities


def run_job(job: Job, callbacks: Sequence[Callback], console: Console) -> TrainResult:
    with _restore_replaced(job, console):
        return train(
            job.recipe,
            job.labeled,
            job.run,
            callbacks,
            extra=job.extra,
            unlabeled=job.unlabeled,
            teacher=job.teacher,
            jobs=job.options.jobs,
            device=job.options.device,
            precision=job.options.precision,
            record=job.record,
            notes=job.notes,
        )


@contextlib.contextmanager
def _restore_replaced(job: Job, console: Console) -> Iterator[None]:
    """Remove the replaced run after a success, and restore it if the new one came to nothing.

    If anything else ends a new run that can be resumed, both are kept.
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
            console.print(f"note: the replaced run is kept in {job.replaced}")
        raise
    shutil.rmtree(job.replaced.parent)


def move_aside(run: Run) -> Path:
    """Move a run folder into a new folder beside it; returns where it is now. Raises RunError for any other folder."""
    if not run.exists and not run.is_just_created:
        raise RunError(f"{run.folder}: not a tenfold run folder, so it is not replaced")
    if run.foreign_files:
        raise RunError(f"{run.foreign_files[0]}: not part of a tenfold run, so the folder is not replaced")
    aside = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=f"{run.folder.name}.replaced-", dir=run.folder.parent))
        return run.folder.replace(aside / run.folder.name)
    except OSError as error:
        if aside:
            aside.rmdir()
        raise RunError(f"{run.folder}: this folder can't be replaced ({error.strerror})") from None


def load_comparison(data: str, limit: int | None) -> ComparisonData:
    """What `compare` trains and measures on: the source's labeled test samples, else a stratified fifth of all."""
    source = load_data(data)
    labeled = limit_samples(training_data(source), limit)
    if source.test is not None and source.test.labels is not None:
        return ComparisonData(labeled, source.test, f"Measured on {source.test.source}: {len(source.test):,} samples.")
    assert labeled.labels is not None
    train_indices, test_indices = stratified_split(labeled.labels, TEST_FRACTION, SAMPLING_SEED)
    note = f"Measured on {len(test_indices):,} samples of {labeled.source}, set aside before any training."
    return ComparisonData(labeled.subset(train_indices), labeled.subset(test_indices), note)
