"""The folder in which a table's rows are kept between readings.

Layout::

    kept.json          what is kept, of which columns, up to which watermark, in which files: replaced in one step
    part-….parquet     rows
    gone-….parquet     the numbers of rows in one of them that were replaced
    .lock              whoever brings the folder up to date holds it

A file never changes, and stays for a while after nothing names it: somebody may read it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.errors import ConfigError, DamagedFile
from cvo_ml.core.files import LOCK, locked, read_json, write_json
from cvo_ml.core.result import Json
from cvo_ml.ingest.table_copies import TablePart

FORMAT_VERSION: Final = 1
STATE: Final = "kept.json"
#: Seconds that a reader of a file which nothing names any more may still need it.
GRACE: Final = 3600.0


@dataclass(frozen=True)
class Kept:
    """What is kept.

    Parameters
    ----------
    table:
        Of which database and table.
    declared:
        What it depends on: watermark, key, the sign of decimals, and the columns with their types.
    last:
        The greatest watermark: ISO 8601, or a whole number.
    parts:
        The files; one that is gone or of another length has -1 rows.
    """

    table: str
    declared: Mapping[str, Json]
    last: str | int
    parts: tuple[TablePart, ...]

    @property
    def rows(self) -> int:
        """All that are kept."""
        return sum(part.rows for part in self.parts)

    @property
    def is_sound(self) -> bool:
        """Whether each file is there, and as long as it was written."""
        return all(part.rows >= 0 for part in self.parts)


@contextmanager
def kept_folder(folder: Path) -> Iterator[KeptFolder]:
    """The folder, held alone until the block ends.

    Raises
    ------
    ConfigError
        If it holds other files.
    DamagedFile
        If what it says of itself cannot be read.
    """
    _refuse_strange(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # customers' rows
    with locked(folder):
        held = KeptFolder(folder, _read(folder))
        _sweep(folder, held.before)
        yield held


@dataclass(frozen=True)
class KeptFolder:
    """A folder that this process holds, and what is kept in it."""

    path: Path
    before: Kept | None

    def keep(self, now: Kept) -> None:
        """Name what is kept now, in one step."""
        write_json(self.path / STATE, _content(now))
        for path in _files(self.before) - _files(now):
            with suppress(OSError):
                os.utime(path)  # from now on nothing names it


def _content(kept: Kept) -> dict[str, Json]:
    return {
        "format_version": FORMAT_VERSION,
        "table": kept.table,
        "declared": dict(kept.declared),
        "last": kept.last,
        "parts": [
            {"rows": part.rows, "file": _named(part.path), "gone": None if part.gone is None else _named(part.gone)}
            for part in kept.parts
        ],
    }


def _named(path: Path) -> dict[str, Json]:
    return {"name": path.name, "bytes": path.stat().st_size}


def _files(kept: Kept | None) -> set[Path]:
    """The files that are named."""
    parts = kept.parts if kept is not None else ()
    return {path for part in parts for path in (part.path, part.gone) if path is not None}


def _read(folder: Path) -> Kept | None:
    """What is kept in a folder; a file of which the size is another than was written counts as gone."""
    if not (folder / STATE).exists():
        return None
    stored = read_json(folder / STATE)
    try:
        parts = [_part(folder, part["rows"], part["file"], part["gone"]) for part in stored["parts"]]
        declared, last = dict(stored["declared"]), stored["last"]
        return Kept(str(stored["table"]), declared, last if isinstance(last, int) else str(last), tuple(parts))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DamagedFile(f"{folder / STATE}: is damaged: delete {folder}, and all rows are read again") from None


def _part(folder: Path, rows: int, file: Mapping[str, Any], gone: Mapping[str, Any] | None) -> TablePart:
    paths = [folder / Path(named["name"]).name for named in (file, gone) if named is not None]
    sizes = [named["bytes"] for named in (file, gone) if named is not None]
    is_sound = all(path.is_file() and path.stat().st_size == size for path, size in zip(paths, sizes, strict=True))
    return TablePart(paths[0], int(rows) if is_sound else -1, paths[1] if gone is not None else None)


def _refuse_strange(folder: Path) -> None:
    """Refuse a folder with files of somebody else: those that nothing names are removed from it."""
    if not folder.exists() or (folder / STATE).exists():
        return
    if not folder.is_dir() or any(not _is_own(path) for path in folder.iterdir()):
        raise ConfigError(f"source: kept_in: {folder} holds other files: name a new folder")


def _is_own(path: Path) -> bool:
    return path.name in (LOCK, STATE) or path.name.startswith(("part-", "gone-", f".{STATE}."))


def _sweep(folder: Path, kept: Kept | None) -> None:
    """Remove files that nothing names any more: replaced ones, and those of readings that were killed."""
    held = _files(kept)
    os.utime(folder / LOCK)
    now = (folder / LOCK).stat().st_mtime  # by the file system's own clock, which may be another machine's
    for path in (*folder.glob("part-*.parquet"), *folder.glob("gone-*.parquet")):
        with suppress(OSError):
            if path not in held and now - path.stat().st_mtime > GRACE:
                path.unlink()
