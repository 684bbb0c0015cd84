"""What a training leaves behind for people: metrics, the report page and the model card."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold import __version__
from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.images import Images
from tenfold.model import Model
from tenfold.nets import Ensemble, layer_table, parameter_count
from tenfold.recipes import RECIPES
from tenfold.recipes.schema import Plateau, Recipe
from tenfold.report.pages import TrainingReport, render_training
from tenfold.synthesis.augment import augment_images
from tenfold.synthesis.batch import Synthesizer
from tenfold.training.device import device_name
from tenfold.training.loop import Fitted
from tenfold.training.randomness import seed_step
from tenfold.training.state import State

SHOWN_DIGITS, SHOWN_DRAWS = 10, 12  # in the report's table of augmentations
SHOWN_PREDICTIONS = 60
IN_8_BITS = """
`model.onnx` computes in 8 bits; `model.safetensors` holds the weights as they were learned."""


@dataclass(frozen=True, eq=False)
class Scored:
    """The held-out rows as the exported model reads them."""

    data: Dataset
    probabilities: NDArray[np.float32]  # (N, 10)
    evaluation: Evaluation


def score(model: Model, held_out: Dataset) -> Scored:
    assert held_out.labels is not None
    probabilities = model.predict_proba(held_out.images)
    return Scored(held_out, probabilities, evaluate_predictions(probabilities, held_out.labels))


def measured(
    recipe: Recipe,
    fitted: Fitted,
    train: Dataset,
    held_out_rows: int,
    held_out: dict[str, Any] | None,
    device: torch.device,
) -> dict[str, Any]:
    """What metrics.json says; held_out: what the exported model reached on the held-out rows."""
    state, network = fitted.state, fitted.network
    networks = len(list(network)) if isinstance(network, Ensemble) else 1
    return {
        "recipe": recipe.name,
        "finished": fitted.finished,
        "epochs": state.epoch,
        "epochs_planned": recipe.epochs,
        "networks": networks,
        "networks_planned": recipe.ensemble_size,
        "parameters": parameter_count(network),
        "seconds": round(state.seconds, 3),
        "images_per_second": round(fitted.images / state.seconds, 1) if state.seconds else 0.0,
        "data": {"source": train.source, "train_rows": len(train), "held_out_rows": held_out_rows},
        "weights": chosen_by(recipe, state, networks),
        "held_out": held_out,
        "seed": recipe.seed,
        "device": device_name(device),
        "precision": state.precision,
        "versions": {
            "tenfold": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def chosen_by(recipe: Recipe, state: State, networks: int = 1) -> str:
    """What the held-out rows chose of so many networks, the weights, a temperature, or nothing; and what of an image
    counts.
    """
    temperature = "A temperature was fitted on the held-out rows and is part of the model." if recipe.calibrate else ""
    sureness = (
        "How sure it is of a text was calibrated on them, so the calibration error there is a little too small."
        if recipe.net.kind == "ctc"
        else ""
    )
    views = "The logits of an image are the mean of its own and those of its shifts by a pixel to the four sides."
    said = (_weights_chosen_by(recipe, state, networks), temperature, sureness, views if recipe.tta > 1 else "")
    return " ".join(filter(None, said))


def _weights_chosen_by(recipe: Recipe, state: State, networks: int) -> str:
    followed = ["the learning rate"] if isinstance(recipe.schedule, Plateau) else []
    followed += ["the number of epochs"] if recipe.early_stopping else []
    how = f"{' and '.join(followed)} followed what was reached on the held-out rows"
    if recipe.checkpoint == "best" and state.best_epoch:
        which = "each network's best epoch" if networks > 1 else f"epoch {state.best_epoch}"
        chosen = f"The weights are those of {which}, chosen for their accuracy on the held-out rows"
        return f"{chosen}; {how}." if followed else f"{chosen}."
    which = "a running average" if recipe.ema else "those of the last step"
    of = f" of each of {networks} networks" if networks > 1 else ""
    what = "they were not" if recipe.calibrate or recipe.net.kind == "ctc" else "nothing was"
    return f"The weights are {which}{of}; {how if followed else f'{what} chosen on the held-out rows'}."


def progress(metrics: dict[str, Any]) -> str:
    """How far an unfinished training came."""
    networks = metrics["networks_planned"] > 1 and metrics["epochs"] >= metrics["epochs_planned"]
    what = "networks" if networks or metrics["networks"] > 1 else "epochs"
    return f"{metrics[what]} of {metrics[what + '_planned']} {what}"


def report_page(
    recipe: Recipe,
    fitted: Fitted,
    train: Dataset,
    scored: Scored | None,
    unlabeled: Dataset | None,
    model: Model,
    metrics: dict[str, Any],
) -> str:
    """report.html."""
    sample = unlabeled.subset(slice(SHOWN_PREDICTIONS)) if unlabeled else None
    return render_training(
        TrainingReport(
            title=recipe.name,
            recipe=recipe.model_dump(mode="json"),
            description=story(recipe),
            layers=layer_table(fitted.network),
            history=fitted.state.history,
            data=train.source,
            train=train,
            augmented=augmentation_samples(recipe, train),
            held_out=scored.data if scored else None,
            probabilities=scored.probabilities if scored else None,
            evaluation=scored.evaluation if scored else None,
            unlabeled=sample,
            unlabeled_probabilities=model.predict_proba(sample.images) if sample else None,
            details=facts(metrics),
            note=metrics["weights"],
        )
    )


def story(recipe: Recipe) -> str:
    """Where the recipe comes from: the named one's text, as long as it is that one but for its seed."""
    entry = RECIPES.get(recipe.name)
    if entry is None or entry.recipe.model_copy(update={"seed": recipe.seed}) != recipe:
        return "An edited recipe."
    return f"{entry.source}. {entry.description}" if entry.source != "tenfold" else entry.description


def facts(metrics: dict[str, Any]) -> dict[str, str]:
    versions = ", ".join(f"{name} {version}" for name, version in metrics["versions"].items())
    several = metrics["networks_planned"] > 1
    networks = {"Networks": f"{metrics['networks']} of {metrics['networks_planned']}"} if several else {}
    return networks | {
        "Epochs": f"{metrics['epochs']} of {metrics['epochs_planned']}",
        "Training": f"{metrics['seconds']:,.1f} s, {metrics['images_per_second']:,.0f} images a second",
        "Device": f"{metrics['device']}, {metrics['precision']}",
        "Seed": str(metrics["seed"]),
        "Versions": versions,
    }


def augmentation_samples(recipe: Recipe, train: Dataset) -> Images | None:
    """uint8 (k, m, 28, 28): a training image of each digit as it is, then as augmentation may change it.

    In several ways in turns, where members are taught so; None where nothing changes images.
    """
    assert train.labels is not None
    if not recipe.synthesis.active and not any(way.augment.active for way in recipe.member_configs):
        return None
    rows = np.unique(train.labels, return_index=True)[1][:SHOWN_DIGITS]
    originals = torch.tensor(train.images[rows])  # (k, 28, 28)
    copies = torch.arange(len(rows)).repeat_interleave(SHOWN_DRAWS - 1)
    with torch.random.fork_rng(devices=[]):
        seed_step(recipe.seed, 0, 0, torch.device("cpu"))
        pixels = originals[copies].float()
        for k, way in enumerate(recipe.member_configs):
            turns = slice(k, None, len(recipe.member_configs))
            pixels[turns] = augment_images(pixels[turns], way.augment)
        if recipe.synthesis.active:
            labels = torch.tensor(train.labels[rows], dtype=torch.int64)
            synthesizer = Synthesizer(
                recipe.synthesis.model_copy(update={"negatives": 0.0}), originals, labels, recipe.seed
            )
            order = torch.randperm(len(copies))  # the first of a batch stay clean
            pixels[order] = synthesizer.make_digits(pixels[order], labels[copies[order]])
    drawn = pixels.round().to(torch.uint8).view(len(rows), SHOWN_DRAWS - 1, *originals.shape[1:])
    return torch.cat([originals.unsqueeze(1), drawn], dim=1).numpy()


def no_digits(recipe: Recipe) -> str:
    """What the model makes of pictures that are no digits, in a sentence of the card."""
    if recipe.synthesis.negatives:
        return (
            "It gives one of ten digits for any image; its second output, `digitness`, says how likely\n"
            "the image shows a digit at all, and was trained on pictures of none."
        )
    return (
        "It was trained on digits that are centered and scaled as MNIST's are, and gives one of ten digits\n"
        "for any image, also for one that shows no digit."
    )


def model_card(recipe: Recipe, metrics: dict[str, Any], scored: Scored | None) -> str:
    """README.md of the run."""
    result = (
        f"On {scored.evaluation.n:,} rows held out from training: {scored.evaluation.summary()}."
        if scored
        else "No rows were held out, so nothing was measured."
    )
    state = "" if metrics["finished"] else f"\n**Unfinished**: {progress(metrics)}.\n"
    lines = "\n".join(f"- {name}: {text}" for name, text in facts(metrics).items())
    return f"""# {recipe.name}
{state}
{story(recipe)}

Reads images of single handwritten digits: `uint8 (N, 28, 28)`, white ink on black, to ten probabilities. Normalization
is inside the model. {no_digits(recipe)}{IN_8_BITS if recipe.int8 else ""}

## Figures

{result} {metrics["weights"]}

{lines}
- Parameters: {metrics["parameters"]:,}
- Data: {metrics["data"]["source"]}, {metrics["data"]["train_rows"]:,} rows

## Use

```python
import tenfold
model = tenfold.load_model("model.onnx")
model.predict_proba(images)
```
"""
