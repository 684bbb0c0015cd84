"""Public data sets by name, from a local server with files that the tests make."""

import bz2
import gzip
import hashlib
from dataclasses import replace

import numpy as np
import pytest

from tenfold.data import downloads
from tenfold.data.downloads import SOURCES
from tenfold.data.load import BUILTIN_NAMES, load_data
from tenfold.errors import DataError, UnavailableError
from tests.data.formats.samples import IMAGES, LABELS, four_idx, idx, libsvm, packed, zipped
from tests.data.test_builtin import Mirror

ON_SIDE = np.ascontiguousarray(IMAGES.transpose(0, 2, 1))
USPS = (np.pad(IMAGES[:, 8:16, 8:16], ((0, 0), (4, 4), (4, 4))) / 127.5 - 1).reshape(20, 256)
QMNIST_LABELS = np.zeros((20, 8), ">i4")
QMNIST_LABELS[:, 0] = LABELS


def emnist(name, labels):
    return {
        f"gzip/emnist-{name}-{split}-{part}": gzip.compress(idx(array))
        for split in ("train", "test")
        for part, array in (("images-idx3-ubyte.gz", ON_SIDE), ("labels-idx1-ubyte.gz", labels))
    }


EMNIST = {"gzip.zip": zipped(emnist("digits", LABELS) | emnist("letters", np.arange(1, 21, dtype=np.uint8)))}
FILES = {
    "fashion-mnist": packed(four_idx()),
    "kmnist": packed(four_idx()),
    "emnist-digits": EMNIST,
    "emnist-letters": EMNIST,
    "qmnist": {
        f"qmnist-{split}-{part}": gzip.compress(content)
        for split in ("train", "test")
        for part, content in (
            ("images-idx3-ubyte.gz", idx(IMAGES)),
            ("labels-idx2-int.gz", idx(QMNIST_LABELS, 12)),
        )
    },
    "usps": {name: bz2.compress(libsvm(USPS, LABELS + 1)) for name in ("usps.bz2", "usps.t.bz2")},
}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serves the files of a data set, whose published hashes are replaced by theirs; gives the requests."""
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    mirrors = []

    def serve(name, spoil=b""):
        folder = tmp_path / "served" / name
        folder.mkdir(parents=True)
        for file, content in FILES[name].items():
            (folder / file).write_bytes(content + spoil)
        mirror = Mirror(folder)
        mirrors.append(mirror)
        mirror.__enter__()
        kinds = {
            file: hashlib.md5 if sha.startswith("md5:") else hashlib.sha256 for file, sha in SOURCES[name].files.items()
        }
        hashes = {
            file: ("md5:" if kinds[file] is hashlib.md5 else "") + kinds[file](content).hexdigest()
            for file, content in FILES[name].items()
        }
        monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], mirrors=(mirror.url,), files=hashes))
        return mirror

    yield serve
    for mirror in mirrors:
        mirror.__exit__()


def test_every_name_has_a_source_with_hashes_and_a_license():
    assert set(BUILTIN_NAMES) - {"digits"} == set(SOURCES) == {"mnist", *FILES}
    for source in SOURCES.values():
        assert source.license
        for sha in source.files.values():
            assert len(sha.removeprefix("md5:")) == (32 if sha.startswith("md5:") else 64)
    assert {name for name, files in FILES.items() if set(files) != set(SOURCES[name].files)} == set()


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("emnist-letters", "usps")])
def test_data_set_is_downloaded_once(served, name):
    mirror = served(name)
    for _ in range(2):
        source = load_data(name)
        np.testing.assert_array_equal(source.train.images, IMAGES)
        np.testing.assert_array_equal(source.train.labels, LABELS)
        assert source.test.source == f"test split of {name}"
        assert bool(source.notes) == name.startswith("emnist")
    assert len(mirror.requests) == len(FILES[name])
    assert load_data(f"{name}:test").train is None


def test_usps_is_framed(served):
    served("usps")
    source = load_data("usps")
    assert source.train.labels.tolist() == source.test.labels.tolist() == LABELS.tolist()
    assert "Images have 16x16 pixels: framed to 28x28, as MNIST's digits are." in source.notes


def test_letters_are_refused_with_their_number(served):
    served("emnist-letters")
    with pytest.raises(DataError, match="has 20 classes; expected the ten digits 0 to 9"):
        load_data("emnist-letters")


def test_other_content_is_rejected(served):
    served("usps", spoil=b"x")
    with pytest.raises(UnavailableError) as caught:
        load_data("usps")
    assert "USPS can't be downloaded" in str(caught.value)
    assert "the file is damaged" in str(caught.value)


def test_file_that_was_put_into_the_cache_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path))
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in FILES["kmnist"].items()}
    source = replace(SOURCES["kmnist"], files=hashes)
    monkeypatch.setitem(downloads.SOURCES, "kmnist", replace(source, mirrors=()))
    (tmp_path / "kmnist").mkdir()
    with pytest.raises(UnavailableError, match=r"connect to the internet once, or put \S+ into "):
        load_data("kmnist")
    for name, content in FILES["kmnist"].items():
        (tmp_path / "kmnist" / name).write_bytes(content)
    monkeypatch.setitem(downloads.SOURCES, "kmnist", source)
    assert len(load_data("kmnist").train) == 20
