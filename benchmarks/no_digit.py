"""How well is a digit told from what is none? Trains the recipe `robust` shortly without a family of negatives.

    python benchmarks/no_digit.py --exclude scripts --epochs 3 --samples 20000 --out runs/no-digit
    python benchmarks/no_digit.py --model bundled                 # measure a model that exists

Every family of synthetic pictures is drawn anew (seed 1; training draws with the recipe's seed 0) and measured against
MNIST digits that were held out: AUROC of the digitness, and the pictures that pass where 95 % of the digits do. What a
model says of a family that it never saw is what counts. Fonts: scripts/fetch_fonts.py.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import tenfold
from tenfold.data.split import stratified_split
from tenfold.images import SIDE
from tenfold.model import Model
from tenfold.ocr.framing import frame
from tenfold.recipes import Recipe, find
from tenfold.run import Run
from tenfold.synthesis import negatives
from tenfold.training.train import train

PICTURES = 1000  # of each family
ACCEPTED = 0.95  # of the digits
LETTERS_LIKE_DIGITS = "OoIlizZSsBbgq"


def main() -> int:
    options = parse_arguments()
    mnist = tenfold.load_data(options.data).train
    kept, held_out = stratified_split(mnist.labels, 3000, 0)
    digits = mnist.subset(held_out)
    started = time.monotonic()
    if options.model:
        model = tenfold.load_model(options.model)
    else:
        recipe = short_recipe(options)
        run = Run(options.out / run_name(recipe, options.samples))
        train(recipe, mnist.subset(kept[: options.samples]), run, precision=options.precision)
        model = tenfold.load_model(run.folder)
    figures = {
        family: separation(model, digits.images, pictures) for family, pictures in draw_families(mnist).items()
    } | {name: separation(model, digits.images, pictures) for name, pictures in read_arrays(options.pictures).items()}
    accuracy = float((model.predict(digits.images) == digits.labels).mean())
    show(figures, f"{model.name}: {accuracy:.2%} of the held-out digits, {time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps({"model": model.name, "accuracy": accuracy, "families": figures}, indent=1))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", help="with a training split of MNIST's digits")
    parser.add_argument("--model", help="measure this model instead of training one")
    parser.add_argument("--exclude", nargs="*", default=[], choices=negatives.FAMILIES, help="families to leave out")
    parser.add_argument("--outlier-exposure", type=float, default=0.0)
    parser.add_argument("--negatives", type=float, default=0.35, help="negatives per digit")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=20_000, help="digits to train on")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs/no-digit"), help="the folder of the runs")
    parser.add_argument("--pictures", type=Path, help="a folder of arrays (.npz) with more pictures that are no digits")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser.parse_args()


def short_recipe(options: argparse.Namespace) -> Recipe:
    robust = find("robust").recipe
    changes = {"exclude_negatives": tuple(options.exclude), "outlier_exposure": options.outlier_exposure}
    synthesis = robust.synthesis.model_copy(update=changes | {"negatives": options.negatives})
    changes = {"epochs": options.epochs, "int8": False, "calibrate": False, "validation_split": 0.0, "ema": 0.99}
    return robust.model_copy(update=changes | {"synthesis": synthesis})


def run_name(recipe: Recipe, samples: int) -> str:
    synthesis = recipe.synthesis
    without = "-".join(synthesis.exclude_negatives) or "nothing"
    return f"without-{without}-oe{synthesis.outlier_exposure:g}-n{synthesis.negatives:g}-e{recipe.epochs}-{samples}"


def draw_families(mnist: tenfold.Dataset) -> dict[str, np.ndarray]:
    """Pictures of each family, uint8 (PICTURES, 28, 28)."""
    images, labels = torch.tensor(mnist.images), torch.tensor(mnist.labels.astype(np.int64))
    negatives.POOL_SIZES |= dict.fromkeys(negatives.POOL_SIZES, PICTURES)
    pool = negatives.make_pool(1, images)
    torch.manual_seed(1)
    made = {family: draw(PICTURES, images, labels) for family, draw in negatives.FROM_DIGITS.items()}
    return {family: pictures.round().byte().numpy() for family, pictures in (pool | made).items()}


def read_arrays(folder: Path | None) -> dict[str, np.ndarray]:
    """What a folder's .npz files show, by file, framed unless it has 28x28 pixels.

    Files of digits are left out, and so are letters (their labels are ASCII) that look like digits.
    """
    files = sorted(folder.glob("*.npz")) if folder else []
    arrays = {file.stem: np.load(file) for file in files if "digit" not in file.stem}
    kept = {name: ~np.isin(array["labels"], [*map(ord, LETTERS_LIKE_DIGITS)]) for name, array in arrays.items()}
    return {name: np.stack([*map(framed, array["images"][kept[name]])]) for name, array in arrays.items()}


def framed(image: np.ndarray) -> np.ndarray:
    return image if image.shape == (SIDE, SIDE) else frame(255 - image if image[0, 0] > 127 else image)


def separation(model: Model, digits: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """AUROC and the fraction of `others` that passes where 95 % of the digits do, by digitness."""
    of_digits, of_others = model.digitness(digits), model.digitness(others)
    threshold = np.quantile(of_digits, 1 - ACCEPTED)
    confident = model.predict_proba(others).max(axis=1) * of_others
    return {
        "auroc": auroc(of_digits, of_others),
        "accepted": float((of_others >= threshold).mean()),
        "confident": float((confident > 0.9).mean()),
    }


def auroc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The probability that a positive scores higher than a negative; ties count half."""
    scores = np.sort(negatives)
    below, not_above = np.searchsorted(scores, positives), np.searchsorted(scores, positives, side="right")
    return float((below + not_above).mean() / 2 / len(negatives))


def show(figures: dict[str, dict[str, float]], title: str) -> None:
    table = Table("family", "AUROC", "accepted", "above 0.9", title=title)
    for family, row in figures.items():
        table.add_row(family, f"{100 * row['auroc']:.2f}", f"{row['accepted']:.1%}", f"{row['confident']:.1%}")
    Console(width=100).print(table)


if __name__ == "__main__":
    sys.exit(main())
