"""Which process a run belongs to, and whether it is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

#: The tag of a run that names its process.
PROCESS: Final = "cvo.process"


def this_process() -> str:
    """``host pid start``: a number that is used again belongs to a process with another start."""
    return f"{_host()} {os.getpid()} {_start(os.getpid()) or 'unknown'}"


def is_gone(process: str) -> bool:
    """Whether a process that was on this machine has ended; False for another machine's, which cannot be seen.

    Examples
    --------
    >>> is_gone(this_process()), is_gone("another-machine 1 7")
    (False, False)
    """
    host, *rest = process.rsplit(" ", 2)
    if host != _host() or len(rest) != 2 or not rest[0].isdigit():
        return False
    pid, start = int(rest[0]), rest[1]
    if Path("/proc/self/stat").exists():
        return _start(pid) != start
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _host() -> str:
    """The machine; containers on one machine count their processes each from 1."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = "-"
    return f"{socket.gethostname()} {space}"


def _start(pid: int) -> str | None:
    """When a process started, in ticks since a boot that is named; None if it is gone, or waits to be reaped only."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # the name of the program stands in brackets and may hold anything
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"
