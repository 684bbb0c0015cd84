import csv
import hashlib
import json

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.errors import RunError
from tenfold.files import write_json
from tenfold.images import hash_images
from tenfold.run import HISTORY_COLUMNS, Run


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    write_json(run.recipe, {"name": "fast"})
    write_json(run.data, {"digest": "d"})
    write_json(run.metrics, {"n": 1})
    run.checkpoints.mkdir()
    (run.checkpoints / "last.safetensors").write_bytes(b"weights")
    return run


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)


def test_run_exists_with_recipe_and_data(tmp_path, run):
    assert run.exists
    assert not Run(tmp_path / "elsewhere").exists
    run.data.unlink()
    assert not run.exists, "a recipe.json alone is not a run"


def test_foreign_files(run):
    (run.folder / "members").mkdir()
    (run.folder / ".model.onnx.12345678.part").write_bytes(b"half")
    assert run.foreign_files == []
    (run.folder / "thesis.txt").write_text("mine")
    assert run.foreign_files == [run.folder / "thesis.txt"]


def test_manifest_lists_every_file_but_itself(run):
    run.write_manifest()
    run.write_manifest()  # the first one is not listed in the second
    listed = json.loads(run.manifest.read_text())["sha256"]
    assert listed == {
        name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest()
        for name in ("recipe.json", "data.json", "metrics.json", "checkpoints/last.safetensors")
    }
    assert run.damaged_files() == []


def test_damaged_files(run):
    run.write_manifest()
    (run.checkpoints / "last.safetensors").write_bytes(b"Weights")
    run.metrics.unlink()
    assert sorted(run.damaged_files()) == ["checkpoints/last.safetensors", "metrics.json"]
    run.metrics.mkdir()  # a folder instead of a file
    (run.checkpoints / "last.safetensors").write_bytes(b"weights")
    assert run.damaged_files() == ["metrics.json"]


def test_verify_files_names_the_damaged_file(run):
    run.write_manifest()
    run.verify_files()
    run.metrics.write_text("{")
    run.verify_files(run.recipe)
    for files in ((), (run.recipe, run.metrics)):
        with pytest.raises(RunError, match=r"metrics\.json: missing or changed since training"):
            run.verify_files(*files)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "not a tenfold run folder: manifest.json is missing"),
        ("{", "damaged file"),
        ("[]", "expected a JSON object"),
        ("{}", "it lists no files"),
        ('{"sha256": 3}', "it lists no files"),
        (b"\xff\xfe{}", "damaged file"),
    ],
)
def test_missing_or_damaged_manifest(run, content, reason):
    if content is not None:
        run.manifest.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError, match=reason):
        run.damaged_files()


def test_remove_partial_files_removes_nothing_else(run):
    before = {path for path in run.folder.rglob("*") if path.is_file()}
    (run.folder / ".recipe.json.ab_d1fgh.part").write_bytes(b"{")
    (run.checkpoints / ".last.safetensors.12345678.part").write_bytes(b"half")
    kept = {run.folder / name for name in (".gitignore", ".notes.markdown")}
    for file in kept:
        file.write_text("*")
    (run.folder / ".ideas.archived.part").mkdir()
    run.remove_partial_files()
    assert {path for path in run.folder.rglob("*") if path.is_file()} == before | kept


def test_write_history_without_validation(run):
    row = dict.fromkeys(HISTORY_COLUMNS[:6], 0.1 + 0.2) | {"epoch": 1}
    run.write_history([row])
    with run.history.open(newline="") as file:
        (read,) = csv.DictReader(file)
    assert tuple(read) == HISTORY_COLUMNS
    assert float(read["train_loss"]) == 0.1 + 0.2
    assert read["val_loss"] == read["val_accuracy"] == read["best"] == ""
    assert b"\r" not in run.history.read_bytes()


def test_contains(run):
    seen, new = images(20), images(5, seed=1)
    assert run.contains(seen) is None
    run.write_image_hashes(hash_images(seen))
    mixed = np.concatenate([new[:2], seen[::-1], new[2:], seen[:1]])
    assert run.contains(mixed).tolist() == [False] * 2 + [True] * 20 + [False] * 3 + [True]
    assert run.contains(images(0)).tolist() == []
    almost = seen.copy()
    almost[:, 27, 27] ^= 1
    assert not run.contains(almost).any()


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_damaged_image_hashes(run, content):
    run.image_hashes.write_bytes(content)
    with pytest.raises(RunError, match=r"image_hashes\.npy: damaged file"):
        run.contains(images(1))


def test_image_hashes_never_load_pickles(run):
    np.save(run.image_hashes, np.array([Dataset], dtype=object), allow_pickle=True)
    with pytest.raises(RunError, match="damaged"):
        run.contains(images(1))


def test_system_files_are_ignored(run):
    run.write_image_hashes(hash_images(np.zeros((1, 28, 28), np.uint8)))
    (run.folder / ".DS_Store").write_text("window position")
    run.write_manifest()
    (run.folder / ".DS_Store").write_text("another")
    run.verify_files()
    assert run.foreign_files == []
