"""`ensemble`: one model out of runs that exist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tenfold import __version__
from tenfold.errors import RunError
from tenfold.export.onnx import export
from tenfold.files import sha256, write_json, write_text
from tenfold.nets import Ensemble, parameter_count
from tenfold.run import Run
from tenfold.training.trained import network_of


def combine(folders: Sequence[Path], out: Path) -> dict[str, Any]:
    """Write to the folder `out` one model that averages the probabilities of several finished runs; its facts.

    Nothing is chosen and nothing weighed: measure it with `evaluate`, which knows the rows that any of the runs saw.
    Raises RunError for less than two runs, for one that is not finished or damaged, and where `out` is not empty.
    """
    runs = [Run(folder) for folder in folders]
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise RunError("an ensemble needs two runs or more, each named once")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is not empty; name another folder with --out")
    for run in runs:
        if not run.manifest.exists():
            raise RunError(f"{run.folder}: this is no finished run, it has no {run.manifest.name}")
        if "members" in run.read_json(run.metrics):
            raise RunError(f"{run.folder}: this is itself an ensemble of runs; name those")
        run.verify_files(run.recipe, run.weights, run.model, run.rows, run.metrics)
        if not run.is_finished:
            raise RunError(f"{run.folder}: this run was stopped before its end; `train --resume` goes on with it")
        if run.read_json(run.recipe).get("net", {}).get("kind") == "ctc":
            raise RunError(f"{run.folder}: this run reads whole rows; an ensemble is of runs that read single digits")
    network = Ensemble([network_of(run) for run in runs])  # in 32 bits, also of runs whose files compute in 8
    facts: dict[str, Any] = {
        "tenfold": __version__,
        "members": [{"run": str(run.folder), "model": sha256(run.model)} for run in runs],
        "parameters": parameter_count(network),
    }
    made = Run(out)
    out.mkdir(parents=True, exist_ok=True)
    export(network, made.model, {"tenfold": __version__, "members": str(len(runs))})
    made.write_hashes(np.unique(np.concatenate([np.load(run.rows, allow_pickle=False) for run in runs])))
    write_json(made.metrics, facts)
    write_text(made.card, _card(runs, facts["parameters"]))
    made.write_manifest()
    return {"run": str(out)} | facts


def _card(runs: Sequence[Run], parameters: int) -> str:
    lines = "\n".join(f"- {run.folder}: {run.read_json(run.recipe)['name']}" for run in runs)
    return f"""# An ensemble of {len(runs)} runs

Averages the probabilities of these runs, all heard alike, in 32 bits; {parameters:,} parameters together. Reads images
of single handwritten digits: `uint8 (N, 28, 28)`, white ink on black, to ten probabilities.

{lines}
"""
