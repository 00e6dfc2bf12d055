"""How this package starts Python: a child imports what its parent imports, and nothing of the working folder.

Python puts the working folder before everything else for ``-m`` and ``-c``, and takes further folders, a start-up file
and a home from the environment. A folder of data that happens to hold ``yaml.py`` would be run in a library's place, so
a child starts without all of that and is handed its parent's path.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

#: The folder that holds this package: a checkout, or a folder of installed packages.
ROOT: Final = Path(__file__).resolve().parents[2]
#: The whole program of a child: take the path, then call what is named with the words that are left.
PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import importlib; module, _, name = "
    "sys.argv[2].partition(':'); sys.exit(getattr(importlib.import_module(module), name)(*sys.argv[3:]))"
)
#: What a child may be told of Python by the environment; the rest names files and folders that it would import from.
PASSED: Final = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONFAULTHANDLER",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
)
FOLDERS: Final = "PYTHONPATH"
#: Lists of folders in which the system finds programs and libraries; an empty or relative one is the working folder.
SEARCHED: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
#: What a checkout has beside this package, and an installation has not.
CHECKOUT: Final = "training"


def python_command(entry: str, *words: str) -> list[str]:
    """The command of a child that calls ``module:function`` with ``words``; its answer is the child's exit code.

    Examples
    --------
    >>> python_command("os:getpid")[1:4]
    ['-P', '-s', '-c']
    """
    return [sys.executable, "-P", "-s", "-c", PROGRAM, json.dumps(import_path()), entry, *words]


def python_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what Python would import from; a child's own children start as safely."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name in PASSED}
    kept |= {name: absolute_folders(kept[name]) for name in SEARCHED if name in kept}
    return {"MLFLOW_DISABLE_TELEMETRY": "true", **kept, "PYTHONSAFEPATH": "1", **(more or {})}


def absolute_folders(listed: str) -> str:
    """A list of folders, as in ``PATH``, without those that depend on where a process happens to work.

    Examples
    --------
    >>> absolute_folders(":/usr/bin:.:bin:/bin")
    '/usr/bin:/bin'
    """
    return os.pathsep.join(folder for folder in listed.split(os.pathsep) if Path(folder).is_absolute())


def import_path() -> list[str]:
    """Where a child imports from: this process's path without the working folder.

    Left out is also what ``PYTHONPATH`` names relative to the working folder, whatever Python made of it at its start.
    A checkout stands first, so that its own ``training`` is the one that is found; where this package is installed
    among others the standard library stays before all of them.
    """
    named = os.environ.get(FOLDERS, "").split(os.pathsep)
    relative = {str(Path(entry).absolute()) for entry in named if not Path(entry).is_absolute()}
    kept = [
        entry
        for entry in sys.path
        if Path(entry).is_absolute() and entry not in relative and not _is_working_folder(entry)
    ]
    first = [str(ROOT)] if (ROOT / CHECKOUT).is_dir() else []
    return list(dict.fromkeys([*first, *kept, str(ROOT)]))


def _is_working_folder(entry: str) -> bool:
    try:
        return Path(entry).samefile(os.curdir)
    except OSError:  # an archive that is not there, a working folder that is gone
        return False
