"""The words that every reader shares: a source has a training part, a test part, or both."""

from dataclasses import dataclass
from typing import Literal

from tenfold.data.dataset import Dataset

Part = Literal["train", "test"]
PARTS: tuple[Part, ...] = ("train", "test")


@dataclass(frozen=True)
class Source:
    """What was found in one place.

    name: where, as the user would say it.
    train, test: the parts; None where there is none, or where only the other was asked for.
    notes: sentences to tell the user, such as that black on white was turned.
    """

    name: str
    train: Dataset | None
    test: Dataset | None
    notes: tuple[str, ...] = ()
