"""Compressed files and archives, read so that damage and decompression bombs raise DataError with one sentence."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath, PureWindowsPath
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

from tenfold.errors import DataError, UnavailableError, shorten

MAX_BYTES = 1 << 30  # that one file may unpack to: 14 times Kaggle's train.csv
MAX_MEMBERS = 500_000  # of one archive
MAX_XZ_MEMORY = 256 << 20  # xz's strongest preset needs 65 MiB
IN_MEMORY = 64 << 20  # of an unpacked tar; a larger one goes to a temporary file
BLOCK = 1 << 16


class Stream(Protocol):
    """The methods of a binary file that the readers use."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class SafeStream:
    """A decompressing stream of at most `MAX_BYTES`; raises DataError with the name of the file if it is damaged."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self._stream = stream
        self._file = file
        self._count = 0
        self._damaged = False

    def read(self, size: int, /) -> bytes:
        return self._checked(self._stream.read, size)

    def readline(self, size: int, /) -> bytes:
        return self._checked(self._stream.readline, size)

    def _checked(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            block = read(size)
        except EOFError:
            self._damaged = True
            raise DataError("ends in the middle of its compressed data; copy or download it again",
                            file=self._file) from None  # fmt: skip
        except (zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError, RuntimeError) as error:
            self._damaged = True
            raise DataError(f"contains damaged compressed data ({shorten(error, 80)})", file=self._file) from None
        self._count += len(block)
        if self._count > MAX_BYTES:
            raise DataError(f"unpacks to more than {MAX_BYTES:,} bytes; expected at most that", file=self._file)
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        try:
            if isinstance(error, DataError) and not self._damaged:
                while self.read(BLOCK):  # invalid content may come from damage, which the checksum at the end detects
                    pass
        finally:
            self._stream.close()


class _Inflated(io.RawIOBase):
    """A file unpacked block by block: gzip.GzipFile for the formats whose own file classes set no limit to memory."""

    def __init__(self, source: IO[bytes], new_decompressor: Callable[[], Any]) -> None:
        self._source = source
        self._new_decompressor = new_decompressor
        self._decompressor = new_decompressor()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        while True:
            if self._decompressor.eof and not self._next_stream():
                return 0
            packed = self._source.read(BLOCK) if self._decompressor.needs_input else b""
            if self._decompressor.needs_input and not packed:
                raise EOFError
            block = self._decompressor.decompress(packed, len(view))
            if block:
                view[: len(block)] = block
                return len(block)

    def _next_stream(self) -> bool:
        """Begin the next of several streams in one file, as parallel compressors write them."""
        rest = self._decompressor.unused_data.lstrip(b"\0") or self._source.read(BLOCK).lstrip(b"\0")
        if not rest:
            return False
        self._decompressor = self._new_decompressor()
        self._source = io.BytesIO(rest + self._source.read())  # rare, and small: what is packed
        return True

    def close(self) -> None:
        self._source.close()
        super().close()


class _OwningGzipFile(gzip.GzipFile):
    """A GzipFile that also closes the file that it was given."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(fileobj=stream, mode="rb")
        self._compressed = stream

    def close(self) -> None:
        super().close()
        self._compressed.close()


def _zstd_decompressor() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ModuleNotFoundError:  # before Python 3.14
        try:
            from backports import zstd
        except ModuleNotFoundError:
            raise UnavailableError(
                "a Zstandard file needs the package backports.zstd; install it with: pip install 'tenfold[formats]'"
            ) from None
    return _Zstd(zstd)


class _Zstd:
    """A Zstandard decompressor whose errors are OSError, as the others' are."""

    def __init__(self, zstd: Any) -> None:
        self._inner = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27})  # 128 MiB
        self._error = zstd.ZstdError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def decompress(self, packed: bytes, size: int) -> bytes:
        try:
            unpacked: bytes = self._inner.decompress(packed, size)
        except self._error as error:
            raise OSError(str(error)) from None
        return unpacked


UNPACKERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {  # by the first bytes of a file
    b"\x1f\x8b": lambda stream: cast(IO[bytes], _OwningGzipFile(stream)),
    b"\xfd7zXZ\0": lambda stream: io.BufferedReader(
        _Inflated(stream, lambda: lzma.LZMADecompressor(memlimit=MAX_XZ_MEMORY))
    ),
    b"BZh": lambda stream: io.BufferedReader(_Inflated(stream, bz2.BZ2Decompressor)),
    b"\x28\xb5\x2f\xfd": lambda stream: io.BufferedReader(_Inflated(stream, _zstd_decompressor)),
}
PACKED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst")


def unpack(stream: IO[bytes], file: str, is_member: bool = False) -> Stream:
    """The unpacked content of a seekable stream, recognized by its first bytes; closed together with the result.

    is_member: of an archive, which may be damaged too.
    """
    try:
        head = stream.read(6)
        stream.seek(0)
    except (zlib.error, lzma.LZMAError, zipfile.BadZipFile, EOFError, RuntimeError, OSError) as error:
        stream.close()
        raise DataError(f"contains damaged compressed data ({shorten(error, 80)})", file=file) from None
    unpacker = next((unpacker for magic, unpacker in UNPACKERS.items() if head.startswith(magic)), None)
    if unpacker is not None:
        return SafeStream(unpacker(stream), file)
    return SafeStream(stream, file) if is_member else stream


# RuntimeError: a password is required, or the version is unknown. The others come from damaged directories.
ZIP_ERRORS = (
    zipfile.BadZipFile, RuntimeError, UnicodeDecodeError, struct.error, EOFError, ValueError, OSError, OverflowError
)  # fmt: skip


def open_zip(content: IO[bytes], file: str) -> zipfile.ZipFile:
    """Open an archive. Raises DataError for a damaged one."""
    try:
        archive = zipfile.ZipFile(content)
    except ZIP_ERRORS as error:
        raise DataError(f"is a damaged or encrypted archive ({shorten(error, 80)})", file=file) from None
    if len(archive.infolist()) > MAX_MEMBERS:
        raise DataError(f"contains more than {MAX_MEMBERS:,} files", file=file)
    return archive


def open_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str) -> IO[bytes]:
    _check_member(info, file)
    try:
        return archive.open(info)
    except ZIP_ERRORS as error:
        raise DataError(f"is a damaged or encrypted archive ({shorten(error, 80)})", file=file) from None


@contextlib.contextmanager
def open_tar(stream: Stream, file: str) -> Iterator[tuple[tarfile.TarFile, list[tarfile.TarInfo]]]:
    """Open an unpacked tar, and list its members; damage becomes DataError.

    It is copied first, to memory or a temporary file, for members are read in another order than they come.
    """
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy, contextlib.ExitStack() as stack:
        size = 0
        while block := stream.read(BLOCK):
            size += len(block)
            if size > MAX_BYTES:
                raise DataError(f"unpacks to more than {MAX_BYTES:,} bytes; expected at most that", file=file)
            copy.write(block)
        copy.seek(0)
        try:
            archive = stack.enter_context(tarfile.TarFile(fileobj=copy))
            members = archive.getmembers()
        except (tarfile.TarError, EOFError, ValueError, OSError, OverflowError) as error:
            raise DataError(f"is a damaged archive ({shorten(error, 80)})", file=file) from None
        if len(members) > MAX_MEMBERS:
            raise DataError(f"contains more than {MAX_MEMBERS:,} files", file=file)
        yield archive, members


def leads_out(name: str) -> bool:
    """Whether the name of a member would be outside the folder that an archive is unpacked in."""
    return (
        ".." in PureWindowsPath(name).parts or PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).anchor)
    )


def _check_member(info: zipfile.ZipInfo, file: str) -> None:
    """Raise DataError for a member that can't be read."""
    name = shorten(info.filename)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        raise DataError(f"{name} is compressed with method {info.compress_type}; expected deflate", file=file)
    if info.flag_bits & 1:
        raise DataError(f"{name} is encrypted; expected an archive without a password", file=file)
    if info.file_size > MAX_BYTES:
        limit = f"expected at most {MAX_BYTES >> 30} GiB"
        raise DataError(f"{name} unpacks to {info.file_size:,} bytes; {limit}", file=file)
