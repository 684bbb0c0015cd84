import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tenfold.data
from tenfold.data import Dataset, DatasetSplits, load_data
from tenfold.data.formats.columns import PIXELS
from tenfold.errors import DataError, TenfoldError, UnavailableError


def write_csv(path, pixels, labels=None):
    header = PIXELS if labels is None else ["label", *PIXELS]
    rows = pixels.reshape(len(pixels), -1)
    table = rows if labels is None else np.column_stack([labels, rows])
    path.write_text("\n".join([",".join(header), *(",".join(map(str, row)) for row in table.tolist()), ""]))
    return path


def images(n):
    pixels = np.random.default_rng(5).integers(0, 256, (n, 28, 28)).astype(np.uint8)
    pixels[:, [0, -1]] = pixels[:, :, [0, -1]] = 0
    return pixels


def test_public_names():
    assert tenfold.data.__all__ == ["Dataset", "DatasetSplits", "load_data"]
    assert all(hasattr(tenfold.data, name) for name in tenfold.data.__all__)


def test_path_takes_precedence_over_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(load_data("digits:train").train) == 1437
    write_csv(tmp_path / "train.csv", images(5), range(5))
    (tmp_path / "digits").mkdir()
    (tmp_path / "train.csv").rename(tmp_path / "digits" / "train.csv")
    assert len(load_data("digits:train").train) == 5


def test_black_on_white_is_inverted_with_a_note(tmp_path):
    path = write_csv(tmp_path / "a.csv", 255 - images(5), range(5))
    source = load_data(path)
    np.testing.assert_array_equal(source.train.images, images(5))
    assert source.notes == ("a.csv is black on white: inverted to white on black.",)


def test_name_is_the_given_spec(tmp_path):
    path = write_csv(tmp_path / "a.csv", images(5), range(5))
    source = load_data(f"{path}:train")
    assert isinstance(source, DatasetSplits)
    assert isinstance(source.train, Dataset)
    assert source.name == f"{path}:train"
    assert source.train.source == "a.csv"


def test_path_objects_and_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_csv(tmp_path / "a.csv", images(2))
    assert len(load_data(tmp_path / "a.csv").test) == 2
    assert len(load_data("~/a.csv").test) == 2


def test_path_that_ends_like_a_split(tmp_path):
    path = write_csv(tmp_path / "a.csv:test", images(2), [1, 2])
    assert len(load_data(path).train) == 2


@pytest.mark.parametrize("split", ["", ":train"])
def test_missing_path(tmp_path, split):
    with pytest.raises(
        UnavailableError, match=r"no such file or folder; expected a path, or one of digits, mnist, fashion-mnist"
    ):
        load_data(f"{tmp_path / 'nothing.csv'}{split}")


def test_missing_split(tmp_path):
    path = write_csv(tmp_path / "a.csv", images(2))
    with pytest.raises(DataError, match=r"a\.csv: has no train split"):
        load_data(f"{path}:train")


@pytest.mark.parametrize("name", ["a.csv", "a.zip", "a.npz", "train-images-idx3-ubyte", "a"])
def test_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=f"^{name}: is empty$"):
        load_data(tmp_path / name)


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match=r"contains no files; expected train\.csv and test\.csv"):
        load_data(tmp_path)


def test_single_image(tmp_path):
    from PIL import Image

    Image.fromarray(images(1)[0]).save(tmp_path / "seven.png")
    with pytest.raises(DataError, match="is a single image; expected a folder"):
        load_data(tmp_path / "seven.png")


def test_unreadable_file(tmp_path, monkeypatch):
    path = write_csv(tmp_path / "a.csv", images(1))

    def deny(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", deny)  # as root, no file is forbidden
    with pytest.raises(DataError, match=r"a\.csv: can't be read \(Permission denied\)"):
        load_data(path)


@pytest.mark.parametrize("seed", range(30))
def test_random_bytes_raise_one_sentence(tmp_path, seed):
    rng = np.random.default_rng(seed)
    names = ["a.csv", "a.csv.gz", "a.zip", "a.npz", "a.idx3-ubyte", "a"]
    heads = [b"", b"\x1f\x8b\x08", b"PK\3\4", b"\0\0\x08\x03", b"label,pixel0\n"]
    content = heads[seed % len(heads)] + rng.integers(0, 256, rng.integers(1, 5000)).astype(np.uint8).tobytes()
    path = tmp_path / names[seed % len(names)]
    path.write_bytes(content)
    with pytest.raises(TenfoldError) as caught:
        load_data(path)
    assert "\n" not in str(caught.value)


def test_import_is_light():
    forbidden = {"torch", "matplotlib", "sklearn", "pydantic", "pandas", "polars", "onnxruntime", "pooch", "rich"}
    code = f"import sys, tenfold.data; print(*({forbidden!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
