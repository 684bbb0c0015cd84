import csv
import sys

import numpy as np
import pyarrow.parquet
import pytest

from tenfold.model import load_model


@pytest.fixture(scope="module")
def expected(trained, digits):
    return load_model(trained).predict_proba(digits[1].images[:60])


def test_predict_writes_csv(run_cli, trained, kaggle_zip, tmp_path, expected):
    result = run_cli("predict", trained, kaggle_zip, "-o", tmp_path / "p.csv")
    assert result.code == 0, result.err
    assert f"predictions: {tmp_path / 'p.csv'}" in result.out
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["index", "digit", "confidence", *(f"p{digit}" for digit in range(10))]
    assert [int(row["index"]) for row in rows] == list(range(60))
    assert [int(row["digit"]) for row in rows] == expected.argmax(1).tolist()
    values = np.array([[row[f"p{digit}"] for digit in range(10)] for row in rows]).astype(np.float32)
    np.testing.assert_array_equal(values, expected)


def test_predict_writes_npy_and_parquet(run_cli, trained, kaggle_zip, tmp_path, expected):
    assert run_cli("predict", trained, kaggle_zip, "-o", tmp_path / "p.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), expected)
    assert run_cli("predict", trained, kaggle_zip, "-o", tmp_path / "p.parquet").code == 0
    table = pyarrow.parquet.read_table(tmp_path / "p.parquet")
    assert table["digit"].to_pylist() == expected.argmax(1).tolist()
    np.testing.assert_array_equal(table["p3"].to_numpy(), expected[:, 3])


def test_predict_training_split(run_cli, trained, kaggle_zip, tmp_path):
    document = run_cli("predict", trained, f"{kaggle_zip}:train", "-o", tmp_path / "p.npy", "--json").document
    assert document["images"] == 300


def test_predict_errors(run_cli, trained, kaggle_zip, tmp_path, monkeypatch):
    result = run_cli("predict", trained, kaggle_zip, "-o", tmp_path / "p.xlsx")
    assert result.code == 3
    assert "expected one that ends in .csv, .npy, .parquet" in result.err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run_cli("predict", trained, kaggle_zip, "-o", tmp_path / "p.parquet")
    assert result.code == 5
    assert "pip install 'tenfold[formats]'" in result.err
    assert list(tmp_path.iterdir()) == []


def test_predict_warns_of_transposed_and_known_images(run_cli, trained, digits, tmp_path):
    train, _ = digits
    np.savez(tmp_path / "known.npz", images=train.images[:400])
    np.savez(tmp_path / "transposed.npz", images=train.images.transpose(0, 2, 1))
    result = run_cli("predict", trained, tmp_path / "known.npz", "-o", tmp_path / "p.csv", "--json")
    assert "seen" in [finding["code"] for finding in result.document["warnings"]]
    result = run_cli("predict", trained, tmp_path / "transposed.npz", "-o", tmp_path / "p.csv")
    assert result.code == 0
    assert "transposed" in result.out


def test_submit_bundled_says_what_it_has_seen(run_cli, kaggle_zip, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.evaluation.seen.seen_by_bundled", lambda hashes: np.arange(len(hashes)) < 45)
    result = run_cli("submit", "bundled", kaggle_zip, "-o", tmp_path / "s.csv")
    assert "warning: 45 of the 60 test images were used to make this model" in result.out
