"""Which of the files in a folder or an archive are the data: by their names and contents, every usual layout."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from tenfold.data.formats import idx, image_folder
from tenfold.data.formats.archive import PACKED_SUFFIXES
from tenfold.data.formats.columns import Options
from tenfold.data.formats.names import Name, Role, SplitName, parse_name
from tenfold.data.formats.raw import RawSamples, concatenate_samples, merge_samples
from tenfold.data.formats.readers import Family, family_of, may_be_data, read
from tenfold.data.formats.tree import File, Tree
from tenfold.errors import DataError, shorten

Samples = dict[SplitName | None, RawSamples]

# Files beside data that are none: they are passed over without a word.
DOCUMENT = re.compile(
    r"(readme|licen[cs]e|changelog|mapping|classmap|submission|requirements)[^/]*$|"
    r"\.(md|rst|py|ipynb|json|ya?ml|toml|html?|pdf|docx?|sh|log|lock|cfg|ini|onnx|safetensors)$",
    re.IGNORECASE,
)
MAX_LISTED = 4
EXPECTED = "expected train.csv and test.csv, IDX files, an .npz, or pictures in folders 0 to 9"


class Candidate(NamedTuple):
    file: File
    family: Family
    name: Name


def read_tree(tree: Tree, splits: Collection[str], options: Options) -> tuple[Samples, tuple[str, ...]]:
    """The splits in a folder or archive, and notes. Raises DataError that lists what was seen if it is not clear."""
    has_pictures = any(map(image_folder.is_image, tree.files))
    has_digits = image_folder.has_digit_folders(tree)
    tables = image_folder.find_label_tables(tree) if has_pictures and not has_digits else []
    candidates = [each for each in _candidates(tree) if each.file not in tables]
    if has_digits and candidates:
        raise _ambiguous(tree, ["pictures in folders 0 to 9", *(each.file.name for each in candidates)])
    if has_digits:
        return image_folder.read_digit_folders(tree, splits), ()
    if tables and not candidates:
        return image_folder.read_labeled_by_table(tree, tables, options, splits), ()
    if not candidates:
        raise _nothing_found(tree)
    group, notes = _choose_group(tree, candidates)
    samples, more = _read_group(tree, group, splits, options)
    return samples, notes + more


def read_single(tree: Tree, splits: Collection[str], options: Options) -> tuple[Samples, tuple[str, ...]]:
    """The splits in one file, or in a file of images and one of labels, whatever their names are."""
    return _read_group(tree, _as_candidates(tree.files), splits, options)


def _candidates(tree: Tree) -> list[Candidate]:
    return _as_candidates([file for file in tree.files if may_be_data(file.name) and not DOCUMENT.search(file.name)])


def _as_candidates(files: list[File]) -> list[Candidate]:
    found = []
    for file in files:
        family = family_of(file)
        if family is not None:
            name = parse_name(file.name)
            if family == "idx":
                name = name._replace(role=_idx_role(file) or name.role)
            found.append(Candidate(file, family, name))
    return found


def _idx_role(file: File) -> Role | None:
    head = file.head()
    return idx.CONTENTS.get(head[3]) if idx.is_idx("", head) else None


def _nothing_found(tree: Tree) -> DataError:
    if not tree.files:
        return DataError(f"contains no files; {EXPECTED}", file=tree.name)
    pictures = sum(map(image_folder.is_image, tree.files))
    if pictures:
        problem = f"contains {pictures:,} pictures without labels; expected them in folders 0 to 9, or a labels.csv"
        return DataError(problem, file=tree.name)
    names = [shorten(PurePosixPath(file.name).name, 30) for file in tree.files[:MAX_LISTED]]
    return DataError(f"contains no data, only {', '.join(names)}; {EXPECTED}", file=tree.name)


# One data set among several


def _choose_group(tree: Tree, candidates: list[Candidate]) -> tuple[list[Candidate], tuple[str, ...]]:
    """The files of one data set. The plainest names, train and test, come before others; else there must be one."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.name.key, []).append(candidate)
    if len(groups) == 1:
        return candidates, ()
    plain = groups.get("", [])
    if any(each.name.split for each in plain):
        others = [each.file.name for each in candidates if each not in plain]
        return plain, (f"Ignored {_list(others)} beside {plain[0].file.name}.",)
    raise _ambiguous(tree, [_location(group) for group in groups.values()])


def _location(group: list[Candidate]) -> str:
    """The folder that all files of a group are in, or the name of the first."""
    names = [each.file.name for each in group]
    folder = os.path.commonpath(names) if len(names) > 1 else names[0]
    return folder or names[0]


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(shorten(name, 40) for name in names[:MAX_LISTED])
    return f"{shown} and {len(names) - MAX_LISTED:,} more" if len(names) > MAX_LISTED else shown


def _ambiguous(tree: Tree, names: list[str]) -> DataError:
    base = shorten(tree.name.rstrip("/").rpartition("/")[2], 30)
    example = f"{base}:{shorten(names[-1], 30)}"
    return DataError(
        f"contains several data sets: {_list(names)}; name one, as in {example}", file=shorten(tree.name, 60)
    )


# The files of one data set


def _read_group(
    tree: Tree, group: list[Candidate], splits: Collection[str], options: Options
) -> tuple[Samples, tuple[str, ...]]:
    group, notes = _without_packed_twins(group)
    by_split: dict[SplitName | None, list[Candidate]] = {}
    for candidate in group:
        by_split.setdefault(candidate.name.split, []).append(candidate)
    samples: Samples = {}
    for split, candidates in by_split.items():
        if split is None or split in splits:
            samples |= _read_split(tree, split, candidates, splits, options)
    return samples, notes


def _without_packed_twins(group: list[Candidate]) -> tuple[list[Candidate], tuple[str, ...]]:
    """Torchvision keeps the packed files beside the unpacked ones."""
    names = {each.file.name for each in group}
    kept = [each for each in group if not _has_unpacked_twin(each.file.name, names)]
    twins = len(group) - len(kept)
    if not twins:
        return kept, ()
    if twins == 1:
        return kept, ("Ignored 1 packed file whose unpacked copy is beside it.",)
    return kept, (f"Ignored {twins} packed files whose unpacked copies are beside them.",)


def _has_unpacked_twin(name: str, names: set[str]) -> bool:
    return any(name.endswith(suffix) and name.removesuffix(suffix) in names for suffix in PACKED_SUFFIXES)


def _read_split(
    tree: Tree, split: SplitName | None, candidates: list[Candidate], splits: Collection[str], options: Options
) -> Samples:
    """One file, shards of one table, or a file of images and one of labels. Raises DataError for any other number."""

    def read_one(candidate: Candidate) -> Samples:
        is_labels = candidate.name.role == "labels"
        return read(candidate.file, candidate.family, splits, options, is_labels)

    if len(candidates) == 1:
        _check_pair(candidates[0], tree)
        return {split if inner is None else inner: found for inner, found in read_one(candidates[0]).items()}
    if all(each.family == "parquet" for each in candidates):
        return {split: concatenate_samples([read_one(each)[None] for each in candidates])}
    by_role = {each.name.role == "labels": each for each in candidates}
    if len(candidates) > 2 or len(by_role) < 2:
        raise _same_split(tree, split, candidates)
    images, labels = (next(iter(read_one(by_role[is_labels]).values())) for is_labels in (False, True))
    return {split: merge_samples(images, labels)}


def _same_split(tree: Tree, split: SplitName | None, candidates: list[Candidate]) -> DataError:
    names = [each.file.name for each in candidates]
    if split is None:
        return _ambiguous(tree, names)
    example = f"{shorten(tree.name.rstrip('/').rpartition('/')[2], 30)}:{shorten(names[0], 30)}"
    problem = f"contains {_list(names)}; expected one {split} split, or name one, as in {example}"
    return DataError(problem, file=shorten(tree.name, 60))


def _check_pair(candidate: Candidate, tree: Tree) -> None:
    """Raise DataError for an IDX file of a folder whose other half is missing."""
    if candidate.family != "idx" or candidate.name.role is None or len(tree.files) == 1:
        return
    here, there = ("images", "labels") if candidate.name.role == "images" else ("labels", "images")
    name = PurePosixPath(candidate.file.name).name.removesuffix(".gz")
    dimensions = {"images": "idx3", "labels": "idx1"}
    missing = name.replace(here, there).replace(dimensions[here], dimensions[there])
    if missing != name:
        raise DataError(f"lacks {missing} (or {missing}.gz)", file=tree.name)


def partner_of(file: File, siblings: Tree) -> Tree:
    """One file, with the file of its labels if that is beside it."""
    family, name = family_of(file), parse_name(file.name)
    if family is None or (name.role != "images" and family != "idx"):
        return Tree(siblings.name, [file])
    matches = [
        each
        for each in siblings.files
        if each.name != file.name
        and parse_name(each.name) == name._replace(role="labels")
        and family_of(each) == family
        and "/" not in each.name
    ]
    kept = [each for each in matches if not _has_unpacked_twin(each.name, {each.name for each in matches})]
    return Tree(siblings.name, [file, *kept[:1]])
