"""A limit of address space (``ulimit -v``, ``prlimit --as``) that the libraries beneath cannot live in.

They reserve far more than they use (of the 3.1 GB that a score of the sample reserves, .6 GB are ever written), and
where a reservation or a thread is refused in the middle some of them end the process: by an abort or a fault of C++,
which nobody can catch. So a limit below what they reserve is refused before anything begins.
"""

from __future__ import annotations

import os
from typing import Final

from cvo_ml.core.errors import UsageError

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

#: Bytes that a command reserves with two processors, and for the threads of each further one.
NEEDED: Final = 4_000_000_000
OF_A_PROCESSOR: Final = 128_000_000


def refuse_small_address_space() -> None:
    """Refuse a limit in which a library would end the process.

    Raises
    ------
    UsageError
        If this process may reserve less than it needs.
    """
    if resource is None:
        return
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = NEEDED + OF_A_PROCESSOR * max(0, (os.cpu_count() or 1) - 2)
    if allowed != resource.RLIM_INFINITY and allowed < needed:
        raise UsageError(
            f"this process may reserve {allowed / 1e9:.1f} GB of address space (ulimit -v) and needs "
            f"{needed / 1e9:.1f}, most of which it never fills: lift that limit, or limit the memory in use instead "
            "(of a container, or MemoryMax of systemd)"
        )


def limit_own_memory(most: int) -> None:
    """Let this process reserve at most so many bytes from now on, and leave no core file: for children that parse.

    Whoever started the program may have set less already. Where the system has no such limit, nothing happens.
    """
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
