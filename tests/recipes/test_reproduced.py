"""The figures in the catalog are those of the reproduction."""

import json
from pathlib import Path
from statistics import fmean

import pytest

from tenfold.recipes import RECIPES
from tenfold.recipes.kaggle import WRITE_UPS

RESULTS = Path(__file__).parents[2] / "benchmarks" / "reproduction"


@pytest.mark.parametrize("name", [entry.recipe.name for entry in WRITE_UPS])
def test_reproduced_figures_match_measurements(name):
    runs = [json.loads(path.read_text()) for path in RESULTS.glob(f"{name}-seed*.json")]
    validation = fmean(run["validation_accuracy"] for run in runs)
    test = fmean(1 - run["test_errors"] / run["test_rows"] for run in runs)
    epochs = {run["epochs"] for run in runs}
    stated = RECIPES[name].reproduced
    assert stated.startswith(f"validation {validation:.4f}, test {test:.4f} (n = {len(runs)}")
    if epochs != {RECIPES[name].recipe.epochs}:
        assert f"{epochs.pop()} epochs" in stated
