"""Paths that are made of names: each stays in the folder that it was made for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import UsageError
from cvo_ml.core.terminal_text import escaped

#: Bytes of a name that every file system takes.
LONGEST: Final = 255
#: Names of devices on Windows, with any ending: a folder that is copied there would not open.
_DEVICE: Final = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|]')


def inside(root: Path, *names: str) -> Path:
    """The file or folder below ``root`` that names lead to, each one level down.

    Raises
    ------
    UsageError
        If a name is none of a file (it has a separator, an unseen sign, is ``..`` or a device, or is too long), or a
        link on the way leads out of ``root``.

    Examples
    --------
    >>> inside(Path("mlruns"), "artifacts", "shop-clv").as_posix()
    'mlruns/artifacts/shop-clv'
    >>> inside(Path("mlruns"), "../x")
    Traceback (most recent call last):
    cvo_ml.core.errors.UsageError: '../x' is no name of a file: use letters, digits, '_', '-' and '.'
    """
    for name in names:
        if not is_file_name(name):
            raise UsageError(f"'{escaped(name)[:60]}' is no name of a file: use letters, digits, '_', '-' and '.'")
    path = root.joinpath(*names)
    if not path.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{path}: a link leads out of {root}: remove it, or name the other place itself")
    return path


def is_file_name(name: str) -> bool:
    """Whether a text names one file in a folder, on every system.

    Examples
    --------
    >>> [is_file_name(name) for name in ("a-b.csv", "..", "", "a/b", "con.txt", "a.", "a\\x1b", "x" * 300)]
    [True, False, False, False, False, False, False, False]
    """
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= LONGEST
        and escaped(name) == name
        and not name.endswith((".", " "))
        and not _FORBIDDEN.search(name)
        and not _DEVICE.fullmatch(name)
    )
