"""Folders for what is too large to hold, or must be a file for a moment: gone with their owner, however it ends.

Spilled rows are customers' rows. A folder of this module is readable by its user alone, and its owner holds a lock on
it for as long as the process lives: the system lets go of the lock when the process ends, killed or not. Whoever
makes such a folder next removes those of the same user whose lock is free. A process number says less than the lock:
numbers come again, and another machine or container may share the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows: such a folder has no lock there, so none is swept
    fcntl = None  # type: ignore[assignment]

#: what the names begin with, in the system's temporary folder (``TMPDIR`` says where that is)
PREFIX: Final = "cvo-scratch-"


class Scratch:
    """A new folder for this process alone, removed by ``close``; by the next process, where this one is killed.

    Parameters
    ----------
    place:
        The folder that it is made in; None = the system's temporary folder.

    Raises
    ------
    OSError
        If it cannot be made there.
    """

    def __init__(self, place: Path | None = None) -> None:
        where = Path(tempfile.gettempdir()) if place is None else place
        sweep(where)
        self.folder, lock = _made(where)
        self._end = weakref.finalize(self, _remove, self.folder, lock)  # also of an owner who forgets it

    def close(self) -> None:
        """Remove the folder and all that it holds."""
        self._end()


@contextlib.contextmanager
def scratch_folder(place: Path | None = None) -> Iterator[Path]:
    """A ``Scratch`` folder that is there until the block ends.

    Examples
    --------
    >>> with scratch_folder() as folder:
    ...     (folder / "rows").write_text("C1") and oct(folder.stat().st_mode)[-3:]
    '700'
    >>> folder.exists()
    False
    """
    scratch = Scratch(place)
    try:
        yield scratch.folder
    finally:
        scratch.close()


def sweep(place: Path) -> None:
    """Remove the folders of this module in ``place`` that belong to this user and whose owner is dead.

    What cannot be told or removed is left: whoever comes next tries again.
    """
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError):
                    _remove_if_dead(place / entry.name)


def place_of(folder: Path) -> Path:
    """Where room is needed for ``folder``: the place of the scratch folder that it lies in, else its parent.

    Examples
    --------
    >>> str(place_of(Path("/tmp/cvo-scratch-1/tables"))), str(place_of(Path("/data/tables")))
    ('/tmp', '/data')
    """
    around = [parent for parent in folder.parents if parent.name.startswith(PREFIX)]
    return around[-1].parent if around else folder.parent


def _remove(folder: Path, lock: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def _remove_if_dead(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _made(place: Path) -> tuple[Path, int | None]:
    """A new folder and its lock; made again where somebody swept it before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))  # readable by its user alone
        if fcntl is None:
            return folder, None
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # swept already
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # a sweeper holds it, and removes it
            os.close(held)
            continue
        except OSError:  # a file system without locks: nobody can lock it, so nobody sweeps it
            return folder, held
        if folder.is_dir():
            return folder, held
        os.close(held)
