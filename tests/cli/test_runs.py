import json
import shutil

import pytest


@pytest.fixture
def folder(trained, tmp_path):
    for name in ("b", "inner/a", "c"):
        shutil.copytree(trained, tmp_path / name)
    (tmp_path / "other").mkdir()
    metrics = json.loads((tmp_path / "b" / "metrics.json").read_text())
    metrics["seconds"], metrics["finished"] = 9999.0, False
    (tmp_path / "b" / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "c" / "recipe.json").write_text("{")
    return tmp_path


def test_runs_lists_and_sorts(run_cli, folder):
    document = run_cli("runs", folder, "--json").document
    assert [run["name"] for run in document["runs"]] == ["b", "c", "inner/a"]
    first, damaged, last = document["runs"]
    assert (first["finished"], last["finished"]) == (False, True)
    assert last["recipe"] == "dense-s"
    assert last["measured_on"] == "validation"
    assert 0.5 < last["accuracy"] <= 1
    assert "damaged file" in damaged["problem"]
    by_seconds = run_cli("runs", folder, "--sort", "seconds", "--json").document
    assert [run["name"] for run in by_seconds["runs"]] == ["b", "inner/a", "c"]


def test_runs_prints_a_table(run_cli, folder):
    result = run_cli("runs", folder)
    assert result.code == 0
    assert "inner/a" in result.out
    assert "unfinished" in result.out


def test_runs_without_any(run_cli, tmp_path):
    assert run_cli("runs", tmp_path).out == f"{tmp_path}: no runs\n"
    missing = run_cli("runs", tmp_path / "missing")
    assert missing.code == 5
    assert "no such folder" in missing.err
