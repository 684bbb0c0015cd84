"""Files appear whole or not at all: write beside, fsync, rename."""

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

PARTIAL_SUFFIX = ".part"  # how the name of a file ends that is not whole yet


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes `path`'s place, on failure it is removed.

    A link stays and what it points to is replaced. Raises OSError that names `path` where it can't be made, and where
    it is a folder, a device or a pipe, which a rename would remove.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL_SUFFIX, dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        with beside.open("rb+") as written:
            os.fsync(written.fileno())
        # mkstemp makes files private; a result is as readable as what it replaces, or any file its owner writes.
        beside.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        beside.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def validate_output_path(path: Path) -> Path:
    """`path`, which may be there or not. Raises TenfoldError where something that is no folder is in its way."""
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            raise TenfoldError(f"{path}: can't be written, for {folder} is no folder")
    return path


def cache_folder() -> Path:
    """Where downloads are kept: the folder that TENFOLD_CACHE names, or the system's cache folder of this user."""
    import platformdirs

    return Path(os.environ.get("TENFOLD_CACHE") or platformdirs.user_cache_path("tenfold", appauthor=False))


def write_bytes(path: Path, content: bytes) -> None:
    with atomic_write(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    # Names of files may hold bytes that are no UTF-8; in JSON such an escape reads back as the very name.
    write_bytes(path, content.encode(errors="backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # The rename itself must survive a power cut; Windows has no handle to a folder.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
