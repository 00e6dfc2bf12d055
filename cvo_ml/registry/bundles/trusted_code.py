"""The workspace's list of trusted code: digests of feature files that a user of this workspace named to ``cvo train``.

It lies beside the registry and outside of any bundle, so that no model can bring its own trust. It counts only where it
was written: in the folder that it names, as a plain file of this user (or the system's) that nobody else may write.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import CvoError
from cvo_ml.core.files import locked, write_json
from cvo_ml.core.input_files import NoInput, read_input, read_json_input
from cvo_ml.features.own import NOBODY, FeatureFile, Trust

LIST: Final = "trusted_code.json"


@dataclass(frozen=True)
class TrustedFile:
    """A file that was named.

    Parameters
    ----------
    sha256:
        Of its bytes when it was named.
    path:
        Where it lay.
    """

    sha256: str
    path: str


def trust_of(folder: Path, everybody: bool = False) -> Trust:
    """Whose code may run with the models in a folder.

    Parameters
    ----------
    folder:
        The one of the registry.
    everybody:
        As the user has said for this call.
    """
    return Trust(frozenset(file.sha256 for file in trusted_files(folder)), everybody)


def trusted_files(folder: Path) -> tuple[TrustedFile, ...]:
    """What the folder's list holds; nothing where there is none that counts here."""
    path = folder / LIST
    if not _is_ours(path):
        return ()
    try:
        content = read_json_input(path)
        if content["folder"] != str(folder.resolve()):
            return ()
        return tuple(TrustedFile(str(each["sha256"]), str(each["path"])) for each in content["files"])
    except (CvoError, KeyError, TypeError, ValueError):
        return ()


def trust_file(folder: Path, file: FeatureFile, path: Path) -> None:
    """Put a file that the user named on the list of a folder.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named = TrustedFile(file.sha256, str(path.resolve()))
    with locked(folder):
        known = trusted_files(folder)
        if named in known:
            return
        files = [{"sha256": each.sha256, "path": each.path} for each in (*known, named)]
        write_json(folder / LIST, {"folder": str(folder.resolve()), "files": files})
        os.chmod(folder / LIST, 0o644)


def changed_since(folder: Path, file: FeatureFile) -> str | None:
    """The name of the file from which a bundle's copy came, if it holds something else now; else None."""
    for known in trusted_files(folder):
        if known.sha256 == file.sha256:
            try:
                now = read_input(Path(known.path))
            except (NoInput, CvoError):
                continue
            if now != file.text.encode():
                return Path(known.path).name
    return None


def workspace_around(path: Path) -> Trust:
    """Whose code may run with a bundle that lies somewhere in a registry's folder; nobody's elsewhere."""
    for folder in path.resolve().parents:
        if trusted_files(folder):
            return trust_of(folder)
    return NOBODY


def _is_ours(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode):
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid in (0, os.getuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
