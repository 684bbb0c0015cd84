import functools
import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest

from tenfold.data import builtin as mnist
from tenfold.data.load import load_data
from tenfold.errors import DataError, Unavailable

RNG = np.random.default_rng(6)


def idx(array):
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def digits(n):
    images = RNG.integers(0, 256, (n, 28, 28)).astype(np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = 0
    return idx(images), idx((np.arange(n) % 10).astype(np.uint8))


FILES = dict(zip(mnist.SHA256, [*digits(30), *digits(10)], strict=True))


@pytest.fixture
def small(monkeypatch):
    """A small MNIST that passes for the real one."""
    monkeypatch.setattr(mnist, "SHA256", {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()})
    monkeypatch.setattr(mnist, "PAUSE", 0.01)
    monkeypatch.setattr(mnist, "TIMEOUT", 5)
    monkeypatch.delenv("TENFOLD_MNIST", raising=False)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnist"


class Mirror:
    """A local web server for a folder that notes what it is asked for and can fail at first."""

    def __init__(self, folder, fail=lambda path, count: False):
        self.asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805
                self.asked.append(handler.path)
                if fail(handler.path, self.asked.count(handler.path)):
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
    for name, content in FILES.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


def use(monkeypatch, *mirrors):
    monkeypatch.setattr(mnist, "MIRRORS", tuple(mirror.url for mirror in mirrors))


def assert_complete(folder):
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_downloaded_once(small, cache, served, monkeypatch, capfd):
    assert mnist.find_mnist() is None
    with Mirror(served) as first, Mirror(served) as second:
        use(monkeypatch, first, second)
        assert mnist.get_mnist(progress=True) == cache
        assert_complete(cache)
        assert len(first.asked) == 4
        assert not second.asked
        assert mnist.find_mnist() == cache
        source = load_data("mnist")
        assert (len(source.train), len(source.test)) == (30, 10)
        assert load_data("mnist:test").train is None
        assert len(first.asked) == 4
    assert capfd.readouterr() == ("", "")  # no terminal, no bar


def test_the_second_mirror_helps_out(small, cache, served, monkeypatch):
    with Mirror(served, fail=lambda path, count: True) as first, Mirror(served) as second:
        use(monkeypatch, first, second)
        mnist.get_mnist(progress=False)
    assert_complete(cache)
    assert len(first.asked) == len(second.asked) == 4


def test_asked_again_when_all_mirrors_fail_at_first(small, cache, served, monkeypatch):
    def fail(path, count):
        return count == 1

    with Mirror(served, fail) as first, Mirror(served, fail) as second:
        use(monkeypatch, first, second)
        mnist.get_mnist(progress=False)
    assert_complete(cache)


def test_a_mirror_with_other_content_is_not_believed(small, cache, served, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for name, content in FILES.items():
        (wrong / f"{name}.gz").write_bytes(gzip.compress(content[:-1] + b"\xff"))
    with Mirror(wrong) as first, Mirror(served) as second:
        use(monkeypatch, first, second)
        mnist.get_mnist(progress=False)
    assert_complete(cache)
    with Mirror(wrong) as first:
        use(monkeypatch, first)
        (cache / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(Unavailable, match="is not MNIST's t10k-labels-idx1-ubyte"):
            mnist.get_mnist(progress=False)


def test_a_damaged_file_in_the_cache_is_fetched_anew(small, cache, served, monkeypatch):
    with Mirror(served) as mirror:
        use(monkeypatch, mirror)
        mnist.get_mnist(progress=False)
        (cache / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
        assert len(load_data("mnist").test) == 10
        assert len(mirror.asked) == 5
    assert_complete(cache)


def test_offline(small, cache, monkeypatch):
    with Mirror(".") as mirror:
        pass  # its port is closed now
    use(monkeypatch, mirror)
    with pytest.raises(Unavailable) as caught:
        load_data("mnist")
    message = str(caught.value)
    assert message.startswith(f"MNIST can't be downloaded ({mirror.url}: no connection); go online once, or ")
    assert "set TENFOLD_MNIST to a folder with its four files (train-images-idx3-ubyte.gz and so on)" in message
    assert "\n" not in message
    assert not cache.exists() or not list(cache.iterdir())


def test_a_mirror_without_the_file(small, cache, tmp_path, monkeypatch):
    with Mirror(tmp_path) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(Unavailable, match="status 404"):
            mnist.get_mnist(progress=False)


def test_a_cache_that_cannot_be_written(small, served, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path / "file"))
    with Mirror(served) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(Unavailable, match="set TENFOLD_CACHE to a folder that can"):
            mnist.get_mnist(progress=False)


def fill(folder, packed):
    folder.mkdir()
    for name, content in FILES.items():
        path = folder / (name + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_named_folder(small, tmp_path, monkeypatch, packed):
    folder = fill(tmp_path / "mine", packed)
    monkeypatch.setenv("TENFOLD_MNIST", str(folder))
    monkeypatch.setattr(mnist, "MIRRORS", ())
    assert mnist.find_mnist() == mnist.get_mnist(progress=True) == folder
    source = load_data("mnist")
    assert (len(source.train), len(source.test)) == (30, 10)
    assert (source.train.source, source.test.source) == ("MNIST's train part", "MNIST's test part")


def test_a_named_folder_that_lacks_a_file(small, tmp_path, monkeypatch):
    folder = fill(tmp_path / "mine", packed=True)
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    monkeypatch.setenv("TENFOLD_MNIST", str(folder))
    assert mnist.find_mnist() is None
    with pytest.raises(
        Unavailable, match=r"^TENFOLD_MNIST is .*mine, which lacks t10k-images-idx3-ubyte \(plain or \.gz\)$"
    ):
        load_data("mnist")


@pytest.mark.parametrize("name", list(FILES))
def test_a_named_folder_with_other_content(small, tmp_path, monkeypatch, name):
    folder = fill(tmp_path / "mine", packed=False)
    content = bytearray(FILES[name])
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    monkeypatch.setenv("TENFOLD_MNIST", str(folder))
    with pytest.raises(DataError, match=rf"{name}: is not MNIST's: its sha256 begins [0-9a-f]{{8}}; expected"):
        load_data("mnist")


@pytest.mark.shared
def test_the_real_one(shared, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(shared / "mnist"))
    source = load_data("mnist")
    assert (len(source.train), len(source.test)) == (60_000, 10_000)
    assert source.notes == ()
