import numpy as np
import pytest

from tenfold.data import Dataset
from tenfold.evaluation.seen import find_seen
from tenfold.images import hash_images
from tenfold.recipes import find
from tenfold.run import Run
from tenfold.training.train import create_or_reopen
from tenfold.weights import SEEN_BITS, pack_hashes, read_weights

IMAGES = np.random.default_rng(4).integers(0, 256, (40, 28, 28), np.uint8)


def test_seen_images_of_run_and_its_model_file(tmp_path):
    run = Run(tmp_path)
    run.write_image_hashes(hash_images(IMAGES[:15]))
    run.model.write_bytes(b"a model")
    expected = np.arange(40) < 15
    np.testing.assert_array_equal(find_seen(run.folder, IMAGES), expected)
    np.testing.assert_array_equal(find_seen(run.model, IMAGES), expected)


def test_seen_images_of_another_file_are_unknown(tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"a model")
    assert find_seen(tmp_path / "other.onnx", IMAGES) is None
    assert find_seen(tmp_path, IMAGES) is None


def test_copy_of_bundled_model_has_seen_the_same(tmp_path):
    (tmp_path / "copy.onnx").write_bytes(read_weights("digits"))
    for model in ("bundled", tmp_path / "copy.onnx"):
        assert find_seen(model, IMAGES).sum() <= 1  # by chance, 1 in 56


def test_hashes_survive_packing():
    hashes = np.random.default_rng(0).integers(0, 2**64, 60_000, dtype=np.uint64)
    unpacked = np.cumsum(np.frombuffer(pack_hashes(hashes), "<u2"), dtype=np.uint64)
    np.testing.assert_array_equal(unpacked, np.unique(hashes >> np.uint64(64 - SEEN_BITS)))


def test_too_few_hashes_can_not_be_packed():
    with pytest.raises(ValueError, match="too few images"):
        pack_hashes(np.array([2**40, 2**62], np.uint64))


@pytest.mark.shared
def test_bundled_model_knows_the_training_set_of_mnist(shared):
    from tenfold.data import load_data

    data = load_data(shared / "mnist")
    assert find_seen("bundled", data.train.images).all()
    assert find_seen("bundled", data.test.images).sum() < 20  # 4.5 by chance


def test_student_of_bundled_model_has_seen_its_images(tmp_path, monkeypatch):
    bundled = hash_images(IMAGES[30:])
    monkeypatch.setattr("tenfold.evaluation.seen.seen_by_bundled", lambda hashes: np.isin(hashes, bundled))
    student, pupil, other = Run(tmp_path / "student"), Run(tmp_path / "pupil"), Run(tmp_path / "other")
    recipe, data = find("fast").recipe, Dataset(IMAGES[:15], np.arange(15, dtype=np.uint8) % 10, "some")
    create_or_reopen(student, recipe, data, {"teacher": "bundled"})
    create_or_reopen(pupil, recipe, data, {"teacher": str(student.folder)})
    create_or_reopen(other, recipe, data, {})
    expected = np.arange(40) < 15
    np.testing.assert_array_equal(find_seen(other.folder, IMAGES), expected)
    for run in (student, pupil):
        np.testing.assert_array_equal(find_seen(run.folder, IMAGES), expected | (np.arange(40) >= 30))


def test_student_has_seen_the_images_of_the_run_whose_model_file_taught_it(tmp_path):
    teacher, student = Run(tmp_path / "teacher"), Run(tmp_path / "student")
    teacher.folder.mkdir()
    teacher.write_image_hashes(hash_images(IMAGES[20:]))
    teacher.model.write_bytes(b"a model")
    data = Dataset(IMAGES[:15], np.arange(15, dtype=np.uint8) % 10, "some")
    create_or_reopen(student, find("fast").recipe, data, {"teacher": str(teacher.model)})
    expected = (np.arange(40) < 15) | (np.arange(40) >= 20)
    np.testing.assert_array_equal(find_seen(student.folder, IMAGES), expected)
