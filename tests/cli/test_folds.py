import csv

import numpy as np
import pytest


@pytest.fixture(scope="module")
def run(kaggle_zip, tmp_path_factory):
    from tests.cli.conftest import run_cli

    folder = tmp_path_factory.mktemp("folds") / "run"
    settings = ("--recipe", "dense-s", "--epochs", "4", "--limit", "200", "--folds", "3", "--out", folder)
    result = run_cli("train", kaggle_zip, *settings)
    assert result.code == 0, result.err
    assert "out-of-fold accuracy" in result.out
    return folder


def test_label_errors_lists_suspects(run_cli, run, tmp_path):
    table, page = tmp_path / "errors.csv", tmp_path / "errors.html"
    result = run_cli("label-errors", run, "-o", table, "--report", page)
    assert result.code == 0, result.err
    assert "of 200 labels are probably wrong" in result.out
    document = run_cli("label-errors", run, "--json").document
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(document["label_errors"])
    assert "<html" in page.read_text()


def test_label_errors_of_a_single_network(run_cli, trained):
    result = run_cli("label-errors", trained)
    assert result.code == 3
    assert "oof.npy is missing" in result.err


def test_folds_resume_is_finished(run_cli, run):
    before = np.load(run / "oof.npy")
    result = run_cli("train", "--resume", "--out", run)
    assert result.code == 0
    assert "already finished" in result.err
    np.testing.assert_array_equal(np.load(run / "oof.npy"), before)


def test_folds_refuses_resume_with_other_options(run_cli, run):
    assert "--resume takes only DATA" in run_cli("train", "--resume", "--out", run, "--folds", "3").err
