"""Standard output holds results and nothing else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from io import UnsupportedOperation
from pathlib import Path
from typing import Final, TextIO

#: the file descriptor that C code prints to, whatever Python's own ``sys.stdout`` is
DESCRIPTOR: Final = 1


@contextlib.contextmanager
def stdout_for_results() -> Iterator[None]:
    """Keep what C libraries print out of a command's output; Python's own output goes on as it was.

    HiGHS 1.12 (SciPy 1.17) prints a debugging line past its own log switch, in the middle of a ``--json``; HiGHS 1.13
    does not. The descriptor belongs to the whole process, so this is for the command line, which owns its process: a
    server or a notebook prints the line, and a library must never do this.
    """
    try:
        kept = os.dup(DESCRIPTOR)
    except OSError:  # no standard output at all
        yield
        return
    python = sys.stdout
    results = os.fdopen(kept, "w", encoding=_encoding(python))  # closed below, where a reader may have gone
    if _goes_to_descriptor(python):
        python.flush()
        sys.stdout = results
    _flush_c()
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), DESCRIPTOR)
    try:
        yield
    finally:
        _flush_c()
        os.dup2(kept, DESCRIPTOR)
        sys.stdout = python
        with contextlib.suppress(BrokenPipeError):
            results.close()


def _goes_to_descriptor(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.fileno() == DESCRIPTOR
    except (UnsupportedOperation, ValueError):  # in memory, or closed
        return False


def _encoding(stream: TextIO | None) -> str | None:
    return getattr(stream, "encoding", None)


def _flush_c() -> None:
    """Write out what C code has printed so far, while the descriptor is still where it was meant for."""
    ctypes.CDLL(None if os.name == "posix" else "msvcrt").fflush(None)
