"""Small digits that come with the package, and MNIST from a folder or from mirrors."""

import functools
import gzip
import hashlib
import http.server
import struct
import sys
import threading
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tenfold.data import builtin, downloads
from tenfold.data.builtin import download_mnist, find_mnist, read_small_digits
from tenfold.data.load import load_data
from tenfold.errors import DataError, UnavailableError
from tenfold.images import hash_images


@pytest.fixture(scope="module")
def small_digits():
    return read_small_digits()


def test_small_digits_are_split_in_proportion(small_digits):
    train, test = small_digits["train"], small_digits["test"]
    assert (len(train), len(test)) == (1437, 360)
    expected = np.bincount(load_digits().target)
    np.testing.assert_array_equal(train.label_counts + test.label_counts, expected)
    assert abs(test.label_counts - expected * 360 / 1797).max() < 1


def test_small_digits_are_framed_as_mnist(small_digits):
    images = np.concatenate([small_digits["train"].images, small_digits["test"].images])
    assert (images.reshape(len(images), -1).max(axis=1) == 255).all()
    mass = images.astype(float)
    total = mass.sum(axis=(1, 2))
    for axis in (1, 2):
        center = (mass.sum(axis=axis) @ (np.arange(28) + 0.5)) / total
        assert abs(center - 14.5).max() <= 0.6
    assert 25 < images.mean() < 50


def test_small_digits_are_stable(small_digits):
    digests = [small_digits[split].digest[:16] for split in ("train", "test")]
    assert digests == ["a1d75d962625f6e1", "cf5c3a4dbc498f64"]
    train, test = (set(hash_images(small_digits[split].images).tolist()) for split in ("train", "test"))
    assert not train & test


def test_small_digits_have_matching_labels(small_digits):
    """A nearest-neighbor classifier trained on one split recognizes the other."""
    train, test = small_digits["train"], small_digits["test"]
    a, b = (data.images.reshape(len(data), -1).astype(np.float32) for data in (train, test))
    nearest = ((a**2).sum(axis=1) - 2 * b @ a.T).argmin(axis=1)
    assert (train.labels[nearest] == test.labels).mean() > 0.97


def test_small_digits_by_name():
    assert load_data("digits").notes == ()
    assert load_data("digits:test").train is None


def test_small_digits_match_scikit_learn():
    expected = load_digits()
    with np.load(files("tenfold.data").joinpath("digits.npz")) as arrays:
        np.testing.assert_array_equal(arrays["images"], expected.images)
        np.testing.assert_array_equal(arrays["labels"], expected.target)


def test_small_digits_need_no_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert len(load_data("digits").train) == 1437


RNG = np.random.default_rng(6)


def idx(array):
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def random_mnist(n):
    images = RNG.integers(0, 256, (n, 28, 28)).astype(np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = 0
    return idx(images), idx((np.arange(n) % 10).astype(np.uint8))


FILES = dict(zip(builtin.SHA256, [*random_mnist(30), *random_mnist(10)], strict=True))
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in FILES.items()}


def sha256_of(files):
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


@pytest.fixture
def small(monkeypatch):
    """A small MNIST that passes for the real one, and no pauses between attempts."""
    monkeypatch.setattr(builtin, "SHA256", sha256_of(FILES))
    source = replace(downloads.SOURCES["mnist"], files=sha256_of(PACKED))
    monkeypatch.setitem(downloads.SOURCES, "mnist", source)
    monkeypatch.setattr(downloads, "TIMEOUT", 5)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.delenv("TENFOLD_MNIST", raising=False)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnist"


class Mirror:
    """A local web server for a folder that records requested paths and can fail at first."""

    def __init__(self, folder, fail=lambda path, count: False):
        self.requests = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805
                self.requests.append(handler.path)
                if fail(handler.path, self.requests.count(handler.path)):
                    handler.send_error(503)
                else:
                    super().do_GET()

            def log_message(handler, *args):  # noqa: N805
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in PACKED.items():
        (folder / name).write_bytes(content)
    return folder


def use(monkeypatch, *mirrors):
    source = replace(downloads.SOURCES["mnist"], mirrors=tuple(mirror.url for mirror in mirrors))
    monkeypatch.setitem(downloads.SOURCES, "mnist", source)


def assert_complete(folder):
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == PACKED


def test_download_happens_once(small, cache, served, monkeypatch, capfd):
    assert find_mnist() is None
    with Mirror(served) as first, Mirror(served) as second:
        use(monkeypatch, first, second)
        assert download_mnist() == cache
        assert_complete(cache)
        assert len(first.requests) == 4
        assert not second.requests
        assert find_mnist() == cache
        source = load_data("mnist")
        assert (len(source.train), len(source.test)) == (30, 10)
        assert load_data("mnist:test").train is None
        assert len(first.requests) == 4
    assert capfd.readouterr().out == ""  # pooch logs to stderr


def test_download_falls_back_to_the_second_mirror(small, cache, served, monkeypatch):
    with Mirror(served, fail=lambda path, count: True) as first, Mirror(served) as second:
        use(monkeypatch, first, second)
        download_mnist()
    assert_complete(cache)
    assert (len(first.requests), len(second.requests)) == (8, 4)


def test_download_is_retried(small, cache, served, monkeypatch):
    def fail(path, count):
        return count == 1

    with Mirror(served, fail) as first, Mirror(served, fail) as second:
        use(monkeypatch, first, second)
        download_mnist()
    assert_complete(cache)


def test_download_with_a_wrong_hash_is_rejected(small, cache, served, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for name, content in FILES.items():
        (wrong / f"{name}.gz").write_bytes(gzip.compress(content[:-1] + b"\xff"))
    with Mirror(wrong) as first, Mirror(served) as second:
        use(monkeypatch, first, second)
        download_mnist()
    assert_complete(cache)
    with Mirror(wrong) as first:
        use(monkeypatch, first)
        (cache / "t10k-labels-idx1-ubyte.gz").unlink()
        with pytest.raises(UnavailableError, match="the file is damaged"):
            download_mnist()


def test_damaged_file_in_the_cache_is_downloaded_again(small, cache, served, monkeypatch):
    with Mirror(served) as mirror:
        use(monkeypatch, mirror)
        download_mnist()
        (cache / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
        assert len(load_data("mnist").test) == 10
        assert len(mirror.requests) == 5
    assert_complete(cache)


def test_download_without_connection(small, cache, monkeypatch):
    with Mirror(".") as mirror:
        pass  # its port is closed now
    use(monkeypatch, mirror)
    with pytest.raises(UnavailableError) as caught:
        load_data("mnist")
    message = str(caught.value)
    assert message.startswith(f"MNIST can't be downloaded ({mirror.url}: no connection); connect to the internet once")
    assert "connect to the internet once, or put train-images-idx3-ubyte.gz into " in message
    assert "\n" not in message
    assert not cache.exists() or not list(cache.iterdir())


def test_download_without_the_file(small, cache, tmp_path, monkeypatch):
    with Mirror(tmp_path) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(UnavailableError, match="status 404"):
            download_mnist()


def test_download_to_an_unwritable_cache(small, served, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path / "file"))
    with Mirror(served) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(UnavailableError, match="set TENFOLD_CACHE to a folder that can"):
            download_mnist()


def fill(folder, packed):
    folder.mkdir()
    for name, content in FILES.items():
        path = folder / (name + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_user_folder(small, tmp_path, monkeypatch, packed):
    folder = fill(tmp_path / "mine", packed)
    monkeypatch.setenv("TENFOLD_MNIST", str(folder))
    use(monkeypatch)
    assert find_mnist() == download_mnist() == folder
    source = load_data("mnist")
    assert (len(source.train), len(source.test)) == (30, 10)
    assert (source.train.source, source.test.source) == ("train split of MNIST", "test split of MNIST")


def test_user_folder_without_a_file(small, tmp_path, monkeypatch):
    folder = fill(tmp_path / "mine", packed=True)
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    monkeypatch.setenv("TENFOLD_MNIST", str(folder))
    assert find_mnist() is None
    with pytest.raises(
        UnavailableError, match=r"^TENFOLD_MNIST is .*mine, which lacks t10k-images-idx3-ubyte \(plain or \.gz\)$"
    ):
        load_data("mnist")


@pytest.mark.parametrize("name", list(FILES))
def test_user_folder_with_other_content(small, tmp_path, monkeypatch, name):
    folder = fill(tmp_path / "mine", packed=False)
    content = bytearray(FILES[name])
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    monkeypatch.setenv("TENFOLD_MNIST", str(folder))
    with pytest.raises(DataError, match=rf"{name}: is not MNIST's file: expected SHA-256 [0-9a-f]{{8}}…, found"):
        load_data("mnist")


@pytest.mark.shared
def test_real_mnist(shared, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(shared / "mnist"))
    source = load_data("mnist")
    assert (len(source.train), len(source.test)) == (60_000, 10_000)
    assert source.notes == ()
