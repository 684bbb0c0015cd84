import errno
import hashlib
import json
import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.errors import TenfoldError
from tenfold.files import atomic_write, sha256, validate_output_path, write_bytes, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_creates_folders(tmp_path):
    path = tmp_path / "new" / "deep" / "file.txt"
    write_text(path, "Größe\n")
    assert path.read_bytes() == "Größe\n".encode()
    assert names(path.parent) == ["file.txt"]


def test_atomic_write_replaces_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"ne")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent  # a rename between file systems would be a copy
    assert path.read_bytes() == b"ne"
    assert names(tmp_path) == ["file"]


def test_write_keeps_the_mode(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    path.chmod(0o600)
    write_text(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, b"old"])
def test_failure_keeps_the_old_file(tmp_path, error, before):
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)

    def write():
        with atomic_write(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == ([] if before is None else ["file"])
    assert before is None or path.read_bytes() == before


def test_failed_rename_leaves_no_temporary_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_bytes(tmp_path / "folder", b"content")
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("name", ["file/result.csv", "file/deep/result.csv"])
def test_output_path_below_a_file(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TenfoldError) as caught:
        validate_output_path(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: can't be written, because {tmp_path / 'file'} is not a folder"
    with pytest.raises(OSError, match="file") as raised:
        write_bytes(tmp_path / name, b"")
    assert raised.value.filename == str(tmp_path / name)
    assert validate_output_path(tmp_path / "new" / "result.csv") == tmp_path / "new" / "result.csv"
    assert names(tmp_path) == ["file"]


def test_write_error_names_the_result(tmp_path, monkeypatch):
    def deny(prefix, suffix, dir):  # noqa: A002
        raise PermissionError(13, "Permission denied", f"{dir}/{prefix}12345678")

    monkeypatch.setattr("tempfile.mkstemp", deny)
    with pytest.raises(PermissionError) as raised:
        write_bytes(tmp_path / "file", b"content")
    assert raised.value.filename == str(tmp_path / "file")


def test_names_that_are_not_utf8_are_escaped(tmp_path):
    name = os.fsdecode(b"bad\xff.png")
    write_text(tmp_path / "file.csv", f"{name},Größe\n")
    assert (tmp_path / "file.csv").read_text("utf-8") == "bad\\udcff.png,Größe\n"
    write_json(tmp_path / "file.json", name)
    assert json.loads((tmp_path / "file.json").read_text("utf-8")) == name


def test_content_is_synced_before_the_rename(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append(os.fstat(handle).st_mode), fsync(handle)))
    monkeypatch.setattr("pathlib.Path.replace", lambda path, target: (order.append("rename"), replace(path, target)))
    write_bytes(tmp_path / "file", b"content")
    kinds = ["rename" if step == "rename" else "folder" if stat.S_ISDIR(step) else "file" for step in order]
    assert kinds == ["file", "rename", "folder"]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_write_respects_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "ours", b"")
        (tmp_path / "plain").write_bytes(b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=5000))
def test_write_bytes_and_sha256(tmp_path, content):
    write_bytes(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == content
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_write_json_rejects_nan(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"name": "Größe", "n": [1, 2.5, None]})
    assert json.loads(path.read_text("utf-8")) == {"name": "Größe", "n": [1, 2.5, None]}
    assert "Größe" in path.read_text("utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"n": float("nan")})
    assert json.loads(path.read_text("utf-8"))["n"] == [1, 2.5, None]  # still the old one


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError("14370 requested and 992 written")]
)
def test_atomic_write_names_the_file_that_did_not_fit(tmp_path, error):
    path = tmp_path / "weights.npy"
    with pytest.raises(OSError, match="No space left on device") as caught, atomic_write(path):
        raise error
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_atomic_write_keeps_the_name_of_another_file(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "a.csv"):
        (tmp_path / "b.csv").read_bytes()
    assert caught.value.filename == str(tmp_path / "b.csv")
