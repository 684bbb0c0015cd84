"""Labels as people write them (integers, texts, words, one-hot rows) become uint8 (N,): the one place that does it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import DataError, shorten
from tenfold.images import CLASSES, Labels

WORDS = {
    word: digit
    for digit, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
}
TEXT = re.compile(r"""b?["']?\s*(?:[a-z]+[ _:-]?)?(\d{1,3})(?:\.0*)?\s*["']?""", re.IGNORECASE | re.ASCII)
EXPECTED = f"expected an integer from 0 to {CLASSES - 1}"


def decode_labels(values: NDArray[Any] | Sequence[str], count: int, file: str, column: str | None = None) -> Labels:
    """Labels of `count` images, uint8 (N,).

    values: integers, integral floats, booleans (one-hot rows), texts such as "7", "7.0", "seven" or "digit_7", of shape
    (N,), (N, 1), (1, N) or, one-hot, (N, 10). file, column: where they are, for errors.

    Raises DataError, for more than ten classes too.
    """
    array = np.asarray(values)
    if array.dtype.kind in "OSU":
        array = _from_texts(array.ravel(), file, column)
    if array.dtype.kind not in "biuf":
        raise DataError(f"labels are {shorten(array.dtype, 40)}; {EXPECTED}", file=file, column=column)
    if array.ndim == 2 and 1 not in array.shape:
        array = _from_one_hot(array, file, column)
    array = array.reshape(-1)
    if len(array) != count:
        raise DataError(f"contains {len(array):,} labels for {count:,} images", file=file, column=column)
    _check_range(array, file, column)
    return array.astype(np.uint8)


def _from_texts(texts: NDArray[Any], file: str, column: str | None) -> NDArray[Any]:
    numbers: dict[Any, int | None] = {text: parse_label(text) for text in dict.fromkeys(texts.tolist())}
    unknown = [text for text, number in numbers.items() if number is None]
    if unknown:
        if len(numbers) > CLASSES:
            raise DataError(too_many(len(numbers)), file=file, column=column)
        row = texts.tolist().index(unknown[0]) + 1
        raise DataError(
            f"{shorten(repr(unknown[0]), 30)} is not a number; {EXPECTED}", file=file, row=row, column=column
        )
    return np.array([numbers[text] for text in texts.tolist()], np.int64)


def parse_label(text: object) -> int | None:
    """The number that a label means, also one above 9; None for another text."""
    if isinstance(text, int | float | np.number):
        return int(text) if float(text).is_integer() else None
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    word = str(text).strip().lower()
    match = TEXT.fullmatch(word)
    return int(match[1]) if match else WORDS.get(word.strip("\"'"))


def _from_one_hot(array: NDArray[Any], file: str, column: str | None) -> NDArray[Any]:
    if array.shape[1] > CLASSES:
        raise DataError(too_many(array.shape[1]), file=file, column=column)
    invalid = np.flatnonzero((array != 0).sum(axis=1) != 1)
    if array.shape[1] != CLASSES or invalid.size:
        where = f"row {invalid[0] + 1:,} is not one-hot" if invalid.size else "expected one label or ten columns"
        raise DataError(f"labels have the shape {array.shape}; {where}", file=file, column=column)
    return np.asarray(array.argmax(axis=1))


def _check_range(array: NDArray[Any], file: str, column: str | None) -> None:
    invalid = np.flatnonzero(~((array >= 0) & (array < CLASSES) & (np.floor(array) == array)))  # NaN too
    if not invalid.size:
        return
    classes = len(np.unique(array))
    if classes > CLASSES + 1 and array.min() >= 0 and (np.floor(array) == array).all():
        raise DataError(too_many(classes), file=file, column=column)
    row = int(invalid[0])
    problem = "is a fraction" if array[row] != np.floor(array[row]) else "is out of range"
    raise DataError(f"label {array[row]:g} {problem}; {EXPECTED}", file=file, row=row + 1, column=column)


def too_many(classes: int) -> str:
    return f"has {classes:,} classes; expected the ten digits 0 to 9, so leave out the others, or name other data"
