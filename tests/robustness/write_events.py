"""What a process writes, as a series of numbered events, and what is to happen at one of them.

Python tells its audit hooks of every file that is opened for writing, renamed, removed, made or linked, before it does
it. What C code writes is not seen: Parquet files are counted where Arrow is asked to write them, and a database where a
transaction is committed. An event is numbered from 1; a file that is opened for writing counts twice, before it and
when it lies there empty, and a Parquet file before it and when half of it lies there.

A process that is killed leaves on the disk what lay there at that moment, so copies of the folder at every event of one
run (``copy``) are what kills at every event would leave; that they are is tested with kills.

Whoever installs the hook cannot take it out again: it belongs into a process that ends.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: events of ``sys.audit`` with the places of paths, and of the descriptors of folders that they are relative to
PATHS: Final[dict[str, tuple[tuple[int, int | None], ...]]] = {
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.truncate": ((0, None),),
}
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
UNNAMED: Final = getattr(os, "O_TMPFILE", 0)
#: what an error is called in the words of SQLite
SQLITE_WORDS: Final = {
    errno.ENOSPC: "database or disk is full",
    errno.EIO: "disk I/O error",
    errno.EROFS: "attempt to write a readonly database",
}
#: what a full disk refuses: it has room for nothing new, but names can be moved and removed
GROWS: Final = ("open", "os.mkdir", "os.link", "os.symlink", "parquet", "half", "commit")


@dataclass(frozen=True)
class Fault:
    """What happens at an event.

    Parameters
    ----------
    kind:
        ``kill``, ``term``, ``hup``, ``int``, ``pause``, ``copy``, ``clock``, or the name of an error such as
        ``ENOSPC``; empty: nothing, count only.
    at:
        The number of the event, from 1.
    seed, most:
        Of a pause: at random events, up to ``most`` seconds. Of a clock: it steps so many seconds on.
    to:
        Of copies: the folder that gets one for each event, by its number.
    """

    kind: str = ""
    at: int = 0
    seed: int = 0
    most: float = 0.0
    to: str = ""


class WriteEvents:
    """Counts what this process writes below ``root``, tells ``log`` of it, and does what the fault says.

    Parameters
    ----------
    root:
        The folder of interest.
    log:
        A descriptor that is written to: a line for each event, before it happens.
    """

    def __init__(self, root: Path, fault: Fault, log: int) -> None:
        self._root, self._fault, self._log = os.fsencode(root), fault, log
        self._count, self._inside = 0, False
        self._copies: dict[str, tuple[tuple[int, int, int], str]] = {}
        self._moments = random.Random(fault.seed)

    def install(self) -> None:
        """From now on, for the rest of this process."""
        import pyarrow.parquet as pq
        import pyarrow.parquet.core as core

        sys.addaudithook(self._hook)
        connect = sqlite3.connect

        def counted(database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
            if not arguments[4:]:
                options.setdefault("factory", self._connection(database))
            return connect(database, *arguments, **options)

        sqlite3.connect = sqlite3.dbapi2.connect = counted  # type: ignore[assignment]
        core.write_table = pq.write_table = self._parquet(pq.write_table)

    def _connection(self, database: Any) -> type[sqlite3.Connection]:
        events = self
        text = os.fsencode(str(database).removeprefix("file://").removeprefix("file:").split("?")[0])

        class Counted(sqlite3.Connection):
            """A connection whose commits are events."""

            def commit(self) -> None:
                """One event where there is something to commit."""
                if self.in_transaction and events._is_ours(text):
                    events._happens("commit", text)
                super().commit()

            def __exit__(self, kind: Any, value: Any, trace: Any) -> Any:
                if kind is None:
                    self.commit()
                return super().__exit__(kind, value, trace)

        return Counted

    def _parquet(self, write: Callable[..., None]) -> Callable[..., None]:
        def written(table: Any, where: Any, *arguments: Any, **options: Any) -> None:
            ours = isinstance(where, str | Path) and self._is_ours(os.fsencode(where))
            if ours:
                self._happens("parquet", os.fsencode(where))
            write(table, where, *arguments, **options)
            if ours:
                self._happens("half", os.fsencode(where), lambda: _halve(Path(where)))

        return written

    def _copied(self, path: bytes, event: str) -> None:
        self._inside = True
        try:
            copy = Path(self._fault.to, str(self._count))
            shutil.copytree(os.fsdecode(self._root), copy, symlinks=True, copy_function=self._copied_file)
            here = copy / os.path.relpath(os.fsdecode(path), os.fsdecode(self._root))
            if event in ("empty", "half"):
                content = here.read_bytes() if event == "half" else b""
                here.unlink(missing_ok=True)  # the copy before shares the file
                here.write_bytes(content[: len(content) // 2])
        finally:
            self._inside = False

    def _copied_file(self, source: str, target: str) -> None:
        """A copy, or a link to the last copy if the file has not changed since."""
        found = Path(source).stat()
        key = (found.st_ino, found.st_size, found.st_mtime_ns)
        known = self._copies.get(source)
        if known is not None and known[0] == key:
            os.link(known[1], target)
        else:
            shutil.copy2(source, target)
        self._copies[source] = (key, target)

    def _is_ours(self, path: bytes) -> bool:
        full = os.path.normpath(os.fsencode(Path(os.fsdecode(path)).absolute()))
        return full == self._root or full.startswith(self._root + b"/")

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._inside:
            return
        if event == "open":
            self._opened(*arguments)
        elif event in PATHS:
            paths = [_place(arguments, path, folder) for path, folder in PATHS[event]]
            if event == "os.mkdir" and paths[0] is not None and os.path.lexists(paths[0]):
                return  # nothing will be changed
            if any(path is not None and self._is_ours(path) for path in paths):
                self._happens(event, paths[-1] or b"?")

    def _opened(self, path: Any, mode: Any, flags: int) -> None:
        if not isinstance(path, str | bytes | os.PathLike) or not flags & WRITING or flags & UNNAMED == UNNAMED != 0:
            return
        name = os.fsencode(path)
        if not self._is_ours(name):
            return
        self._happens("open", name)
        self._happens("empty", name, lambda: os.close(os.open(name, flags & ~os.O_EXCL | os.O_CREAT, 0o666)))

    def _happens(self, event: str, path: bytes, before: Callable[[], None] | None = None) -> None:
        self._count += 1
        fault = self._fault
        os.write(self._log, b"%d %s %s\n" % (self._count, event.encode(), os.path.relpath(path, self._root)))
        if not fault.kind:
            return
        if fault.kind == "copy":
            self._copied(path, event)
            return
        if fault.kind == "pause":
            if self._moments.random() < 0.2:
                time.sleep(self._moments.uniform(0, fault.most))
            return
        if fault.kind == "clock":
            if self._count == fault.at:
                _step(fault.most)
            return
        number = getattr(errno, fault.kind, None)
        due = self._count == fault.at or (self._count > fault.at and fault.kind in ("ENOSPC", "EROFS"))
        if not due or (event == "empty" and number is not None) or (fault.kind == "ENOSPC" and event not in GROWS):
            return
        if before is not None:
            self._inside = True
            try:
                before()
            finally:
                self._inside = False
        if fault.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if number is None:
            os.kill(os.getpid(), {"term": signal.SIGTERM, "hup": signal.SIGHUP, "int": signal.SIGINT}[fault.kind])
            return
        if event == "commit":
            raise sqlite3.OperationalError(SQLITE_WORDS[number])
        if event in ("parquet", "half"):  # as Arrow says it
            words = f"[Errno {number}] Error writing bytes to file. Detail: [errno {number}] {os.strerror(number)}"
            raise OSError(words)
        raise OSError(number, os.strerror(number), os.fsdecode(path))


def _step(seconds: float) -> None:
    """From now on ``time.time`` is so much later; what C code asks the system for is not."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds * 1e9)


def _place(arguments: tuple[Any, ...], path: int, folder: int | None) -> bytes | None:
    """The path of an event, which may be relative to an open folder; None where it is a descriptor."""
    named = arguments[path]
    if not isinstance(named, str | bytes | os.PathLike):
        return None
    name = os.fsencode(named)
    descriptor = arguments[folder] if folder is not None and folder < len(arguments) else -1
    if not isinstance(descriptor, int) or descriptor < 0:
        return name
    return os.fsencode(Path(f"/proc/self/fd/{descriptor}").readlink() / os.fsdecode(name))


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)
