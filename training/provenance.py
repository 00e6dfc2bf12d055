"""Which code and which libraries trained a model.

Git is a program, so it is found by the absolute folders of the path alone, asked about this checkout alone, and lets no
setting of a repository around it run another program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from cvo_ml.core.python_child import absolute_folders

ROOT: Final = Path(__file__).resolve().parent.parent
UNKNOWN: Final = "unknown"
#: Seconds after which a checkout on a slow disk stays unnamed.
PATIENCE: Final = 30.0
#: Settings by which a repository names programs that git starts when it is asked for its state.
_STARTS_NOTHING: Final = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def git_commit() -> str:
    """The checkout's commit, marked where files differ from it."""
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    return f"{commit or UNKNOWN}{' with changes' if changes else ''}"


def pins_hash() -> str:
    """What names the libraries: the digest of the lock file."""
    lock = ROOT / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12] if lock.is_file() else UNKNOWN


def _git(*words: str) -> str:
    """What git says of this checkout; nothing where there is no git, or this is no checkout of it."""
    folders = absolute_folders(os.environ.get("PATH", ""))
    git = shutil.which("git", path=folders) if folders else None
    if git is None or not (ROOT / ".git").exists():
        return ""
    # GIT_DIR and its like would lead to another repository
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        told = subprocess.run(
            [git, *_STARTS_NOTHING, *words],
            cwd=ROOT,
            env={**kept, "GIT_CEILING_DIRECTORIES": str(ROOT.parent), "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.decode(errors="replace").strip()
