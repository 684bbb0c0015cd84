"""The command line as a person drives it: `run_cli` in this process, and one small trained run for all tests."""

import contextlib
import io
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenfold.cli.app import main
from tenfold.data import Dataset, load_data

# Enough for a model that reads most digits.
LEARNS = ("digits", "--recipe", "dense-s", "--epochs", "4", "--set", "validation_split=200", "--seed", "3")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout as exactly one JSON document."""
        return json.loads(self.out)


def run_cli(*args: object) -> Result:
    """`tenfold ARGS` through the real entry point: exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["tenfold", *map(str, args)])
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert code is None or isinstance(code, int)
    return Result(code or 0, out.getvalue(), err.getvalue())


@pytest.fixture(name="run_cli")
def _run_cli() -> Callable[..., Result]:
    return run_cli


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of `tenfold train`, whose model reads most digits; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENFOLD_CACHE", str(tmp_path_factory.mktemp("cache")))
        result = run_cli("train", *LEARNS, "--out", folder)
    assert result.code == 0, result.err
    return folder


@pytest.fixture(scope="session")
def digits() -> tuple[Dataset, Dataset]:
    source = load_data("digits")
    assert source.train is not None
    assert source.test is not None
    return source.train, source.test


@pytest.fixture(scope="session")
def kaggle_zip(tmp_path_factory: pytest.TempPathFactory, digits: tuple[Dataset, Dataset]) -> Path:
    """Kaggle's zip in small: 300 labeled rows, 60 test rows; the folder's name has a space."""
    folder = tmp_path_factory.mktemp("my data")
    train, test = digits
    write_csv(folder / "train.csv", train.subset(slice(300)))
    write_csv(folder / "test.csv", Dataset(test.images[:60], None, "test"))
    with zipfile.ZipFile(folder / "digit-recognizer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("train.csv", "test.csv"):
            archive.write(folder / name, name)
    return folder / "digit-recognizer.zip"


@pytest.fixture(scope="session")
def quick(kaggle_zip: Path) -> tuple[str, ...]:
    """What to train for tests that look at everything but the model."""
    return (str(kaggle_zip), "--recipe", "dense-s", "--set", "net.dense=[8]", "--set", "validation_split=50")


@pytest.fixture
def no_export(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run gets the model of `trained`: PyTorch's exporter takes seconds, and has tests of its own."""
    model = (trained / "model.onnx").read_bytes()
    monkeypatch.setattr("tenfold.training.digits.export", lambda network, path, metadata: path.write_bytes(model))


def write_csv(path: Path, data: Dataset) -> None:
    """As Kaggle writes it: label first, then the pixels row by row."""
    table = data.images.reshape(len(data), -1)
    names = [f"pixel{number}" for number in range(784)]
    if data.labels is not None:
        table, names = np.column_stack([data.labels, table]), ["label", *names]
    np.savetxt(path, table, "%d", delimiter=",", header=",".join(names), comments="")
