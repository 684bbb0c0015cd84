"""What a file is by its first bytes, for a sentence about one that can't be used: `identify`, `foreign`."""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_BYTES = 4096  # that `identify` looks at


class FileType(NamedTuple):
    """name: a short key. title: what the file is, with an article. advice: what to give instead, or nothing."""

    name: str
    title: str
    advice: str = ""


PICKLE_ADVICE = "loading it could run code; save the arrays with numpy.savez"
AGAIN = "download the file itself again"

# Offset and bytes.
SIGNATURES: tuple[tuple[int, bytes, FileType], ...] = (
    (0, b"\x93NUMPY", FileType("npy", "a NumPy array (.npy)")),
    (0, b"\x89HDF\r\n\x1a\n", FileType("hdf5", "an HDF5 file")),
    (0, b"MATLAB 5.0 MAT-file", FileType("mat", "a MATLAB file")),
    (0, b"MATLAB 7.3 MAT-file", FileType("hdf5", "a MATLAB 7.3 file (HDF5)")),
    (0, b"PAR1", FileType("parquet", "a Parquet table")),
    (0, b"ARROW1", FileType("arrow", "an Arrow file", "save it as Parquet or CSV")),
    (0, b"%PDF-", FileType("pdf", "a PDF document")),
    (0, b"version https://git-lfs", FileType("lfs", "a Git LFS pointer, not the file", "fetch it with `git lfs pull`")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileType("office", "an old Office document", "save the sheet as CSV")),
    (0, b"\x89PNG\r\n\x1a\n", FileType("png", "a PNG picture")),
    (0, b"\xff\xd8\xff", FileType("jpeg", "a JPEG picture")),
    (0, b"GIF8", FileType("gif", "a GIF picture")),
    (8, b"WEBP", FileType("webp", "a WebP picture")),
    (0, b"II*\0", FileType("tiff", "a TIFF picture")),
    (0, b"MM\0*", FileType("tiff", "a TIFF picture")),
    (0, b"\x1f\x8b", FileType("gzip", "a gzip file")),
    (0, b"\xfd7zXZ\0", FileType("xz", "an xz file")),
    (0, b"BZh", FileType("bzip2", "a bzip2 file")),
    (0, b"\x28\xb5\x2f\xfd", FileType("zstd", "a Zstandard file")),
    (0, b"7z\xbc\xaf\x27\x1c", FileType("7z", "a 7-Zip archive", "unpack it, or make a zip")),
    (0, b"Rar!\x1a\x07", FileType("rar", "a RAR archive", "unpack it, or make a zip")),
    (257, b"ustar", FileType("tar", "a tar archive")),
    (0, b"SQLite format 3\0", FileType("sqlite", "an SQLite database")),
    (0, b"\x7fELF", FileType("program", "a program")),
    (0, b"MZ\x90", FileType("program", "a Windows program")),
    (0, b"8BPS", FileType("psd", "a Photoshop document", "export it as PNG")),
)
FTYP_BRANDS = {
    b"avif": FileType("avif", "an AVIF picture"),
    b"avis": FileType("avif", "an AVIF picture"),
    b"heic": FileType("heic", "a HEIC photo"),
    b"heix": FileType("heic", "a HEIC photo"),
    b"hevc": FileType("heic", "a HEIC photo"),
    b"mif1": FileType("heic", "a HEIC photo"),
    b"msf1": FileType("heic", "a HEIC photo"),
}
# What the names inside an archive say, most telling first.
ZIP_CONTENTS = (
    (b"xl/", FileType("excel", "an Excel workbook", "save the sheet as CSV")),
    (b"word/", FileType("office", "a Word document")),
    (b"[Content_Types].xml", FileType("office", "an Office document", "save the sheet as CSV")),
    (b"data.pkl", FileType("pytorch", "a PyTorch file, which holds a pickle", PICKLE_ADVICE)),
    (b"mimetypeapplication/vnd.oasis", FileType("office", "an OpenDocument file", "save the sheet as CSV")),
    (b".npy", FileType("npz", "a NumPy archive (.npz)")),
)
TEXTS = (
    (
        r"<svg\b|<\?xml[^>]*>\s*(<!--.*?-->\s*)?(<!doctype svg|<svg)",
        FileType("svg", "an SVG drawing", "export it as PNG"),
    ),
    (
        r"<!doctype html|<html|<head|<body|<\?xml[^>]*>\s*<!doctype html",
        FileType("html", "a web page", f"{AGAIN}; its address may need a login"),
    ),
    (r"<\?xml|<[A-Za-z]+[ >]", FileType("xml", "an XML document, perhaps an error message", AGAIN)),
    (
        r"\{\s*\"(error|message|detail|status|code|errors|statusCode)\"",
        FileType("json", "a JSON error message", AGAIN),
    ),
    (r"[\[{]\s*[\"\[{\d\]}]", FileType("json", "a JSON document")),
    (
        r"(curl|wget|bash|sh|zsh|cat|unzip|gsutil|kaggle|powershell|ssh|scp|tar|gunzip|aws)(\.exe)?: |traceback \(most|"
        r"usage: |error[: ]|access ?denied|"
        r"(40[0134]|50[0234])\b[ :-]*(client|server|unauthori|forbidden|not found|bad)|"
        r"-+\d+-+  http|no such file|permission denied|not found",
        FileType("output", "the message of a program that failed", AGAIN),
    ),
    (r"@relation\b|%.*\n(%.*\n)*\s*@relation", FileType("arff", "an ARFF table")),
)
_TEXTS = tuple((re.compile(rf"\s*({pattern})", re.IGNORECASE), kind) for pattern, kind in TEXTS)
ONNX = FileType("onnx", "an ONNX model")
BINARIES = (
    (re.compile(rb"\x80[\x02-\x05]"), FileType("pickle", "a pickle", PICKLE_ADVICE)),
    (re.compile(rb"\0\0[\x08-\x0e][\x01-\x04]"), FileType("idx", "an IDX file")),
    (re.compile(rb".{3}\0{5}\{", re.DOTALL), FileType("safetensors", "a safetensors file")),
    # The first fields of a model are its version, 1 to 30, and its producer's name or its graph.
    (re.compile(rb"\x08[\x01-\x1e][\x12\x3a]"), ONNX),
)
VIDEO = FileType("video", "a video")
ZIP = FileType("zip", "a zip archive")


def identify(head: bytes) -> FileType | None:
    """What a file is by its first `HEAD_BYTES`; None for one without a known beginning, such as CSV."""
    for offset, magic, kind in SIGNATURES:
        if head.startswith(magic, offset) and (kind.name != "webp" or head.startswith(b"RIFF")):
            return kind
    if head[4:8] == b"ftyp":
        return FTYP_BRANDS.get(head[8:12], VIDEO)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return next((kind for name, kind in ZIP_CONTENTS if name in head[:HEAD_BYTES]), ZIP)
    return _identify_binary(head) or _identify_text(head)


def _identify_binary(head: bytes) -> FileType | None:
    return next((kind for pattern, kind in BINARIES if pattern.match(head)), None)


def _identify_text(head: bytes) -> FileType | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head[: len(head) // 2 * 2].decode("utf-16", "replace")
    else:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return next((kind for pattern, kind in _TEXTS if pattern.match(text)), None)


def foreign(head: bytes, expected: str) -> str | None:
    """The sentence for a file that is something else: "is a web page; download ...", or None if it isn't known.

    expected: what it should have been, "expected ..."; used where the type of the file has no advice of its own.
    """
    kind = identify(head)
    return kind and f"is {kind.title}; {kind.advice or expected}"


def is_address(name: str) -> str | None:
    """What a name is that is no path: a web address or a data URL."""
    if re.match(r"data:[\w/+.-]*[;,]", name, re.IGNORECASE):
        return "a data URL; save the picture or the file that it holds, and name that"
    if re.match(r"[a-z][a-z0-9+.-]{1,15}:/{1,2}\S", name, re.IGNORECASE):
        return "a web address, which is not fetched; download it, and name the file"
    return None
