"""docs/formats.md: each row of its table is a form of data that a test makes and reads, with the notes that it says."""

import bz2
import gzip
import lzma
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.load import load_data
from tenfold.errors import TenfoldError
from tests.data.formats import samples
from tests.data.formats.samples import (
    IMAGES,
    LABELS,
    PIXELS,
    RNG,
    ROWS,
    arff,
    folders,
    four_idx,
    hdf5,
    idx,
    labeled,
    libsvm,
    mat,
    npy,
    npz,
    packed,
    parquet,
    picture_parquet,
    png,
    table,
    tarred,
    zipped,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "formats.md"
TABLE = table(["label", *PIXELS], labeled())
TEST_TABLE = table(PIXELS, ROWS[:5].tolist())
SMALL = (np.pad(RNG.integers(0, 17, (20, 6, 6)), ((0, 0), (1, 1), (1, 1)))).reshape(20, 64)
QUOTED = [[f'"{cell}"' for cell in row] for row in [["label", *PIXELS], *labeled()]]
USPS = np.zeros((20, 16, 16))
USPS[:, 3:13, 4:12] = RNG.random((20, 10, 8))


@dataclass(frozen=True)
class Form:
    """files: name -> content. given: which of them, or which folder, is read. options: of `load_data`.

    images: what is expected, None for framed images, of which only the labels are compared. test: the number of test
    samples. labels: of the training split, None if it has none.
    """

    files: dict
    given: str
    notes: tuple[str, ...] = ()
    images: np.ndarray | None = field(default_factory=lambda: IMAGES)
    labels: np.ndarray | None = field(default_factory=lambda: LABELS)
    test: int = 0
    options: dict = field(default_factory=dict)


def one(name, content, *notes, **others):
    return Form({name: content}, name, notes, **others)


def spelled(names, *notes, rows=None, label="label"):
    return one("digits.csv", table([label, *names], labeled() if rows is None else rows), *notes)


def two(prefix=""):
    return folders(f"{prefix}train/") | folders(f"{prefix}test/", IMAGES[:5], LABELS[:5])


BOM_AND_CRLF = b"\xef\xbb\xbf" + table(["label", *PIXELS], labeled(), ",", "\r\n")
ORDER = np.random.default_rng(3).permutation(784)
ONE_HOT = np.eye(10, dtype=int)[LABELS]
PICTURES = {f"{at}.png": png(image) for at, image in enumerate(IMAGES)}
LABEL_TABLE = table(["filename", "label"], [[f"{at}.png", label] for at, label in enumerate(LABELS.tolist())])
BY_DIGIT = {f"train{digit}": ROWS[digit == LABELS] for digit in range(10)}
SORTED = np.argsort(LABELS, kind="stable")
EMNIST_NOTE = "EMNIST's images lie on their side: rows and columns were exchanged."
ON_SIDE = np.ascontiguousarray(IMAGES.transpose(0, 2, 1))
QMNIST_LABELS = np.zeros((20, 8), ">i4")
QMNIST_LABELS[:, 0] = LABELS
NAMES_1 = [f"pixel{index + 1}" for index in range(784)]
NAMES_XY = [f"{row + 1}x{column + 1}" for row in range(28) for column in range(28)]
NAMES_RC = [f"R{row}C{column}" for row in range(28) for column in range(28)]
FLOATS = [
    [label, *(round(cell / 255, 4) for cell in row)] for label, row in zip(LABELS.tolist(), ROWS.tolist(), strict=True)
]
DECIMAL_COMMAS = [[str(cell).replace(".", ",") for cell in row] for row in FLOATS]
UNIT = "Pixels are from 0 to 1: scaled to 255."
EMNIST = {
    "emnist-digits-train-images-idx3-ubyte.gz": gzip.compress(idx(ON_SIDE)),
    "emnist-digits-train-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS)),
    "emnist-digits-test-images-idx3-ubyte.gz": gzip.compress(idx(ON_SIDE[:5])),
    "emnist-digits-test-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS[:5])),
    "emnist-digits-mapping.txt": b"0 48\n1 49\n",
}
KERAS = npz(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:5], y_test=LABELS[:5])
FRAMED_16 = "Images have 16x16 pixels: framed to 28x28, as MNIST's digits are."
FRAMED_8 = "Images have 8x8 pixels: framed to 28x28, as MNIST's digits are."
EMNIST_MAT = {
    "train": {"images": ON_SIDE.reshape(20, 784), "labels": LABELS[:, None], "writers": LABELS[:, None]},
    "test": {"images": ON_SIDE[:5].reshape(5, 784), "labels": LABELS[:5, None], "writers": LABELS[:5, None]},
    "mapping": np.arange(20).reshape(10, 2),
}

FORMS = {
    # Tables
    "Kaggle's `digit-recognizer.zip`": one(
        "digit-recognizer.zip",
        zipped({"train.csv": TABLE, "test.csv": TEST_TABLE, "sample_submission.csv": b"ImageId,Label\n1,0\n"}),
        test=5,
    ),
    "its folder": Form({"data/train.csv": TABLE, "data/test.csv": TEST_TABLE}, "data", test=5),
    "`pixel0` to `pixel783`, `label` last": one("a.csv", table([*PIXELS, "label"], np.roll(labeled(), -1, 1).tolist())),
    "`pixel1` to `pixel784`": spelled(NAMES_1),
    "`1x1` to `28x28`": spelled(NAMES_XY),
    "`R0C0` to `R27C27`": spelled(NAMES_RC),
    "`0` to `783`": spelled(range(784)),
    "columns in another order": one(
        "a.csv",
        table(["label", *(PIXELS[at] for at in ORDER)], np.column_stack([LABELS, ROWS[:, ORDER]]).tolist()),
        "Columns are not in the order of the pixels: ordered by their names.",
    ),
    "the label as `Class`, `y`, `digit`, `target`": spelled([name.upper() for name in PIXELS], label="Class"),
    "an index or `id` column": one(
        "a.csv",
        table(["id", "label", *PIXELS], [[at, *row] for at, row in enumerate(labeled())]),
        "Ignored the column id.",
    ),
    "labels as words": one(
        "a.csv",
        table(["label", *PIXELS], [[f"digit_{row[0]}" if row[0] else "zero", *row[1:]] for row in labeled()]),
    ),
    "one-hot labels `label_0` to `label_9`": one(
        "a.csv",
        table([*(f"label_{digit}" for digit in range(10)), *PIXELS], np.column_stack([ONE_HOT, ROWS]).tolist()),
        "Labels are one-hot: decoded to the digits 0 to 9.",
    ),
    "no header, the label first": one(
        "a.csv", table([], labeled()), "a.csv has no header: column 1 of 785 is the label."
    ),
    "no header, the label last": one(
        "a.csv", table([], np.roll(labeled(), -1, 1).tolist()), "a.csv has no header: column 785 of 785 is the label."
    ),
    "other names, with `--label-column` and `--pixel-columns`": one(
        "a.csv",
        table(["who", "n", *(f"v{at}.a" for at in range(784))], [[7, *row] for row in labeled()]),
        "Ignored the column who.",
        options={"label_column": "n", "pixel_columns": "v*"},
    ),
    "`;` between cells": one("a.csv", table(["label", *PIXELS], labeled(), ";")),
    "tabs": one("a.tsv", table(["label", *PIXELS], labeled(), "\t")),
    "spaces": one("a.txt", table([], labeled(), " "), "a.txt has no header: column 1 of 785 is the label."),
    "fractions from 0 to 1": one("a.csv", table(["label", *PIXELS], FLOATS), UNIT),
    "decimal commas": one("a.csv", table(["label", *PIXELS], DECIMAL_COMMAS, ";"), UNIT),
    "quotes": one("a.csv", table(QUOTED[0], QUOTED[1:])),
    "UTF-8 with a byte order mark, CRLF": one("a.csv", BOM_AND_CRLF),
    "UTF-16": one("a.csv", TABLE.decode().encode("utf-16")),
    "`.csv.gz`, `.csv.xz`, `.csv.bz2`, `.csv.zst`": Form(
        {"d/train.csv.bz2": bz2.compress(TABLE), "d/test.csv.xz": lzma.compress(TEST_TABLE)}, "d", test=5
    ),
    "`.csv.zip`": one("train.csv.zip", zipped({"train.csv": TABLE})),
    "images and labels in two tables": Form(
        {"X_train.csv": table(PIXELS, ROWS.tolist()), "y_train.csv": table(["y"], LABELS[:, None].tolist())},
        "X_train.csv",
    ),
    "LIBSVM (`mnist.scale`)": one("mnist.scale", libsvm()),
    "ARFF (OpenML's `mnist_784`)": one("mnist_784.arff", arff()),
    "sparse ARFF": one("mnist_784.arff.gz", gzip.compress(arff(is_sparse=True))),
    "Parquet with pixel columns": one(
        "a.parquet", parquet({"class": LABELS.astype(str).tolist(), **{n: ROWS[:, at] for at, n in enumerate(NAMES_1)}})
    ),
    "Parquet with PNG bytes (Hugging Face)": one("train-00000-of-00001.parquet", picture_parquet()),
    "shards of Parquet": Form(
        {
            "data/train-00000-of-00002.parquet": picture_parquet(IMAGES[:12], LABELS[:12]),
            "data/train-00001-of-00002.parquet": picture_parquet(IMAGES[12:], LABELS[12:]),
            "data/test-00000-of-00001.parquet": picture_parquet(IMAGES[:5], LABELS[:5]),
        },
        "data",
        test=5,
    ),
    # IDX
    "four IDX files, plain or packed": Form(packed(four_idx("mnist/")), "mnist", test=5),
    "torchvision's root": Form(
        four_idx("MNIST/raw/") | packed(four_idx("MNIST/raw/")),
        ".",
        ("Ignored 4 packed files whose unpacked copies are beside them.",),
        test=5,
    ),
    "names that browsers give": Form(
        {
            "train-images-idx3-ubyte (1).gz": gzip.compress(idx(IMAGES)),
            "train-labels.idx1-ubyte": idx(LABELS),
            "t10k-images.idx3-ubyte": idx(IMAGES[:5]),
            "t10k-labels-idx1-ubyte(2).gz": gzip.compress(idx(LABELS[:5])),
        },
        ".",
        test=5,
    ),
    "IDX under other names, known by its first bytes": Form({"train_x": idx(IMAGES), "train_y": idx(LABELS)}, "."),
    "EMNIST": Form(EMNIST, ".", (EMNIST_NOTE,), test=5),
    "EMNIST's `.mat`": one(
        "emnist-digits.mat",
        mat(dataset=EMNIST_MAT),
        "Ignored the array dataset_mapping in emnist-digits.mat.",
        EMNIST_NOTE,
        test=5,
    ),
    "QMNIST": Form(
        {
            "qmnist-train-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES)),
            "qmnist-train-labels-idx2-int.gz": gzip.compress(idx(QMNIST_LABELS, 12)),
        },
        ".",
    ),
    # Arrays
    "Keras' `mnist.npz`": one("mnist.npz", KERAS, test=5),
    "`.npz` with `images`, `labels`": one("a.npz", npz(images=IMAGES, labels=LABELS)),
    "`.npz` with `X`, `y`, rows of 784 floats": one("a.npz", npz(X=ROWS / 255, y=LABELS.astype(float)), UNIT),
    "`.npz` with `arr_0`, `arr_1`": one("a.npz", npz(arr_0=IMAGES, arr_1=LABELS)),
    "`.npz` with a training split alone": one("a.npz", npz(x_train=IMAGES[..., None], y_train=ONE_HOT)),
    "KMNIST's `.npz` files": Form(
        {"kmnist-train-imgs.npz": npz(arr_0=IMAGES), "kmnist-train-labels.npz": npz(arr_0=LABELS)}, "."
    ),
    "`.npy` of images, with its labels beside it": Form(
        {"X_train.npy": npy(IMAGES), "y_train.npy": npy(LABELS)}, "X_train.npy"
    ),
    "floats from -1 to 1, standardized floats, 16 bits": one(
        "a.npz", npz(X=ROWS / 127.5 - 1, y=LABELS), "Pixels are from -1 to 1: scaled to 0 to 255."
    ),
    "images of 32x32 with a margin": one(
        "a.npz",
        npz(X=np.pad(IMAGES, ((0, 0), (2, 2), (2, 2))), y=LABELS),
        "Images have 32x32 pixels with an empty margin: cut to 28x28.",
    ),
    "scikit-learn's and UCI's 8x8 digits": one(
        "optdigits.tra",
        table([], np.column_stack([SMALL, LABELS]).tolist()),
        "optdigits.tra has no header: column 65 of 65 is the label.",
        "Pixels are from 0 to 16: scaled to 255.",
        FRAMED_8,
        images=None,
    ),
    "USPS, `.h5`": one(
        "usps.h5",
        hdf5(
            {
                "train/data": USPS.reshape(20, 256),
                "train/target": LABELS,
                "test/data": USPS[:5],
                "test/target": LABELS[:5],
            }
        ),
        UNIT,
        FRAMED_16,
        images=None,
        test=5,
    ),
    "USPS, LIBSVM's": Form(
        {
            "usps.bz2": bz2.compress(libsvm((USPS * 2 - 1).reshape(20, 256), LABELS + 1)),
            "usps.t.bz2": bz2.compress(libsvm((USPS * 2 - 1).reshape(20, 256), LABELS + 1)),
        },
        ".",
        (
            "Labels are from 1 to 10: one more than the digit, as in LIBSVM's USPS.",
            "Pixels are from -1 to 1: scaled to 0 to 255.",
            FRAMED_16,
        ),
        images=None,
        test=20,
    ),
    "MATLAB's `mnist_all.mat`": one(
        "mnist_all.mat",
        mat(**BY_DIGIT),
        "The arrays train0 to train9 were joined, each labeled by the digit in its name.",
        images=IMAGES[SORTED],
        labels=LABELS[SORTED],
    ),
    "`.mat` with columns as images and 10 for 0": one(
        "a.mat",
        mat(X=ROWS.T, y=np.where(LABELS == 0, 10, LABELS)),
        "Labels are from 1 to 10: 10 was taken as 0, as in MATLAB.",
        "One column is one image.",
    ),
    # Pictures
    "pictures in folders `0` to `9`": Form(folders("d/"), "d", images=IMAGES[SORTED], labels=LABELS[SORTED]),
    "`train/0` to `train/9`, `test/0` to `test/9`": Form(
        two("d/"), "d", images=IMAGES[SORTED], labels=LABELS[SORTED], test=5
    ),
    "`training`, `testing`, `valid`": Form(
        folders("d/training/")
        | folders("d/testing/", IMAGES[:5], LABELS[:5])
        | folders("d/valid/", IMAGES[:3], LABELS[:3]),
        "d",
        ("The 3 validation samples of valid in {folder}/d are among those to train on.",),
        images=np.concatenate([IMAGES[SORTED], IMAGES[:3]]),
        labels=np.concatenate([LABELS[SORTED], LABELS[:3]]),
        test=5,
    ),
    "pictures in one folder with a `labels.csv`": Form(
        {"d/labels.csv": LABEL_TABLE} | {f"d/img/{n}": c for n, c in PICTURES.items()}, "d"
    ),
    "pictures of other sizes, colors, black on white": Form(
        {f"d/{at}/a.png": png(255 - np.kron(image, np.ones((3, 3), np.uint8))) for at, image in enumerate(IMAGES[:10])},
        "d",
        ("10 of 10 images are black on white: inverted to white on black.",),
        images=None,
        labels=LABELS[:10],
    ),
    # Archives
    "a zip of any of these": one("d.zip", zipped(two()), images=IMAGES[SORTED], labels=LABELS[SORTED], test=5),
    "a tar, also `.tar.gz`, `.tar.xz`, `.tgz`": one("d.tar.gz", tarred(four_idx("mnist/")), test=5),
    "archives in an archive": one(
        "d.zip", zipped({"train.csv.zip": zipped({"train.csv": TABLE}), "test.csv": TEST_TABLE}), test=5
    ),
    "one of several data sets, as in `d.zip:a`": Form(
        {"d.zip": zipped({"a/train.csv": TABLE, "b/train.csv": b""})}, "d.zip:a"
    ),
    "black on white": one(
        "a.npz", npz(X=255 - IMAGES, y=LABELS), "X in a.npz is black on white: inverted to white on black."
    ),
    "a folder that hides a built-in name": Form(
        {"mnist/train.csv": TABLE},
        "mnist",
        ("Read from the folder mnist here, which hides the built-in data of that name.",),
        options={"relative": True},
    ),
}


def row_of(name, form):
    notes = " ".join(form.notes).replace("{folder}/", "") or "nothing"
    return f"| {name} | {notes} |"


@pytest.mark.parametrize("name", FORMS)
def test_form_is_documented(name):
    assert row_of(name, FORMS[name]) in DOCUMENT.read_text().splitlines()


def test_every_row_is_a_form():
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ") and line.count("|") == 3]
    assert {row.split(" | ")[0].removeprefix("| ") for row in rows if not row.startswith(("| ---", "| form"))} == set(
        FORMS
    )


@pytest.mark.parametrize("name", FORMS)
def test_form_is_read(name, tmp_path, monkeypatch):
    form = FORMS[name]
    for file, content in form.files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
    options = dict(form.options)
    given = tmp_path / form.given
    if options.pop("relative", False) or form.given == ".":
        monkeypatch.chdir(tmp_path)
        given = form.given
    source = load_data(given, **options)
    if form.images is None:
        assert source.train.images.max(axis=(1, 2)).min() > 200
    else:
        np.testing.assert_allclose(source.train.images.astype(int), form.images, atol=0)
    np.testing.assert_array_equal(source.train.labels, form.labels)
    assert len(source.test or []) == form.test
    assert source.notes == tuple(note.format(folder=tmp_path) for note in form.notes)


@pytest.mark.parametrize("lower", [None, -0.1307 / 0.3081])
def test_standardized_and_16_bit_pixels_are_scaled_back(tmp_path, lower):
    images = IMAGES.astype(np.uint16) * 257 if lower is None else (IMAGES / 255 - 0.1307) / 0.3081
    (tmp_path / "a.npz").write_bytes(npz(X=images, y=LABELS))
    np.testing.assert_array_equal(load_data(tmp_path / "a.npz").train.images, IMAGES)


def test_zstandard(tmp_path):
    zstd = pytest.importorskip("backports.zstd")
    (tmp_path / "a.csv.zst").write_bytes(zstd.compress(samples.csv()))
    np.testing.assert_array_equal(load_data(tmp_path / "a.csv.zst").train.images, IMAGES)


def test_labels_of_a_member_are_found_beside_it(tmp_path):
    (tmp_path / "d.tar").write_bytes(tarred(four_idx("a/b/"), "w"))
    source = load_data(f"{tmp_path / 'd.tar'}:a/b/t10k-images-idx3-ubyte")
    np.testing.assert_array_equal(source.test.labels, LABELS[:5])
    assert source.train is None


def test_foreign_data_files_are_called_what_they_are(tmp_path):
    for name, content, problem in (
        ("mnist.pkl.gz", gzip.compress(b"\x80\4\x95abc"), "is a pickle; loading it could run code"),
        ("train-images-idx3-ubyte.gz", b"<!DOCTYPE html>", "is a web page; download the file itself again"),
        ("train.xlsx", zipped({"xl/workbook.xml": b"<workbook/>"}), "is an Excel workbook; save the sheet as CSV"),
        ("train.csv", b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer, not the file"),
        ("train.npz", b"%PDF-1.7", "is a PDF document"),
        ("train.mat", b"PK\3\4" + bytes(30), "is a damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TenfoldError) as caught:
            load_data(tmp_path / name)
        assert problem in str(caught.value)
        assert name in str(caught.value)


def test_member_without_a_name_is_passed_over(tmp_path):
    content = zipped({"train.csv": TABLE, "x": b""})
    (tmp_path / "d.zip").write_bytes(content.replace(b"x" + b"PK\5\6", b"\0PK\5\6"))
    np.testing.assert_array_equal(load_data(tmp_path / "d.zip").train.images, IMAGES)


def test_pixels_beyond_any_float_are_named(tmp_path):
    (tmp_path / "a.libsvm").write_bytes(b"1 5:1e300 6:2\n")
    with pytest.raises(TenfoldError, match="row 1: has a pixel that is no number"):
        load_data(tmp_path / "a.libsvm")
