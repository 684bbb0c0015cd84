"""Compressed data, read so that damage and bombs end in one sentence instead of a traceback or a full memory."""

import contextlib
import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from tenfold.errors import DataError

LIMIT = 1 << 30  # bytes that one file may unpack to: 14 times Kaggle's train.csv
GZIP_MAGIC = b"\x1f\x8b"


class Stream(Protocol):
    """The part of a binary file that the readers use."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class _Packed(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Unpacked:
    """An unpacking stream that gives at most `LIMIT` bytes and raises DataError, naming `file`, for damage."""

    def __init__(self, stream: _Packed, file: str) -> None:
        self._stream = stream
        self._file = file
        self._count = 0
        self._damaged = False

    def read(self, size: int, /) -> bytes:
        return self._unpack(self._stream.read, size)

    def readline(self, size: int, /) -> bytes:
        return self._unpack(self._stream.readline, size)

    def _unpack(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            block = read(size)
        except (EOFError, zlib.error, zipfile.BadZipFile, OSError) as error:
            self._damaged = True
            if isinstance(error, EOFError):
                raise DataError("breaks off in the middle of its compressed data", file=self._file) from None
            raise DataError(f"holds damaged compressed data ({error})", file=self._file) from None
        self._count += len(block)
        if self._count > LIMIT:
            raise DataError(f"unpacks to more than {LIMIT:,} bytes, which no set of digits needs", file=self._file)
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        try:
            if isinstance(error, DataError) and not self._damaged:
                while self.read(1 << 16):  # what made no sense may be damage, which the checksum at the end tells
                    pass
        finally:
            self._stream.close()


def gunzip(stream: IO[bytes], file: str) -> Unpacked:
    """Unpack gzip data from `stream`, which is closed with the result."""
    return Unpacked(_Gunzip(stream), file)


def open_file(path: Path) -> Stream:
    """Open a plain or a gzip file, told apart by its first bytes."""
    stream = path.open("rb")
    packed = stream.read(2) == GZIP_MAGIC
    stream.seek(0)
    return gunzip(stream, path.name) if packed else stream


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; within the block, what zipfile finds wrong with it becomes DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # RuntimeError: a password is needed, or the version is unknown. The last two come from damaged directories.
    except (zipfile.BadZipFile, RuntimeError, UnicodeDecodeError, struct.error) as error:
        raise DataError(f"is a damaged or encrypted archive ({error})", file=path.name) from None


class _Gunzip(gzip.GzipFile):
    """GzipFile leaves a file that was handed to it open; this one closes it."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(fileobj=stream, mode="rb")
        self._packed = stream

    def close(self) -> None:
        super().close()
        self._packed.close()
