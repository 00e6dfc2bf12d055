"""Files that somebody named: opened once, held to a size, and the same from the first byte to the last.

A name may lead to a pipe that nobody writes into, to ``/dev/zero``, to a folder or to nothing, and what it leads to
may be replaced or written over while it is read. So a file is opened without waiting, the open file is asked what it
is, and no more is read of it than its kind may have. What is promised of its bytes:

* Bytes that were read at once (``read_input``, ``InputFile.content``) are hashed and parsed from memory: they are the
  same bytes, on every platform.
* An open file is read at places of its own (``stream``), so a new file that takes its name changes nothing.
* A file that is opened again (``same_as``) must be the very same one: device, inode, size, and the times of its last
  write and last change. Whoever writes into it in place changes them, on Linux, macOS and Windows; a writer through a
  memory map may not, and one within the same tick of the file system's clock (some milliseconds) as the write before.
  Whoever reads text in a second pass therefore compares its hash too.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.errors import DataError, UsageError, unusable

#: Most bytes of a configuration: a shop with all its tables has some thousand, and YAML is read slowly.
CONFIGURATION: Final = 256 << 10
#: Most bytes of a JSON document that this package wrote, such as a manifest or an outcome.
DOCUMENT: Final = 64 << 20
#: Most bytes of a table that is read at once: what is larger has a reader of its own (``cvo_ml.ingest``).
TABLE: Final = 4 << 30

_CHUNK: Final = 1 << 22
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NoInput(UsageError):
    """What is named cannot be read as a file.

    Parameters
    ----------
    reason:
        Why, in a few words, such as ``is a pipe, not a file``.
    system:
        The system's own error, if it had one: nothing is there.
    """

    def __init__(self, path: Path, reason: str, system: OSError | None = None) -> None:
        self.reason = str(system.strerror) if system is not None else reason
        self.system = system
        super().__init__(f"{path}: {reason}: name {'a file' if system is None else 'an existing one'}")


@dataclass(frozen=True)
class Stamp:
    """What tells whether a file is still the one that was read."""

    device: int
    inode: int
    links: int
    size: int
    written_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """The stamp of an open file."""
        return cls(
            found.st_dev, found.st_ino, found.st_nlink, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        )  # fmt: skip

    def holds(self, later: Stamp) -> bool:
        """Whether nobody wrote into the file since; that its name was given to another changes only its links."""
        same = (self.device, self.inode, self.size, self.written_ns) == (
            later.device,
            later.inode,
            later.size,
            later.written_ns,
        )
        return same and (self.changed_ns == later.changed_ns or self.links != later.links)


class InputFile:
    """An open regular file; ``open_input`` makes it."""

    def __init__(self, path: Path, handle: int, stamp: Stamp) -> None:
        self.path, self.stamp, self._handle = path, stamp, handle

    @property
    def size(self) -> int:
        """Bytes, when it was opened."""
        return self.stamp.size

    def stream(self) -> io.RawIOBase:
        """A reader from the first byte, with a place of its own."""
        return _Stream(self._handle, self.path)

    def is_gzip(self) -> bool:
        """Whether the content, whatever its name, is gzip."""
        return _read_at(self._handle, 2, 0, self.path) == b"\x1f\x8b"

    def content(self, most: int) -> bytes:
        """All bytes at once.

        Raises
        ------
        UsageError
            If there are more than ``most``.
        DataError
            If somebody wrote into it meanwhile.
        """
        self.refuse_larger(most)
        pieces, left = [], most + 1  # a file of /proc says that it is empty
        stream = self.stream()
        while left > 0 and (piece := stream.read(min(left, _CHUNK))):
            pieces.append(piece)
            left -= len(piece)
        if left <= 0:
            raise too_large(self.path, most)
        self.refuse_changed()
        return b"".join(pieces)

    def sha256(self) -> str:
        """SHA-256 of its bytes."""
        digest, stream = hashlib.sha256(), self.stream()
        while piece := stream.read(_CHUNK):
            digest.update(piece)
        return digest.hexdigest()

    def refuse_larger(self, most: int) -> None:
        """Refuse a file with more than ``most`` bytes.

        Raises
        ------
        UsageError
            If it has.
        """
        if self.size > most:
            raise too_large(self.path, most)

    def refuse_changed(self) -> None:
        """Refuse a file that somebody wrote into since it was opened.

        Raises
        ------
        DataError
            If its size or one of its times is another.
        """
        if not self.stamp.holds(Stamp.of(os.fstat(self._handle))):
            raise changed(self.path)


def changed(path: Path) -> DataError:
    """The error of a file that is not the one any more that was read before."""
    return DataError("changed while it was read", "wait until it is written whole, and run again", file=str(path))


def too_large(path: Path, most: int) -> UsageError:
    """The error of a file with more bytes than its kind may have.

    Examples
    --------
    >>> print(too_large(Path("shop.yaml"), CONFIGURATION))
    shop.yaml: is larger than 256 kB, which such a file never is: name another one
    """
    size = f"{most >> 20:,} MB" if most >= 1 << 20 else f"{most >> 10:,} kB"
    return UsageError(f"{path}: is larger than {size}, which such a file never is: name another one")


@contextlib.contextmanager
def open_input(path: Path, same_as: Stamp | None = None) -> Iterator[InputFile]:
    """A regular file, open until the block ends; nothing that would have to be waited for is opened.

    Parameters
    ----------
    same_as:
        The file must be this very one, unchanged, now and when the block ends.

    Raises
    ------
    NoInput
        If there is no such file, or it is a folder, a pipe, a socket or a device.
    UsageError
        If the system refuses it.
    DataError
        If it is not the file that ``same_as`` tells of.
    """
    handle = _opened(path)
    try:
        file = InputFile(path, handle, Stamp.of(os.fstat(handle)))
        if same_as is not None and not same_as.holds(file.stamp):
            raise changed(path)
        yield file
        if same_as is not None:
            file.refuse_changed()
    finally:
        os.close(handle)


def read_input(path: Path, most: int = CONFIGURATION) -> bytes:
    """The bytes of a small file.

    Parameters
    ----------
    most:
        How many bytes it may have.

    Raises
    ------
    NoInput, UsageError
        If it is no file, the system refuses it, or it is larger.
    DataError
        If somebody wrote into it meanwhile.
    """
    with open_input(path) as file:
        return file.content(most)


def read_json_input(path: Path, most: int = DOCUMENT) -> Any:
    """The JSON value in a file.

    Raises
    ------
    ValueError, RecursionError
        If it is no JSON, or nested too deep.
    NoInput, UsageError, DataError
        As ``read_input``.
    """
    return json.loads(read_input(path, most).decode("utf-8"))


def refuse_no_file(path: Path) -> None:
    """Refuse what cannot be opened as a file, before something else opens it by its name.

    Raises
    ------
    NoInput, UsageError
        As ``open_input``.
    """
    os.close(_opened(path))


def _opened(path: Path) -> int:
    # a pipe and some devices would wait for somebody, a terminal would become this process's own
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        _refuse_kind(path, path.stat().st_mode)  # opening a device may do something
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoInput(path, "is a link to nothing" if path.is_symlink() else "no such file", error) from None
    except ValueError:  # a zero byte in the name
        raise NoInput(Path(repr(str(path))), "is no name of a file") from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NoInput(path, "is a socket, not a file") from None
        raise unusable(error) from None
    try:
        _refuse_kind(path, os.fstat(handle).st_mode)
    except NoInput:
        os.close(handle)
        raise
    return handle


def _refuse_kind(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "no file")
        raise NoInput(path, f"is {kind}, not a file")


def _read_at(handle: int, size: int, place: int, path: Path) -> bytes:
    try:
        if hasattr(os, "pread"):
            return os.pread(handle, size, place)
        os.lseek(handle, place, os.SEEK_SET)
        return os.read(handle, size)
    except OSError as error:
        error.filename = str(path)
        raise


class _Stream(io.RawIOBase):
    """Bytes of an open file from a place of its own; the file stays open."""

    def __init__(self, handle: int, path: Path) -> None:
        super().__init__()
        self._handle, self._path, self._place = handle, path, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}.get(whence)
        self._place = max(0, (os.fstat(self._handle).st_size if start is None else start) + offset)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        piece = _read_at(self._handle, size, self._place, self._path)
        self._place += len(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
