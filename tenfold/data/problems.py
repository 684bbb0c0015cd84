"""Findings that follow from the counts of `counts`: what prevents training, leaks, and conspicuous pixels."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.data.counts import Overlap, SplitCheck
from tenfold.data.findings import Finding
from tenfold.images import CLASSES, SIDE

# Below this ratio of the rarest to the most common digit, accuracy says little about the rare one. MNIST: 0.80.
MIN_LABEL_RATIO = 0.5
CHANCE = 2  # standard deviations of a count, by which few samples are rarer without a reason
HANDFUL, MUCH_RARER = 5, 10  # samples of a digit that say little; how many times as many the most common one has
# Below this maximum, pixels were scaled to another range (0..1, 0..16) before they were written.
MIN_BRIGHTNESS = 128


def training_findings(train: SplitCheck | None) -> Iterator[Finding]:
    if train is None or train.label_counts is None:
        yield Finding("error", "no_labels", "no labeled samples: there is nothing to train on")
        return
    counts = {digit: count for digit, count in enumerate(train.label_counts) if count}
    yield from _image_errors(train)
    yield from _label_errors(counts)
    yield from _label_warnings(counts)


def _image_errors(train: SplitCheck) -> Iterator[Finding]:
    if train.blank == train.samples:
        yield Finding("error", "blank", "every training image is blank")
    elif len(train.constant_pixels) == SIDE**2:
        yield Finding("error", "constant", f"all {train.samples:,} training images are the same")


def _label_errors(counts: dict[int, int]) -> Iterator[Finding]:
    if len(counts) == 1:
        yield Finding(
            "error", "one_label", f"every training sample is labeled {next(iter(counts))}: nothing to distinguish"
        )
    elif max(counts.values()) == 1:
        yield Finding("error", "few_samples", "no digit has two training samples: none can be held out for validation")


def _label_warnings(counts: dict[int, int]) -> Iterator[Finding]:
    """counts: of the digits that occur."""
    most = max(counts.values())
    missing = [str(digit) for digit in range(CLASSES) if digit not in counts]
    if missing and len(counts) > 1:
        them = "it" if len(missing) == 1 else "them"
        text = f"no training samples of {', '.join(missing)}: a model trained on this never predicts {them}"
        yield Finding("warning", "missing_digits", text)
    if few := [digit for digit, count in counts.items() if count == 1 or count < min(HANDFUL, most / MUCH_RARER)]:
        listed = ", ".join(f"{_samples(counts[digit])} of {digit}" for digit in few)
        yield Finding("warning", "few_samples", f"only {listed} to train on: too few to train and validate on")
    rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    by_chance = CHANCE * counts[rarest] ** 0.5
    if counts[rarest] + by_chance < MIN_LABEL_RATIO * counts[commonest]:
        yield Finding(
            "warning",
            "unbalanced",
            f"unbalanced training labels: {_samples(counts[rarest])} of {rarest}, {_samples(counts[commonest])} of "
            f"{commonest}; look at the recall of each digit, not only at the accuracy",
        )


def _samples(count: int) -> str:
    return f"{count:,} sample" if count == 1 else f"{count:,} samples"


def leak_findings(overlap: Overlap, train: SplitCheck | None, test: SplitCheck | None) -> Iterator[Finding]:
    if test and overlap.test_in_train:
        yield Finding(
            "warning",
            "test_in_train",
            f"test images that are also training images: {overlap.test_in_train:,} of {test.samples:,}; "
            "a score on them measures memorization",
        )
    # The labels of labeled test samples are no secret; MNIST's own test split is the usual case.
    if test and test.label_counts is None and overlap.test_in_mnist:
        yield Finding(
            "warning",
            "test_in_mnist",
            f"test images that are also in public MNIST: {overlap.test_in_mnist:,} of {test.samples:,}; "
            "their labels can be looked up, so a perfect score on them proves little",
        )
    if train and overlap.train_in_mnist_test:
        yield Finding(
            "warning",
            "train_in_mnist_test",
            f"training images that are also in MNIST's test split: {overlap.train_in_mnist_test:,} of "
            f"{train.samples:,}; a model trained on them can't be evaluated on MNIST's test split",
        )


def pixel_findings(split: SplitCheck | None, name: str) -> Iterator[Finding]:
    if split is None:
        return
    samples = split.samples_with
    if split.conflicting:
        text = f"identical {name} images with different labels: {split.conflicting:,}"
        yield Finding("warning", "conflicting_labels", text, samples["conflicting"])
    if split.dark_on_light:
        text = f"{name} images with a light border, as if black on white: {split.dark_on_light:,} of {split.samples:,}"
        yield Finding("warning", "dark_on_light", text, samples["dark_on_light"])
    if split.max_pixel < MIN_BRIGHTNESS and split.blank < split.samples:
        text = f"the brightest pixel of the {name} images is {split.max_pixel}; expected values up to 255"
        yield Finding("warning", "faint", text)
    if split.duplicates > split.conflicting:
        count = split.duplicates - split.conflicting
        same_label = "" if split.label_counts is None else " with the same label"
        text = f"duplicate {name} images{same_label}: {count:,}"
        yield Finding("note", "duplicates", text, samples["duplicates"])
    if split.blank:
        text = f"blank {name} images: {split.blank:,} of {split.samples:,}"
        yield Finding("note", "blank", text, samples["blank"])
    if 0 < len(split.constant_pixels) < SIDE**2:
        text = f"constant pixels in the {name} images: {len(split.constant_pixels)} of {SIDE**2}"
        yield Finding("note", "constant_pixels", text)
