"""Ensembles: several networks whose probabilities are averaged, trained together or combined from finished runs."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from tenfold import __version__
from tenfold.data.dataset import Dataset
from tenfold.errors import RunError, TenfoldError
from tenfold.export.onnx import export
from tenfold.files import sha256, write_json, write_text
from tenfold.nets import Ensemble, parameter_count
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training.callbacks import Callback, ProgressCallback, StopOnSignal
from tenfold.training.checkpoint import load_network
from tenfold.training.digits import DigitModel, DigitTask, check_sample_count, select_digit_precision
from tenfold.training.task import FitResult, reads_lines
from tenfold.training.teacher import Teacher

POLL_SECONDS = 0.5  # between two calls of `should_stop` while processes train


class EnsembleTask(DigitModel):
    """Networks of one recipe and its variants, each with a seed and a run folder of its own: members/01, 02, ...

    jobs: how many to train at a time, each in its own process with its share of the threads; faster if the networks
    are too small to keep several threads busy. Students of a teacher are trained one after another.
    """

    def __init__(
        self,
        recipe: Recipe,
        train_set: Dataset,
        val_set: Dataset | None,
        device: torch.device,
        teacher: Teacher | None = None,
        jobs: int = 1,
    ) -> None:
        check_sample_count(recipe, train_set)
        self.recipe, self.train_set, self.val_set, self.device = recipe, train_set, val_set, device
        self.teacher = teacher
        self.jobs = 1 if teacher is not None else jobs
        self.threads = max(1, torch.get_num_threads() // self.jobs)

    def select_precisions(self, precision: str) -> list[str]:
        with torch_threads(self.threads):
            return [
                select_digit_precision(precision, self.recipe.member(index), self.train_set, self.device)
                for index in range(len(self.recipe.member_configs))
            ]

    def fit(self, run: Run, precisions: Sequence[str], callbacks: Sequence[Callback] = ()) -> FitResult:
        """Train the members; finished ones are kept, others resumed. A stopped ensemble is what is finished so far."""
        runs = self.member_runs(run)
        for member_run in runs:
            member_run.checkpoints.mkdir(parents=True, exist_ok=True)
        if self.jobs > 1:
            self._fit_in_processes(runs, precisions, callbacks)
        results: list[FitResult] = []
        with torch_threads(self.threads):  # also for the steps that a process left undone: they must have the same bits
            for index, member_run in enumerate(runs):
                is_stopped = not all(result.finished for result in results)
                if is_stopped and not member_run.last.exists():
                    continue  # a later one may have been finished in another process
                task = self.member_task(index)
                results.append(task.fit(member_run, [precisions[index % len(precisions)]], callbacks))
        return merge_results(results, self.recipe.network_count)

    def member_runs(self, run: Run) -> list[Run]:
        return [Run(run.members / f"{index + 1:02}") for index in range(self.recipe.network_count)]

    def member_task(self, index: int) -> DigitTask:
        name = f"{self.recipe.name} network {index + 1}/{self.recipe.ensemble_size}"
        return DigitTask(self.recipe.member(index), self.train_set, self.val_set, self.device, self.teacher, name)

    def _fit_in_processes(self, runs: Sequence[Run], precisions: Sequence[str], callbacks: Sequence[Callback]) -> None:
        """Train every member until a callback stops it; its errors are raised when it is resumed in this process."""
        show_progress = any(isinstance(callback, ProgressCallback) for callback in callbacks)
        waiting = [
            multiprocessing.get_context("spawn").Process(
                target=_fit_member,
                args=(self, index, member_run, precisions[index % len(precisions)], show_progress),
            )
            for index, member_run in enumerate(runs)
        ]
        run_processes(waiting, self.jobs, lambda: any(callback.should_stop() for callback in callbacks))


def run_processes(waiting: list[SpawnProcess], jobs: int, should_stop: Callable[[], bool]) -> None:
    """Run processes, `jobs` at a time, until all have ended; a stop terminates those that are running."""
    running: list[SpawnProcess] = []
    try:
        while (waiting or running) and not should_stop():
            while waiting and len(running) < jobs:
                start_ignoring_ctrl_c(waiting[0])
                running.append(waiting.pop(0))
            wait([process.sentinel for process in running], POLL_SECONDS)
            running = [process for process in running if process.is_alive()]
    finally:  # also if a second Ctrl-C ends this process at once
        for process in running:
            process.terminate()  # SIGTERM: it stops after the current step, with a checkpoint; not on Windows
        for process in running:
            process.join()


def _fit_member(task: EnsembleTask, index: int, run: Run, precision: str, show_progress: bool) -> None:
    """The main function of a member's process."""
    torch.set_num_threads(task.threads)
    console = Console(stderr=True, quiet=not show_progress, force_terminal=False, highlight=False, soft_wrap=True)
    try:
        with StopOnSignal(Console(quiet=True)) as stop:
            task.member_task(index).fit(run, [precision], [ProgressCallback(console), stop])
    except TenfoldError:  # shown once, when it is raised again in the parent process
        raise SystemExit(1) from None


def start_ignoring_ctrl_c(process: SpawnProcess) -> None:
    """Start a process that ignores Ctrl-C, which a terminal sends to all, until it can handle it."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child inherits it
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, handler)


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def merge_results(results: Sequence[FitResult], network_count: int) -> FitResult:
    """The finished networks as one, or the first one if none is finished, with the mean of their histories."""
    kept = [result for result in results if result.finished] or list(results[:1])
    return FitResult(
        network=Ensemble([result.network for result in kept]) if len(kept) > 1 else kept[0].network,
        history=mean_history([result.history for result in kept]),
        epochs=kept[-1].epochs,
        best_epoch=kept[-1].best_epoch,
        samples=sum(result.samples for result in results),
        seconds=sum(result.seconds for result in results),
        precision=", ".join(dict.fromkeys(result.precision for result in kept)),
        finished=len(kept) == network_count and all(result.finished for result in kept),
    )


def mean_history(histories: Sequence[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The mean of several histories, for the epochs that all of them have; seconds are summed.

    best: whether the epoch has the best mean validation accuracy so far.
    """
    rows: list[dict[str, float]] = []
    for epochs in zip(*histories, strict=False):
        row = {key: float(np.mean([epoch[key] for epoch in epochs])) for key in epochs[0]}
        row |= {"epoch": epochs[0]["epoch"], "step": epochs[0]["step"], "seconds": sum(e["seconds"] for e in epochs)}
        if "best" in row:
            row["best"] = float(all(row["val_accuracy"] > earlier["val_accuracy"] for earlier in rows))
        rows.append(row)
    return rows


def combine(folders: Sequence[Path], out: Path) -> dict[str, Any]:
    """Write to the folder `out` a model that averages the probabilities of finished runs; returns its metrics.json.

    Nothing is chosen or weighted: measure it with `evaluate`, which knows the images that any of the runs has seen.
    Raises RunError for fewer than two runs, for one that is unfinished or damaged, and if `out` is not empty.
    """
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise RunError("an ensemble needs at least two different runs")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is not empty; choose another folder with --out")
    runs = [Run(folder) for folder in folders]
    for run in runs:
        check_combinable(run)
    network = Ensemble([load_network(run) for run in runs])  # in float32, also of runs whose models are quantized
    metrics = {
        "tenfold": __version__,
        "members": [{"run": str(run.folder), "model": sha256(run.model)} for run in runs],
        "parameters": parameter_count(network),
    }
    combined = Run(out)
    out.mkdir(parents=True, exist_ok=True)
    export(network, combined.model, {"tenfold": __version__, "members": str(len(runs))})
    hashes = [np.load(run.image_hashes, allow_pickle=False) for run in runs]
    combined.write_image_hashes(np.unique(np.concatenate(hashes)))
    write_json(combined.metrics, metrics)
    names = {run.folder: run.read_json(run.recipe)["name"] for run in runs}
    write_text(combined.card, combined_card(names, parameter_count(network)))
    combined.write_manifest()
    return {"run": str(out)} | metrics


def check_combinable(run: Run) -> None:
    """Raise RunError for a run that is not a finished, undamaged run of a digit recipe."""
    if not run.manifest.exists():
        raise RunError(f"{run.folder}: not a finished run: {run.manifest.name} is missing")
    if "members" in run.read_json(run.metrics):
        raise RunError(f"{run.folder}: already an ensemble of runs; name those runs instead")
    run.verify_files(run.recipe, run.weights, run.model, run.image_hashes, run.metrics)
    if not run.is_finished:
        raise RunError(f"{run.folder}: stopped before its end; resume it with `tenfold train --resume`")
    if reads_lines(from_dict(run.read_json(run.recipe), str(run.recipe))):
        raise RunError(f"{run.folder}: reads lines; an ensemble needs runs that read single digits")


def combined_card(names: Mapping[Path, str], parameters: int) -> str:
    """README.md of an ensemble of runs. names: of their recipes, by folder."""
    members = "\n".join(f"- {folder}: {name}" for folder, name in names.items())
    return f"""# An ensemble of {len(names)} runs

Averages the probabilities of these runs with equal weights, in float32; {parameters:,} parameters in all. Reads images
of single handwritten digits: `uint8 (N, 28, 28)`, white ink on black, to ten probabilities.

{members}
"""
