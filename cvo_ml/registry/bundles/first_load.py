"""The first load of a bundle, in a process of its own with little time and memory.

LightGBM's reader aborts the process on damaged trees, or never ends, and Python cannot catch that. Digests find damage
that came after the manifest was written; what was wrong before is found here, at the cost of a child. The child gets
the very bytes that its parent has read and hashed; but for the manifest, which is small, it is the first to parse them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from cvo_ml.core.address_space import limit_own_memory
from cvo_ml.core.errors import BundleError, CvoError
from cvo_ml.core.python_child import python_command, python_environment
from cvo_ml.registry.bundles.bundle import Bundle, check_bundle, parse_bundle
from cvo_ml.registry.bundles.bundle_files import packed, read_bundle_files, unpacked

#: What the child calls.
CHILD: Final = "cvo_ml.registry.bundles.first_load:serve"
#: Wall-clock seconds, most of which a busy machine spends on imports.
SECONDS: Final = 120.0
#: Bytes of address space.
MEMORY: Final = 6 << 30


def admit(folder: Path, *, seconds: float = SECONDS, memory: int = MEMORY) -> Bundle:
    """The bundle in ``folder`` if a child process could load it and it still gives its golden scores.

    Parameters
    ----------
    seconds, memory:
        Limits of the child: wall-clock time, and bytes of address space (where the system has such a limit).

    Raises
    ------
    BundleError
        If it is damaged, kills or outlasts the child, or scores otherwise than at its training.
    """
    files = read_bundle_files(folder)
    check_bundle(files, folder)
    try:
        done = subprocess.run(
            python_command(CHILD, str(folder), str(memory)),
            input=packed(files),
            capture_output=True,
            timeout=seconds,
            env=python_environment({"OMP_NUM_THREADS": "1"}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"{folder}: did not load within {seconds:g} s: refused; train again") from None
    if done.returncode:
        raise BundleError(_why(folder, done.returncode, done.stderr.decode(errors="replace").strip().splitlines()))
    return parse_bundle(files, folder)


def _why(folder: Path, code: int, said: list[str]) -> str:
    if code == BundleError.exit_code and said:
        return said[-1]
    how = signal.Signals(-code).name if code < 0 else f"code {code}"
    last = f"; its last words: {said[-1]}" if said else ""
    return f"{folder}: loading it ended its process ({how}){last}: refused; train again"


def serve(folder: str, memory: str) -> int:
    """The child: load, score, and say in one sentence why not; 0 = it gives its golden scores, 4 = refused."""
    limit_own_memory(int(memory))
    from cvo_ml.registry.bundles.golden import check_golden
    from cvo_ml.registry.bundles.loaded import load_model

    try:
        bundle = parse_bundle(unpacked(sys.stdin.buffer), Path(folder))
        load_model(bundle)
        check_golden(bundle)
    except CvoError as error:
        print(error, file=sys.stderr)
    except Exception as error:  # whatever a library makes of damaged content, the answer is no
        print(f"{folder}: cannot be loaded ({type(error).__name__}: {error}): train again", file=sys.stderr)
    else:
        return 0
    return BundleError.exit_code
