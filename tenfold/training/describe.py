"""A run in words: what chose its weights, how far it got, what it was trained with."""

from typing import Any

from tenfold.nets import Ensemble
from tenfold.recipes import RECIPES
from tenfold.recipes.schema import Plateau, Recipe
from tenfold.training.task import FitResult

CALIBRATED_DIGITS = "A temperature was fitted to the validation set and is part of the model."
CALIBRATED_LINES = (
    "The confidence of a text was calibrated on the validation set, so its calibration error there is slightly too low."
)
AVERAGED_SHIFTS = "The logits of an image are the mean of its own and those of its shifts by one pixel to four sides."


def describe_weights(recipe: Recipe, result: FitResult, calibration: str) -> str:
    """What the validation set chose: weights, learning rate, number of epochs, calibration; and test-time augmentation.

    calibration: a sentence about what else was fitted to the validation set, or "".
    """
    averaged = AVERAGED_SHIFTS if recipe.tta > 1 else ""
    folds = describe_folds(recipe) if recipe.folds else ""
    chosen = _describe_weights(recipe, result, bool(calibration))
    return " ".join(filter(None, (folds, chosen, calibration, averaged)))


def describe_folds(recipe: Recipe) -> str:
    validation = " A validation set of each is a part of its training samples." if recipe.uses_validation else ""
    return (
        f"The model averages {recipe.folds} networks, each trained without one fold of the samples. Out-of-fold "
        f"figures are of each network on the fold that it has not seen, not of the average.{validation}"
    )


def _describe_weights(recipe: Recipe, result: FitResult, is_calibrated: bool) -> str:
    count = len(list(result.network)) if isinstance(result.network, Ensemble) else 1
    adapted = ["the learning rate"] if isinstance(recipe.schedule, Plateau) else []
    adapted += ["the number of epochs"] if recipe.early_stopping else []
    adaptation = f"{' and '.join(adapted)} followed the metrics on the validation set"
    if recipe.checkpoint == "best" and result.best_epoch:
        which = "each network's best epoch" if count > 1 else f"epoch {result.best_epoch}"
        chosen = f"The weights are those of {which}, chosen by accuracy on the validation set"
        return f"{chosen}; {adaptation}." if adapted else f"{chosen}."
    which = "a moving average" if recipe.ema else "those of the last step"
    of_each = f" of each of {count} networks" if count > 1 else ""
    not_chosen = f"{'they were not' if is_calibrated else 'nothing was'} chosen on the validation set"
    return f"The weights are {which}{of_each}; {adaptation if adapted else not_chosen}."


def describe_run(recipe: Recipe) -> str:
    """The description of a built-in recipe, if it is unchanged but for the seed."""
    entry = RECIPES.get(recipe.name)
    if entry is None or entry.recipe.model_copy(update={"seed": recipe.seed}) != recipe:
        return "An edited recipe."
    return f"{entry.source}. {entry.description}" if entry.source != "tenfold" else entry.description


def describe_progress(metrics: dict[str, Any]) -> str:
    """How far an unfinished training got."""
    if metrics["networks"] > 1 or (metrics["networks_planned"] > 1 and metrics["epochs"] >= metrics["epochs_planned"]):
        return f"network {metrics['networks']} of {metrics['networks_planned']}"
    return f"epoch {metrics['epochs']} of {metrics['epochs_planned']}"


def run_details(metrics: dict[str, Any]) -> dict[str, str]:
    """Names and values for the report and the card."""
    networks = {"Networks": f"{metrics['networks']} of {metrics['networks_planned']}"}
    return (networks if metrics["networks_planned"] > 1 else {}) | {
        "Epochs": f"{metrics['epochs']} of {metrics['epochs_planned']}",
        "Training": f"{metrics['seconds']:,.1f} s, {metrics['images_per_second']:,.0f} images/s",
        "Device": f"{metrics['device']}, {metrics['precision']}",
        "Seed": str(metrics["seed"]),
        "Versions": ", ".join(f"{name} {version}" for name, version in metrics["versions"].items()),
    }
