"""What training must not have seen: validation samples in extra data, or in the data of a teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding, first_samples
from tenfold.evaluation.seen import find_seen
from tenfold.images import hash_images
from tenfold.model import is_bundled
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import from_dict
from tenfold.run import Run


def without_validation(extra: Dataset, val_set: Dataset | None) -> tuple[Dataset | None, tuple[Finding, ...]]:
    """The extra samples whose images are not in the validation set, None if there are none; and what was left out."""
    if val_set is None:
        return extra, ()
    held_out = np.isin(hash_images(extra.images), hash_images(val_set.images))
    if not held_out.any():
        return extra, ()
    text = f"extra images that are validation images: {held_out.sum():,} of {len(extra):,}; left out of the training"
    finding = Finding("warning", "extra_in_validation", text, first_samples(np.flatnonzero(held_out)))
    return None if held_out.all() else extra.subset(np.flatnonzero(~held_out)), (finding,)


def duplicates_in_validation(train_set: Dataset, val_set: Dataset | None) -> tuple[Finding, ...]:
    """Validation images that are training images too, as when a data set has duplicates."""
    if val_set is None:
        return ()
    known = np.isin(hash_images(val_set.images), hash_images(train_set.images))
    if not known.any():
        return ()
    text = f"validation images that are also training images: {known.sum():,} of {len(val_set):,}; the validation"
    samples = first_samples(np.flatnonzero(known))
    return (Finding("warning", "validation_in_train", f"{text} figures are too good", samples),)


def teacher_findings(teacher: str | None, recipe: Recipe, data: Dataset, val_set: Dataset | None) -> list[Finding]:
    """A warning if the teacher, a run or the bundled model, was trained on validation images of its student.

    A run of the same data, split and seed has held out the same samples.
    """
    if teacher is None or val_set is None or _holds_out_the_same(teacher, recipe, data):
        return []
    seen = find_seen(teacher, val_set.images)
    if seen is None or not seen.any():
        return []
    text = f"validation images that the teacher was made with: {seen.sum():,} of {len(val_set):,}; the validation"
    return [Finding("warning", "teacher_saw_validation", f"{text} figures are too good")]


def _holds_out_the_same(teacher: str, recipe: Recipe, data: Dataset) -> bool:
    run = Run(Path(teacher))
    if is_bundled(teacher) or not run.exists:
        return False
    taught = from_dict(run.read_json(run.recipe), str(run.recipe))
    same_split = (taught.validation_split, taught.seed) == (recipe.validation_split, recipe.seed)
    return same_split and run.read_json(run.data).get("digest") == data.digest
