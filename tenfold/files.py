"""Atomic writes: a file appears complete or not at all."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tenfold.errors import TenfoldError

PARTIAL_SUFFIX = ".part"  # of temporary files


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which is renamed to `path` on success and removed on failure.

    If `path` is a symbolic link, its target is replaced. Raises OSError with the name `path` if it can't be created,
    doesn't fit on the disk, or is a folder, a device or a pipe, which a rename would remove.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL_SUFFIX, dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        # mkstemp makes files private; the result gets the mode of the file that it replaces or of any new file.
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, name):
            raise _named(error, path) from None
        raise


def validate_output_path(path: Path) -> Path:
    """Return `path`, which need not exist. Raises TenfoldError if one of its parents exists and is not a folder."""
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise TenfoldError(f"{path}: can't be written, because {parent} is not a folder")
    return path


def cache_folder() -> Path:
    """Where downloads are kept: the folder that TENFOLD_CACHE names, or the user's cache folder of the system."""
    import platformdirs

    return Path(os.environ.get("TENFOLD_CACHE") or platformdirs.user_cache_path("tenfold", appauthor=False))


def write_bytes(path: Path, content: bytes) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    # File names may contain bytes that are not UTF-8; in JSON, the escape is read back as the same name.
    write_bytes(path, content.encode(errors="backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(error: OSError, path: Path) -> OSError:
    # NumPy reports a short write, which is how a full disk shows, without a number.
    number = errno.ENOSPC if error.errno is None and "written" in str(error) else error.errno
    if number is None:
        return error
    return OSError(number, os.strerror(number), str(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # The rename itself must survive a power failure; Windows has no handle to a folder.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
