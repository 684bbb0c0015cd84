"""`inspect` and `check_data`: everything that is to be known about data before a result is believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tenfold.data.counts import Overlap, SplitCheck, check_split, count_in
from tenfold.data.dataset import Dataset
from tenfold.data.drift import drift_findings
from tenfold.data.findings import Finding, by_level
from tenfold.data.plausibility import plausibility_findings
from tenfold.data.problems import leak_findings, pixel_findings, training_findings
from tenfold.images import Images, hash_images

MNIST_TRAIN_SIZE = 60_000
USUAL = "constant_pixels"  # MNIST's border is always black, which only `tenfold check` needs to say


@dataclass(frozen=True)
class CheckResult:
    train: SplitCheck | None
    test: SplitCheck | None
    overlap: Overlap
    findings: tuple[Finding, ...]

    @property
    def trainable(self) -> bool:
        return not any(finding.level == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "trainable": self.trainable,
            "warnings": [finding.to_dict() for finding in self.findings],
            "train": self.train and self.train.to_dict(),
            "test": self.test and self.test.to_dict(),
            "overlap": asdict(self.overlap),
        }


def inspect(train: Dataset | None = None, test: Dataset | None = None) -> tuple[Finding, ...]:
    """What is conspicuous in the training split, the test split and between them; nothing for sound data.

    `train`, `evaluate`, `submit` and reports carry these findings beside their results. 60,000 images take 0.2 s.
    """
    findings = check_data(train, test, None).findings
    unwanted = (USUAL, "no_labels") if train is None else (USUAL,)
    return tuple(finding for finding in findings if finding.code not in unwanted)


def inspect_images(images: Images) -> tuple[Finding, ...]:
    """What is conspicuous in images to predict, uint8 (N, 28, 28), however few they are."""
    return inspect(test=Dataset(images, None, "images"))


def check_data(train: Dataset | None, test: Dataset | None, mnist: Dataset | None) -> CheckResult:
    """Check the training split, the test split and their overlap.

    mnist: the 70,000 samples of public MNIST, its training split first, if available. Kaggle's images are taken from
    it, so the answers to a test set can be in it; its own labels are not used.
    """
    train_hashes = hash_images(train.images) if train else None
    test_hashes = hash_images(test.images) if test else None
    mnist_hashes = hash_images(mnist.images) if mnist else None
    overlap = Overlap(
        test_in_train=count_in(test_hashes, train_hashes),
        test_in_mnist=count_in(test_hashes, mnist_hashes),
        train_in_mnist_test=count_in(train_hashes, None if mnist_hashes is None else mnist_hashes[MNIST_TRAIN_SIZE:]),
    )
    train_check = None if not train or train_hashes is None else check_split(train, train_hashes)
    test_check = None if not test or test_hashes is None else check_split(test, test_hashes)
    findings = [
        *training_findings(train_check),
        *leak_findings(overlap, train_check, test_check),
        *_split_findings(train, train_check, "training"),
        *_split_findings(test, test_check, "test"),
        *(drift_findings(train, test) if train and test else ()),
    ]
    return CheckResult(train_check, test_check, overlap, by_level(findings))


def _split_findings(data: Dataset | None, check: SplitCheck | None, name: str) -> Iterator[Finding]:
    yield from pixel_findings(check, name)
    if data and check and check.blank < len(data):
        yield from plausibility_findings(data, name)
