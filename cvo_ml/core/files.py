"""Files that are either the old ones or the new ones, never a mixture."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.input_files import NoInput, read_json_input
from cvo_ml.core.result import Json

#: the file in a folder that whoever holds the folder has locked; it stays there
LOCK: Final = ".lock"
#: of Linux's renameat2: paths are relative to the working directory; swap them
_HERE, _RENAME_EXCHANGE = -100, 2


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys that refuses NaN and infinity: the same value gives the same text."""
    return json.dumps(value, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def read_json(path: Path) -> Any:
    """The JSON value in a file.

    Raises
    ------
    DamagedFile
        If it is not JSON, or no file.
    OSError
        If there is none.
    UsageError
        If it is larger than such a file ever is.
    """
    try:
        return read_json_input(path)
    except NoInput as error:
        if error.system is not None:
            raise error.system from None
        raise DamagedFile(f"{path}: {error.reason}: delete it and write it again") from None
    except (ValueError, RecursionError):
        raise DamagedFile(f"{path}: is damaged (not JSON): delete it and write it again") from None


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Write a whole text file in one step: a reader sees the old text or the new one.

    Parameters
    ----------
    text:
        The text, or its pieces one after the other.

    Raises
    ------
    OSError
        If it cannot be written; names ``path``, whichever step failed.
    """
    try:
        _replace(path, text)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _replace(path: Path, text: str | Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = _beside(path)
    # the system itself takes the umask off: setting and restoring it would touch every thread of the process
    handle = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines([text] if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staging, path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    """A new hidden name in the folder of ``path``."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def write_json(path: Path, value: Mapping[str, Json]) -> None:
    """Write a JSON file in one step."""
    write_text(path, canonical_json(value))


@contextmanager
def locked(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a folder alone among processes and threads until the block ends; whoever dies lets go of it.

    Not to be nested: a block that locks the same folder again waits for itself.

    Parameters
    ----------
    waiting:
        Called once if somebody else holds the folder now.

    Raises
    ------
    OSError
        If the folder cannot be made or written into, or its file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if waiting is not None:
            waiting()
        lock.acquire()
    except NotImplementedError:
        raise OSError(errno.ENOLCK, "its file system has no locks", str(folder)) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def staged_folder(target: Path, beside: Path | None = None) -> Iterator[Path]:
    """A new folder that takes the name ``target`` only when the block ends without error.

    An existing ``target`` is replaced; after an interruption it is still the old one.

    Parameters
    ----------
    beside:
        Where the new folder is made, on the same file system; None = beside ``target``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = _beside(target) if beside is None else beside / secrets.token_hex(8)
    staging.mkdir(parents=True)
    try:
        yield staging
        put_in_place(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def put_in_place(folder: Path, target: Path) -> None:
    """Give a folder the name ``target``; a folder that has it takes the name that this one had.

    Both are on one file system.
    """
    if target.exists():
        _exchange(folder, target)
    else:
        os.replace(folder, target)


def _exchange(staging: Path, target: Path) -> None:
    """Swap two folders in one step where the system can, else in two: then a kill between them leaves no target."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if renameat2 is not None:
        done = renameat2(_HERE, os.fsencode(staging), _HERE, os.fsencode(target), _RENAME_EXCHANGE)
        if done == 0:
            return
    retired = _beside(target)
    os.replace(target, retired)
    os.replace(staging, target)
    os.replace(retired, staging)
