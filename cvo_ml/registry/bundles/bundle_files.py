"""The bytes of a bundle: each file is read once, within limits, and those bytes are hashed and parsed.

What is looked at before a file is opened: its name, whether it is a plain file, its size. So a pipe, a device, a link
to somewhere else and a file that would fill the memory are refused without reading them. The bytes travel: the child
that loads a bundle first gets them from its parent, and does not read the folder again.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import IO, Any, Final

from cvo_ml.core.errors import BundleError

MANIFEST: Final = "manifest.json"
PARAMETERS: Final = "parameters.json"
GOLDEN: Final = "golden.json"
#: A text that a bundle may hold beside those.
TEXT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.txt", re.ASCII)
MEBIBYTE: Final = 1 << 20
#: Bytes of each file. The largest model that a search tries, 300 trees of 31 leaves, takes 2 MiB.
MOST_BYTES: Final[Mapping[str, int]] = {MANIFEST: 2 * MEBIBYTE, PARAMETERS: 16 * MEBIBYTE, GOLDEN: 4 * MEBIBYTE}
MOST_DOCUMENT: Final = 4 * MEBIBYTE
MOST_TEXT: Final = 64 * MEBIBYTE
MOST_ALTOGETHER: Final = 96 * MEBIBYTE
MOST_FILES: Final = 16
#: A file that is no pipe to wait for and no link to follow; where a system has no such flag, the look before remains.
_PLAIN: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
#: What to do with a bundle that is not as it was written.
AGAIN: Final = "train or export it again"


def read_bundle_files(folder: Path) -> dict[str, bytes]:
    """The bytes of every file in a bundle's folder, by name.

    Raises
    ------
    BundleError
        If a file is missing or cannot be read, is no plain file, bears a name that no bundle has, or is too large.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(_counted(folder, entries))
    except OSError as error:
        raise _unreadable(folder, error) from None
    if MANIFEST not in names:
        raise BundleError(f"{folder / MANIFEST}: is missing or cannot be read: {AGAIN}")
    found: dict[str, bytes] = {}
    for name in names:
        check_name(name, folder)
        found[name] = _read(folder / name, most_bytes(name))
        check_total(sum(map(len, found.values())), folder)
    return found


def read_json_file(path: Path) -> Any:
    """The JSON value in a plain file that lies beside a bundle, such as the evidence of its run.

    Raises
    ------
    BundleError
        If it is missing, no plain file, too large or not JSON.
    """
    return parse_json(_read(path, MOST_DOCUMENT), path)


def parse_json(content: bytes, path: Path) -> Any:
    """The JSON value in the bytes of a file: one value a key, and finite numbers only.

    Raises
    ------
    BundleError
        If it is no such JSON.
    """
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: is not valid JSON ({error}): {AGAIN}") from None


def most_bytes(name: str) -> int:
    """How large a file of that name may be, bytes."""
    return MOST_BYTES.get(name, MOST_TEXT)


def check_name(name: str, folder: Path) -> None:
    """Only the known files and plain names of texts: a pickle or a library has no place, whatever digest it has.

    Raises
    ------
    BundleError
        If it is another.
    """
    if name not in MOST_BYTES and not is_text_name(name):
        raise BundleError(f"{folder}: {name!r} is not a plain file name that ends in .txt: refuse this bundle")


def is_text_name(name: str) -> bool:
    """Whether a bundle may hold a text of that name."""
    return TEXT_NAME.fullmatch(name) is not None


def check_total(size: int, folder: Path) -> None:
    """Refuse what is too large altogether, bytes.

    Raises
    ------
    BundleError
        If it is.
    """
    if size > MOST_ALTOGETHER:
        raise BundleError(f"{folder}: its files have more than {_mebibytes(MOST_ALTOGETHER)}: refuse this bundle")


def check_size(path: Path, size: int, most: int) -> None:
    """Refuse a file that is too large, bytes.

    Raises
    ------
    BundleError
        If it is.
    """
    if size > most:
        raise BundleError(
            f"{path}: has {size:,} bytes, and such a file has {_mebibytes(most)} at most: refuse this bundle"
        )


def packed(files: Mapping[str, bytes]) -> bytes:
    """The files in one text of bytes, for a pipe: a line with names and sizes, then one after the other."""
    head = json.dumps([[name, len(content)] for name, content in files.items()])
    return b"".join([head.encode(), b"\n", *files.values()])


def unpacked(pipe: IO[bytes]) -> dict[str, bytes]:
    """The files that ``packed`` put into a pipe."""
    return {name: pipe.read(size) for name, size in json.loads(pipe.readline())}


def _counted(folder: Path, entries: Iterator[os.DirEntry[str]]) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if number >= MOST_FILES:
            raise BundleError(f"{folder}: holds more than {MOST_FILES} files: refuse this bundle")
        yield entry.name


def _read(path: Path, most: int) -> bytes:
    """A plain file's bytes; looked at before it is opened, and once more after it."""
    try:
        _check_kind(path, os.lstat(path), most)
        with os.fdopen(os.open(path, _PLAIN), "rb", buffering=0) as file:
            _check_kind(path, os.fstat(file.fileno()), most)
            content = b""
            while len(content) <= most and (part := file.read(most + 1 - len(content))):
                content += part
    except OSError as error:
        raise _unreadable(path, error) from None
    check_size(path, len(content), most)  # it grew while it was read
    return content


def _check_kind(path: Path, status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = "a link" if stat.S_ISLNK(status.st_mode) else "no plain file"
        raise BundleError(f"{path}: is {what}: {AGAIN}")
    check_size(path, status.st_size, most)


def _unreadable(path: Path, error: OSError) -> BundleError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return BundleError(f"{path}: is missing or cannot be read: {AGAIN}")
    return BundleError(f"{path}: cannot be read ({error.strerror or error}): let this user read it")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _finite(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _mebibytes(size: int) -> str:
    return f"{size // MEBIBYTE} MiB"
