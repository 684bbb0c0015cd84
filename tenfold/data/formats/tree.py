"""The files of a folder, a zip or a tar, alike: names relative to it, and how to open each."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from tenfold.data.formats.archive import MAX_BYTES, Stream, leads_out, open_tar, open_zip, open_zip_member, unpack
from tenfold.errors import DataError
from tenfold.sniff import HEAD_BYTES, identify

MAX_DEPTH = 6  # of folders; a whole disk is not searched
ARCHIVE_NAME = re.compile(r"\.(zip|tar|tgz|txz|tbz2?|tar\.\w{2,3})$", re.IGNORECASE)
TAR_MAGIC = slice(257, 262)


@dataclass(frozen=True)
class File:
    """One file.

    name: its path in the tree, with slashes. title: what messages call it. size: in bytes, as it lies there.
    path: where it is on disk, or None in an archive.
    """

    name: str
    title: str
    size: int
    open_packed: Callable[[], IO[bytes]]
    path: Path | None = None

    def open(self) -> Stream:
        """Its content, unpacked if it is gzip, xz, bzip2 or Zstandard."""
        return unpack(self.open_packed(), self.title, is_member=self.path is None)

    def head(self) -> bytes:
        """The first bytes of its unpacked content; fewer, or none, if that is damaged."""
        with contextlib.suppress(DataError, OSError), self.open() as stream:
            return stream.read(HEAD_BYTES)
        return b""

    def read(self) -> bytes:
        """Its unpacked content. Raises DataError if that is larger than `MAX_BYTES`."""
        with self.open() as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise DataError(f"has more than {MAX_BYTES:,} bytes; expected at most that", file=self.title)
        return content


@dataclass(frozen=True)
class Tree:
    """Visible files in the order of their names. name: what messages call the folder or archive."""

    name: str
    files: list[File]

    def within(self, member: str) -> Tree:
        """The part of it that a member's name means: a folder or a file. Empty if there is none."""
        member = member.strip("/")
        prefix = f"{member}/"
        inside = [
            replace(file, name=file.name.removeprefix(prefix)) for file in self.files if file.name.startswith(prefix)
        ]
        itself = [replace(file, name=member.rpartition("/")[2]) for file in self.files if file.name == member]
        return Tree(f"{self.name}:{member}", inside or itself)


def file_at(path: Path) -> File:
    return File(path.name, path.name, path.stat().st_size, lambda: path.open("rb"), path)


@contextlib.contextmanager
def open_tree(path: Path) -> Iterator[Tree | None]:
    """The files of a folder or an archive; None for any other file. Nothing is unpacked to disk."""
    if path.is_dir():
        yield Tree(str(path), _folder_files(path))
        return
    with contextlib.ExitStack() as stack:
        files = _archive_files(file_at(path), stack)
        yield None if files is None else Tree(path.name, files)


def _folder_files(folder: Path) -> list[File]:
    found = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if _is_visible(name) and depth < MAX_DEPTH)
        found += [here / name for name in names if _is_visible(name) and (here / name).is_file()]
    return [
        File(name, path.name, path.stat().st_size, _opener(path), path)
        for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in found)
    ]


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name not in ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")


def _archive_files(file: File, stack: contextlib.ExitStack) -> list[File] | None:
    """The members of an archive, open as long as `stack` is; None for any other file."""
    with file.open_packed() as packed:
        head = packed.read(HEAD_BYTES)
    kind = identify(head)
    if (kind and kind.name == "zip") or (kind is None and file.name.lower().endswith(".zip")):
        return _zip_files(stack.enter_context(open_zip(stack.enter_context(file.open_packed()), file.title)), file)
    if file.head()[TAR_MAGIC] == b"ustar":
        with file.open() as stream:
            archive, members = stack.enter_context(open_tar(stream, file.title))
        return _tar_files(archive, members, file)
    return None


def _zip_files(archive: zipfile.ZipFile, file: File) -> list[File]:
    infos = archive.infolist()
    for info in infos:
        if leads_out(info.orig_filename):
            raise DataError(
                f"contains the path {info.orig_filename!r}, which leads out of the archive", file=file.title
            )
    # A damaged directory may name a file "", of which zipfile's is_dir raises IndexError.
    files = [info for info in infos if info.filename and not info.filename.endswith("/")]
    members = [info for info in files if all(map(_is_visible, info.filename.split("/")))]
    names = {info.filename for info in members}
    if len(names) < len(members):
        raise DataError("contains the same file twice", file=file.title)

    def opener(info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
        return lambda: open_zip_member(archive, info, file.title)

    return [
        File(info.filename, f"{info.filename} in {file.title}", info.file_size, opener(info))
        for info in sorted(members, key=lambda info: info.filename)
    ]


def _tar_files(archive: tarfile.TarFile, members: list[tarfile.TarInfo], file: File) -> list[File]:
    for info in members:
        if leads_out(info.name):
            raise DataError(f"contains the path {info.name!r}, which leads out of the archive", file=file.title)

    def opener(info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
        return lambda: archive.extractfile(info) or io.BytesIO()

    visible = {
        name: info
        for info in members
        if info.isreg() and all(map(_is_visible, (name := info.name.removeprefix("./")).split("/")))
    }
    return [File(name, f"{name} in {file.title}", info.size, opener(info)) for name, info in sorted(visible.items())]


def unpack_nested(tree: Tree, stack: contextlib.ExitStack) -> Tree:
    """The tree with the files of archives that lie in it, as in a zip of `train.zip` and `test.zip`."""
    files: list[File] = []
    for file in tree.files:
        inner = _archive_files(_in_memory(file), stack) if ARCHIVE_NAME.search(file.name) else None
        stem = ARCHIVE_NAME.sub("", file.name)
        files += [file] if inner is None else [
            File(f"{stem}/{each.name}", each.title, each.size, each.open_packed) for each in inner
        ]  # fmt: skip
    return Tree(tree.name, files)


def _in_memory(file: File) -> File:
    """A member of an archive whose content can be opened again and again, and at any position."""
    if file.path is not None:
        return file
    with file.open_packed() as stream:
        content = stream.read(MAX_BYTES + 1)
    return File(file.name, file.title, len(content), lambda: io.BytesIO(content))
