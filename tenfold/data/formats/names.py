"""What the name of a file or an array says: which split it is, whether it holds images or labels, of which data set."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

SplitName = Literal["train", "test", "valid"]
Role = Literal["images", "labels"]

SPLIT_WORDS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("test", "testing", "tst", "te", "t10k"), "test"),
    **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
}
ROLE_WORDS: dict[str, Role] = {
    **dict.fromkeys(("images", "image", "imgs", "img", "x", "data", "pixels", "features", "digits"), "images"),
    **dict.fromkeys(("labels", "label", "lbls", "y", "targets", "target", "classes", "class"), "labels"),
}
# Says nothing about what is in it: of MNIST's file names, of shards (00000-of-00002), of copies ("copy", "(1)").
FILLER = {"idx", "idx1", "idx2", "idx3", "ubyte", "int", "of", "copy", "part", "set", "dataset", "all", "gzip", "raw"}
SUFFIX = re.compile(
    r"\.(csv|tsv|txt|data|dat|tra|tes|npz|npy|mat|h5|hdf5|hdf|parquet|pq|arff|libsvm|svm|scale|t|gz|xz|bz2|zst|zip)$",
    re.IGNORECASE,
)
COPY = re.compile(r"\s*\(\d+\)|\s+-\s+copy|\s+copy(\s+\d+)?", re.IGNORECASE)
WORDS = re.compile(r"t10k|[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])\d*|\d+")


class Name(NamedTuple):
    """key: what is left of the name without split and role: which data set the file belongs to."""

    key: str
    split: SplitName | None
    role: Role | None


def parse_name(name: str) -> Name:
    """The name of a file in a tree, or of an array: `MNIST/raw/t10k-images-idx3-ubyte (1).gz`, `x_train`."""
    *folders, base = name.split("/")
    split: SplitName | None = None
    role: Role | None = None
    key = []
    for folder in folders:
        word = strip_suffixes(folder).lower()  # Kaggle's archives are unpacked to train.csv/train.csv
        if word in SPLIT_WORDS:
            split = SPLIT_WORDS[word]
        elif word in ROLE_WORDS and word not in ("data", "digits"):
            role = ROLE_WORDS[word]
        elif word not in FILLER and word != "data":
            key.append(folder)
    for word in WORDS.findall(strip_suffixes(COPY.sub("", base.partition(":")[0]))):
        lower = word.lower()
        if lower in SPLIT_WORDS:
            split = SPLIT_WORDS[lower]
        elif lower in ROLE_WORDS:
            role = ROLE_WORDS[lower]
        elif lower not in FILLER and not lower.isdigit():
            key.append(lower)
    return Name("/".join(key), split, role)


def strip_suffixes(name: str) -> str:
    """A file's name without the suffixes of formats and compression."""
    if name.lower() in ("usps.t", "mnist.t", "mnist.scale.t"):  # LIBSVM's own names of test splits
        return f"{name[:-2]}-test"
    while (shorter := SUFFIX.sub("", name)) != name and shorter:
        name = f"{shorter}-test" if name.lower().endswith((".scale.t", "usps.t")) else shorter
    return name
