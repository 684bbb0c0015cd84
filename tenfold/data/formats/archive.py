"""Compressed files, read so that damage and decompression bombs raise DataError with one sentence."""

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

MAX_BYTES = 1 << 30  # that one file may unpack to: 14 times Kaggle's train.csv
GZIP_MAGIC = b"\x1f\x8b"


class Stream(Protocol):
    """The methods of a binary file that the readers use."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class _Closeable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class SafeStream:
    """A decompressing stream of at most `MAX_BYTES`; raises DataError with the name of the file if it is damaged."""

    def __init__(self, stream: _Closeable, file: str) -> None:
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
        except (zlib.error, zipfile.BadZipFile, OSError) as error:
            self._damaged = True
            raise DataError(f"contains damaged compressed data ({error})", file=self._file) from None
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
                while self.read(1 << 16):  # invalid content may come from damage, which the checksum at the end detects
                    pass
        finally:
            self._stream.close()


def gunzip(stream: IO[bytes], file: str) -> SafeStream:
    """Decompress gzip data from `stream`, which is closed together with the result."""
    return SafeStream(_OwningGzipFile(stream), file)


def open_file(path: Path) -> Stream:
    """Open a plain or gzip file, recognized by its first bytes."""
    stream = path.open("rb")
    is_gzip = stream.read(2) == GZIP_MAGIC
    stream.seek(0)
    return gunzip(stream, path.name) if is_gzip else stream


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; errors of zipfile within the block become DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # RuntimeError: a password is required, or the version is unknown. The last two come from damaged directories.
    except (zipfile.BadZipFile, RuntimeError, UnicodeDecodeError, struct.error) as error:
        raise DataError(f"is a damaged or encrypted archive ({error})", file=path.name) from None


class _OwningGzipFile(gzip.GzipFile):
    """A GzipFile that also closes the file that it was given."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(fileobj=stream, mode="rb")
        self._compressed = stream

    def close(self) -> None:
        super().close()
        self._compressed.close()
