"""Which columns of a table are pixels, which is the label, and which are left out, by their names or by position."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import DataError, shorten
from tenfold.images import CLASSES, SIDE

PIXELS = [f"pixel{index}" for index in range(SIDE * SIDE)]
LABEL = "label"
EXPECTED = f"expected the columns {PIXELS[0]} to {PIXELS[-1]}, and {LABEL} for training"
HINT = "name the columns with --label-column and --pixel-columns"

AREAS = (SIDE * SIDE, 1024, 256, 64)  # pixels of an image: 28x28, or 32x32, 16x16 and 8x8, which are framed
LABEL_NAMES = {"label", "labels", "class", "classes", "y", "digit", "digits", "target", "targets", "category", "answer"}
INDEX_NAMES = {
    "",
    "unnamed: 0",
    "index",
    "id",
    "idx",
    "imageid",
    "image_id",
    "row",
    "row_id",
    "rowid",
    "no",
    "#",
    "_id",
}
MAX_LABEL = 62  # digits, and letters of both cases
NUMBERS = re.compile(r"\d+")
SKELETONS = re.compile(r"[^\d]*#[^\d]*(#[^\d]*)?")  # one number, or row and column


@dataclass(frozen=True)
class Options:
    """What the user says about columns: a name or number of the label's, and a pattern or range of the pixels'."""

    label_column: str | None = None
    pixel_columns: str | None = None


NO_OPTIONS = Options()


@dataclass(frozen=True)
class Columns:
    """names: of all columns. pixels: their indices in order. label: no index, one, or ten (one-hot)."""

    names: list[str]
    pixels: slice | NDArray[np.intp]
    label: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pixel_indices(self) -> NDArray[np.intp]:
        return np.arange(len(self.names))[self.pixels]


def columns_of(names: list[str], file: str, options: Options = NO_OPTIONS) -> Columns:
    """The columns of a header. Raises DataError with what is missing or unknown."""
    known = [name.strip().strip("'\"").lower() for name in names]
    label = _find_label(known, file, options)
    if options.pixel_columns is not None:
        pixels = _select(options.pixel_columns, names, file)
        order = pixels, _area(len(pixels), file)
    else:
        order = _find_pixels(known, names, label, file)
    pixels = order[0]
    used = {*pixels.tolist(), *label}
    others = [column for column in range(len(names)) if column not in used]
    notes = _notes_on_others(others, names, known, file, is_chosen=options.pixel_columns is not None)
    if not (np.diff(pixels) > 0).all():
        notes += ("Columns are not in the order of the pixels: ordered by their names.",)
    if len(label) > 1:
        notes += ("Labels are one-hot: decoded to the digits 0 to 9.",)
    return Columns(names, _as_slice(pixels), label, notes)


def _as_slice(pixels: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    in_order = bool((np.diff(pixels) == 1).all())
    return slice(int(pixels[0]), int(pixels[-1]) + 1) if in_order else pixels


# The label


def _find_label(known: list[str], file: str, options: Options) -> tuple[int, ...]:
    if options.label_column is not None:
        return (_column_index(options.label_column, known, file, "--label-column"),)
    found = [column for column, name in enumerate(known) if name in LABEL_NAMES]
    if len(found) > 1:
        first, second = found[:2]
        if known[first] == known[second]:
            raise _twice(known[first], first, second, file)
        raise DataError(f"has the columns {known[first]!r} and {known[second]!r}; say which is the label with "
                        "--label-column", file=file)  # fmt: skip
    return tuple(found) or _find_one_hot(known)


def _find_one_hot(known: list[str]) -> tuple[int, ...]:
    """Ten columns `label_0` to `label_9`."""
    pattern = re.compile(rf"({'|'.join(sorted(LABEL_NAMES))})[ _.-]?(\d)")
    found = {int(match[2]): column for column, name in enumerate(known) if (match := pattern.fullmatch(name))}
    return tuple(found[digit] for digit in range(CLASSES)) if len(found) == CLASSES else ()


def _column_index(given: str, known: list[str], file: str, option: str) -> int:
    """The index of a column by its name, or by its number from 1, or from -1 at the end."""
    name = given.strip().lower()
    if name in known:
        return known.index(name)
    if re.fullmatch(r"-?\d{1,6}", name) and 1 <= abs(int(name)) <= len(known):
        return int(name) - 1 if int(name) > 0 else len(known) + int(name)
    raise DataError(f"has no column {shorten(given, 40)!r} for {option}; it has {list_names(known)}", file=file)


def list_names(names: Sequence[str], limit: int = 6) -> str:
    shown = ", ".join(shorten(name, 16) or "''" for name in names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown


# The pixels


def _select(given: str, names: list[str], file: str) -> NDArray[np.intp]:
    """Columns by a range FIRST:LAST of names or numbers, or by a pattern such as `px*`."""
    known = [name.strip().strip("'\"").lower() for name in names]
    first, colon, last = given.partition(":")
    if colon:
        begin, end = (_column_index(each, known, file, "--pixel-columns") for each in (first, last))
        return np.arange(begin, end + 1)
    found = [column for column, name in enumerate(known) if fnmatch.fnmatchcase(name, given.lower())]
    if not found:
        problem = f"has no columns like {shorten(given, 40)!r}; expected a range FIRST:LAST or a pattern such as 'px*'"
        raise DataError(problem, file=file, column="--pixel-columns")
    ordered = _by_numbers([known[column] for column in found])
    return np.array(found)[ordered] if ordered is not None else np.array(found)


def _area(count: int, file: str) -> int:
    if count not in AREAS:
        raise DataError(f"--pixel-columns selects {count:,} columns; expected {AREAS[0]}", file=file)
    return count


def _find_pixels(known: list[str], names: list[str], label: tuple[int, ...], file: str) -> tuple[NDArray[np.intp], int]:
    """The columns whose names are alike but for one number, or for row and column, and complete."""
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(known):
        skeleton = NUMBERS.sub("#", name)
        if column not in label and SKELETONS.fullmatch(skeleton):
            groups.setdefault(skeleton, []).append(column)
    for columns in sorted(groups.values(), key=len, reverse=True):
        if len(columns) in AREAS:
            order = _by_numbers([known[column] for column in columns])
            if order is not None:
                return np.array(columns)[order], len(columns)
    raise _no_pixels(known, names, groups, label, file)


def _by_numbers(names: list[str]) -> NDArray[np.intp] | None:
    """The order of columns by the numbers in their names; None if the numbers are no complete range."""
    numbers = [tuple(map(int, NUMBERS.findall(name))) for name in names]
    if len(set(numbers)) < len(numbers) or len({len(each) for each in numbers}) != 1:
        return None
    for position in range(len(numbers[0])):
        values = {each[position] for each in numbers}
        if max(values) - min(values) != len(values) - 1 or min(values) > 1:
            return None
    return np.array(sorted(range(len(names)), key=numbers.__getitem__))


def _no_pixels(
    known: list[str], names: list[str], groups: dict[str, list[int]], label: tuple[int, ...], file: str
) -> DataError:
    """The error that names the column that is missing, doubled or unknown."""
    if {"imageid", "label"} >= set(known):
        return DataError("is a submission, without pixels; expected Kaggle's train.csv or test.csv", file=file)
    columns = max(groups.values(), key=len, default=[])
    if len(columns) < AREAS[-1] - 8:
        return DataError(f"has the columns {list_names(names)}; {EXPECTED}, or {HINT}", file=file)
    first: dict[str, int] = {}
    for column in columns:
        if first.setdefault(known[column], column) != column:
            return _twice(known[column], first[known[column]], column, file)
    return _incomplete(columns, known, names, label, file)


def _incomplete(columns: list[int], known: list[str], names: list[str], label: tuple[int, ...], file: str) -> DataError:
    area = min(AREAS, key=lambda each: abs(each - len(columns)))
    used = {*columns, *label}
    unknown = [column for column in range(len(names)) if column not in used]
    missing = _missing([known[column] for column in columns], area)
    if not missing:
        return DataError(f"has {len(columns):,} pixel columns; expected {area}, or {HINT}", file=file)
    problem = "is missing" + (f" (and {len(missing) - 1} more)" if len(missing) > 1 else "")
    strange = [column for column in unknown if known[column] not in INDEX_NAMES]
    if strange:
        problem += f", and column {strange[0] + 1} has the unknown name {shorten(names[strange[0]], 30)!r}"
    return DataError(f"{problem}; {EXPECTED}", file=file, column=missing[0])


def _missing(names: list[str], area: int) -> list[str]:
    """The names that a range of numbered columns lacks."""
    numbers = {int(match[0]) for name in names if (match := NUMBERS.search(name))}
    prefix = NUMBERS.split(names[0])[0]
    first = 0 if 0 in numbers else 1
    return [f"{prefix}{number}" for number in range(first, first + area) if number not in numbers][:area]


def _twice(name: str, first: int, second: int, file: str) -> DataError:
    problem = f"occurs twice, as columns {first + 1} and {second + 1}; expected it once"
    return DataError(problem, file=file, column=name)


def _notes_on_others(
    others: list[int], names: list[str], known: list[str], file: str, is_chosen: bool
) -> tuple[str, ...]:
    strange = [column for column in others if known[column] not in INDEX_NAMES]
    if strange and not is_chosen:
        column = strange[0]
        problem = f"column {column + 1} has the unknown name {shorten(names[column], 30)!r}; {EXPECTED}, or {HINT}"
        raise DataError(problem, file=file, line=1)
    return ignored_columns([names[column] or f"number {column + 1}" for column in others])


def ignored_columns(names: list[str]) -> tuple[str, ...]:
    """The note about columns that are neither pixels nor label."""
    return (f"Ignored the {'column' if len(names) == 1 else 'columns'} {list_names(names)}.",) if names else ()


# Without a header


def columns_without_header(rows: NDArray[np.float64], file: str, options: Options = NO_OPTIONS) -> Columns:
    """The columns of a table of numbers, by how many there are and by what the first rows hold.

    rows: float64 (R, columns). Beside the pixels there may be an index, first, and a label or ten one-hot columns,
    first or last.
    """
    width = rows.shape[1]
    names = [str(column + 1) for column in range(width)]
    if options.label_column is not None or options.pixel_columns is not None:
        return _chosen_columns(names, file, options)
    area = next((area for area in AREAS if width - area in (0, 1, 2, CLASSES)), None)
    if area is None:
        raise DataError(f"has no header, and {width:,} columns; expected {AREAS[0] + 1}: label and pixels", file=file,
                        line=1)  # fmt: skip
    if width == area:
        return Columns(names, slice(0, width), notes=(f"{file} has no header: all columns are pixels.",))
    if width == area + CLASSES:
        return _one_hot_columns(rows, names, area, file)
    has_index = width == area + 2
    if has_index and not (np.diff(rows[:, 0]) > 0).all():
        problem = f"has no header, and {width:,} columns, the first of which doesn't count the rows; {HINT}"
        raise DataError(problem, file=file, line=1)
    is_last = _looks_like_labels(rows[:, -1]) > _looks_like_labels(rows[:, int(has_index)])
    label = width - 1 if is_last else int(has_index)
    begin = int(has_index) + (not is_last)
    index = "an index is ignored, " * has_index
    note = f"{file} has no header: {index}column {label + 1} of {width} is the label."
    return Columns(names, slice(begin, begin + area), (label,), (note,))


def _one_hot_columns(rows: NDArray[np.float64], names: list[str], area: int, file: str) -> Columns:
    """Ten columns of labels beside the pixels, as in UCI's semeion."""
    is_last = bool((rows[:, area:].sum(axis=1) == 1).all())
    begin, label = (0, range(area, len(names))) if is_last else (CLASSES, range(CLASSES))
    note = f"{file} has no header: its {'last' if is_last else 'first'} ten columns are one-hot labels."
    return Columns(names, slice(begin, begin + area), tuple(label), (note,))


def _chosen_columns(names: list[str], file: str, options: Options) -> Columns:
    label: tuple[int, ...] = ()
    if options.label_column is not None:
        label = (_column_index(options.label_column, names, file, "--label-column"),)
    if options.pixel_columns is not None:
        pixels = _select(options.pixel_columns, names, file)
    else:
        pixels = np.array([column for column in range(len(names)) if column not in label])
    _area(len(pixels), file)
    return Columns(names, _as_slice(pixels), label, (f"{file} has no header.",))


def _looks_like_labels(values: NDArray[np.float64]) -> int:
    """How much a column of the first rows looks like labels: digits more than letters, letters more than one value."""
    if not ((values >= 0) & (values < MAX_LABEL) & (np.floor(values) == values)).all():
        return 0
    different = len(np.unique(values))
    return different + MAX_LABEL if different > 1 and values.max() < CLASSES else different
