"""Ensembles: networks of one recipe, each from its own seed, trained one after another or side by side."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait

import numpy as np
import torch
from rich.console import Console

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.nets import Ensemble
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training.callbacks import Watch
from tenfold.training.digits import check_row_count, fit, precision_here
from tenfold.training.loop import Fitted, Watcher
from tenfold.training.teacher import Teacher

PATIENCE = 0.5  # seconds between two looks at whether to stop


def fit_members(
    recipe: Recipe,
    train: Dataset,
    held_out: Dataset | None,
    run: Run,
    device: torch.device,
    watcher: Watcher,
    teacher: Teacher | None = None,
    jobs: int = 1,
) -> Fitted:
    """Train the recipe's members in run's folder members/01, 02, ...; finished ones stay, a begun one goes on.

    jobs: how many to train at a time, each in a process of its own on its share of the threads; that is quicker
    where networks are too small to keep several threads busy; students of a teacher are trained one after another.
    Stopped early, the ensemble is what was finished so far.
    """
    runs = [Run(run.folder / "members" / f"{k + 1:02}") for k in range(recipe.ensemble_size)]
    for one in runs:
        one.checkpoints.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    if jobs > 1 and teacher is None:
        check_row_count(recipe, train)
        threads = max(1, threads // jobs)
        with _computing_with(threads):  # the formats are measured here: side by side, each would disturb the others
            for k in range(recipe.ensemble_size):
                precision_here(recipe.member(k), train, device)
        _side_by_side(recipe, train, held_out, runs, device, watcher, jobs, threads)
    fitted: list[Fitted] = []
    with _computing_with(threads):  # a step that is left for here, too, must have the same bits
        for k, one in enumerate(runs):
            if not all(before.finished for before in fitted) and not one.last.exists():
                continue  # stopped before this one was begun; of those begun side by side a later one may be done
            fitted.append(fit(recipe.member(k), train, held_out, one, device, watcher, teacher))
    return _together(fitted, recipe.ensemble_size)


def _side_by_side(
    recipe: Recipe,
    train: Dataset,
    held_out: Dataset | None,
    runs: Sequence[Run],
    device: torch.device,
    watcher: Watcher,
    jobs: int,
    threads: int,
) -> None:
    """Bring every member as far as it goes; what went wrong in a process comes up again when its member is fitted."""
    context = multiprocessing.get_context("spawn")
    waiting = [
        context.Process(target=_fit_alone, args=(recipe.member(k), train, held_out, one, device, threads))
        for k, one in enumerate(runs)
    ]
    running: list[multiprocessing.process.BaseProcess] = []
    try:
        while (waiting or running) and not watcher.stop():
            while waiting and len(running) < jobs:
                _start(waiting[0])
                running.append(waiting.pop(0))
            wait([process.sentinel for process in running], PATIENCE)
            running = [process for process in running if process.is_alive()]
    finally:  # also where a second Ctrl-C ends this process at once
        for process in running:
            process.terminate()  # heard as SIGTERM: it ends after the present step, with a checkpoint; not on Windows
        for process in running:
            process.join()


def _start(process: multiprocessing.process.BaseProcess) -> None:
    """Start it deaf to Ctrl-C, which a terminal sends to all: it would have to hear it before it can end in order."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _computing_with(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit_alone(
    recipe: Recipe, train: Dataset, held_out: Dataset | None, run: Run, device: torch.device, threads: int
) -> None:
    torch.set_num_threads(threads)
    try:
        with Watch(Console(quiet=True), recipe.name, recipe.epochs, None).watching() as watch:
            fit(recipe, train, held_out, run, device, watch)
    except TenfoldError:  # said once, where it comes up again
        raise SystemExit(1) from None


def _together(fitted: Sequence[Fitted], members: int) -> Fitted:
    """One network of those that were finished, or of the first one there is, with their common history."""
    kept = [one for one in fitted if one.finished] or list(fitted[:1])
    network = Ensemble([one.network for one in kept]) if len(kept) > 1 else kept[0].network
    finished = len(kept) == members and all(one.finished for one in kept)
    state = replace(
        kept[-1].state,
        history=mean_history([one.state.history for one in kept]),
        seconds=sum(one.state.seconds for one in fitted),
    )
    return Fitted(network, state, sum(one.images for one in fitted), finished)


def mean_history(histories: Sequence[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The members' figures averaged, an epoch a row, as far as all of them got; seconds are of all together.

    best: whether it is the epoch with the best mean accuracy on the held-out rows so far.
    """
    rows: list[dict[str, float]] = []
    for epochs in zip(*histories, strict=False):
        row = {key: float(np.mean([epoch[key] for epoch in epochs])) for key in epochs[0]}
        row |= {"epoch": epochs[0]["epoch"], "step": epochs[0]["step"], "seconds": sum(e["seconds"] for e in epochs)}
        if "best" in row:
            row["best"] = float(all(row["val_accuracy"] > before["val_accuracy"] for before in rows))
        rows.append(row)
    return rows
