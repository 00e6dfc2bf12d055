"""Files that are either the old ones or the new ones, never a mixture."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.result import Json


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


def finite(value: Any) -> Any:
    """The value with null for each NaN: JSON has no other word for it."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> Any:
    """The JSON value in a file.

    Raises
    ------
    DamagedFile
        If it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise DamagedFile(f"{path}: is damaged (not JSON): delete it and write it again") from None


def write_text(path: Path, text: str) -> None:
    """Write a whole text file in one step: a reader sees the old text or the new one.

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


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; others read what the product writes
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Mapping[str, Json]) -> None:
    """Write a JSON file in one step."""
    write_text(path, canonical_json(value))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder alone among processes until the block ends; a process that dies lets go of it.

    Where the system has no such lock (Windows), nobody waits.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """A new folder beside ``target`` that takes its name only when the block ends without error.

    An existing ``target`` is replaced; after an interruption it is still the old one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    staging.chmod(0o777 & ~_umask())
    try:
        yield staging
        if target.exists():
            retired = Path(tempfile.mkdtemp(prefix=f".old-{target.name}.", dir=target.parent)) / target.name
            os.replace(target, retired)
            os.replace(staging, target)
            shutil.rmtree(retired.parent, ignore_errors=True)
        else:
            os.replace(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
