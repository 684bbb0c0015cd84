"""Training images as augmentation changes them, for the report."""

from __future__ import annotations

import numpy as np
import torch

from tenfold.data.dataset import Dataset
from tenfold.images import Images
from tenfold.recipes.schema import Recipe
from tenfold.synthesis.augment import augment_images
from tenfold.synthesis.batch import Synthesizer
from tenfold.training.randomness import seed_step

SHOWN_DIGITS, SHOWN_AUGMENTATIONS = 10, 11  # rows and columns of the report's table of augmentations


def augmentation_samples(recipe: Recipe, train_set: Dataset) -> Images | None:
    """uint8 (k, m, 28, 28): a training image of each digit, first as it is and then augmented.

    The variants of an ensemble take turns. None if nothing changes images.
    """
    assert train_set.labels is not None
    if not recipe.synthesis.active and not any(variant.augment.active for variant in recipe.member_configs):
        return None
    first_of_each = np.unique(train_set.labels, return_index=True)[1][:SHOWN_DIGITS]
    originals = torch.tensor(train_set.images[first_of_each])  # (k, 28, 28)
    repeated = torch.arange(len(originals)).repeat_interleave(SHOWN_AUGMENTATIONS)
    with torch.random.fork_rng(devices=[]):
        seed_step(recipe.seed, 0, 0, torch.device("cpu"))
        pixels = originals[repeated].float()
        for index, variant in enumerate(recipe.member_configs):
            turns = slice(index, None, len(recipe.member_configs))
            pixels[turns] = augment_images(pixels[turns], variant.augment)
        if recipe.synthesis.active:
            labels = torch.tensor(train_set.labels[first_of_each], dtype=torch.int64)
            settings = recipe.synthesis.model_copy(update={"negatives": 0.0})
            synthesizer = Synthesizer(settings, originals, labels, recipe.seed)
            order = torch.randperm(len(repeated))  # the first of a batch stay clean
            pixels[order] = synthesizer.make_digits(pixels[order], labels[repeated[order]])
    images = pixels.round().to(torch.uint8).view(len(originals), SHOWN_AUGMENTATIONS, *originals.shape[1:])
    return torch.cat([originals.unsqueeze(1), images], dim=1).numpy()
