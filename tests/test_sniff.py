"""What files are by their first bytes, and sentences about them."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from tenfold.errors import DataError, TenfoldError, shorten
from tenfold.sniff import foreign, identify, is_address


def picture(kind):
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, kind)
    return out.getvalue()


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def saved(save, *arrays):
    out = io.BytesIO()
    save(out, *arrays)
    return out.getvalue()


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (saved(np.save, np.zeros(3)), "npy"),
        (saved(np.savez, np.zeros(3)), "npz"),
        (pickle.dumps({"a": 1}), "pickle"),
        (pickle.dumps({"a": 1}, 2), "pickle"),
        (zipped("xl/workbook.xml"), "excel"),
        (zipped("[Content_Types].xml", "ppt/a.xml"), "office"),
        (zipped("archive/data.pkl"), "pytorch"),
        (zipped("train.csv"), "zip"),
        (tarred(), "tar"),
        (b"PAR1" + bytes(20), "parquet"),
        (b"%PDF-1.4\n", "pdf"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "mat"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        (b"\0\0\0\x18ftypheic", "heic"),
        (b"\0\0\0\x18ftypavif", "avif"),
        (b"\0\0\0\x18ftypisom", "video"),
        (b"\0\0\x08\x03\0\0", "idx"),
        (b"\n <!DOCTYPE html><html>", "html"),
        (b"\xef\xbb\xbf<html>", "html"),
        ("\ufeff<html>".encode("utf-16-le"), "html"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "xml"),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', "svg"),
        (b'{"error": {"code": 403}}', "json"),
        (b"[[0, 1], [1, 2]]", "json"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "lfs"),
        (b"curl: (6) Could not resolve host", "output"),
        (b"bash: tenfold: command not found", "output"),
        (b"403 Forbidden", "output"),
        (b"Traceback (most recent call last):", "output"),
        (picture("PNG"), "png"),
        (picture("JPEG"), "jpeg"),
        (picture("WEBP"), "webp"),
        (picture("TIFF"), "tiff"),
    ],
)
def test_identify(content, name):
    kind = identify(content[:4096])
    assert kind is not None
    assert kind.name == name
    sentence = foreign(content[:4096], "expected a table")
    assert sentence.startswith(("is a", "is the"))
    assert "; " in sentence


@pytest.mark.parametrize(
    "content",
    [b"", b"label,pixel0\n1,2\n", b"5 1:2 3:4\n", b"0,0,0\n", b"404,0,0\n", b"RIFF....AVI ", b'"label","0"\n'],
)
def test_identify_knows_no_tables(content):
    assert identify(content) is None
    assert foreign(content, "expected a table") is None


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("https://a.example/x.png", "a web address"),
        ("http:/a.example/x.png", "a web address"),
        ("s3://bucket/x", "a web address"),
        ("data:image/png;base64,iVBO", "a data URL"),
    ],
)
def test_addresses(name, what):
    assert is_address(name).startswith(what)


@pytest.mark.parametrize("name", ["a.png", "C:/a.png", "data/x.csv", "mnist:train", "data:train", "./http:x"])
def test_paths_are_no_addresses(name):
    assert is_address(name) is None


@pytest.mark.parametrize("length", [10, 300, 100_000])
def test_messages_are_short_lines(length):
    name = "a\nb" * length
    for error in (TenfoldError(name), DataError(name, file=name, row=1, column=name)):
        assert len(str(error)) <= 299
        assert str(error).isprintable()


def test_shortened_names_keep_both_ends():
    assert shorten("abcdefghij" * 10, 20) == "abcdefghijabc…efghij"
