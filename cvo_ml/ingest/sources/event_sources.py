"""The files of a stream of events: JSON lines (also gzip or zip), documents that list objects, nested Parquet."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from cvo_ml.config.shops import SourceConfig
from cvo_ml.ingest.sources.event_lines import EventBlock, EventChoice, event_blocks
from cvo_ml.ingest.sources.event_parquet import parquet_blocks
from cvo_ml.ingest.sources.inspection import Inspection
from cvo_ml.ingest.sources.json_lines import (
    JsonObjects,
    at,
    has_lines,
    inspect_json,
    names_in,
    objects_of,
    parse_line,
)
from cvo_ml.ingest.sources.parquet import open_parquet

#: Bytes of lines: what matters of a smaller stream is held, and nothing of it is written to disk.
LARGE: Final = 64 << 20
_PACKED: Final = 10  # events repeat their keys: packed, they are a tenth
_FIRST: Final = 100


class EventFile:
    """One file, inspected; iterating gives its events block by block.

    Raises
    ------
    DataError, UsageError
        If it cannot be read.
    """

    def __init__(self, path: Path, name: str, config: SourceConfig, choice: EventChoice) -> None:
        self.name, self._path, self._config, self._choice = name, path, config, choice
        self._inspection: Inspection | None = None
        self._document: JsonObjects | None = None
        if is_parquet(path):
            with open_parquet(path) as found:
                self.sha256, self._stamp = found.sha256(), found.stamp
                self._columns = [str(name) for name in found.rows.schema_arrow.names]
            return
        self._inspection = inspect_json(path, config)
        self.sha256 = self._inspection.sha256
        if not has_lines(self._inspection, config):
            self._document = objects_of(self._inspection, config, choice.tells)

    @property
    def keys(self) -> Collection[str]:
        """The keys of its first objects, and of the objects in them."""
        if self._document is not None:
            return names_in(self._document.objects)
        if self._inspection is None:
            return self._columns
        lines = itertools.islice((line for line in self._inspection.head.split("\n") if line.strip()), _FIRST)
        found = (parse_line(line, self._config) for line in lines)
        return names_in([item for item in found if isinstance(item, dict)])

    def __iter__(self) -> Iterator[EventBlock]:
        if self._inspection is None:
            return parquet_blocks(self._path, self._stamp, self._choice, self._config.decimal)
        if self._document is None:
            return event_blocks(self._inspection, self._config, self._choice)
        found = self._document
        named = sum(at(item, self._choice.tells[0]) is not None for item in found.objects)
        return iter([EventBlock(found.places.row, found.objects, 0, named, found.ragged.row)])


def event_files(paths: Sequence[Path], config: SourceConfig, choice: EventChoice) -> Iterator[EventFile]:
    """The files, one after the other, as each is asked for: no two are held.

    Raises
    ------
    DataError, UsageError
        If one cannot be read.
    """
    told_apart = len({path.name for path in paths}) == len(paths)
    for path in paths:
        yield EventFile(path, path.name if told_apart else f"{path.parent.name}/{path.name}", config, choice)


def are_large(paths: Sequence[Path]) -> bool:
    """Whether the files hold :data:`LARGE` bytes of lines and more."""
    packed = (".gz", ".zip", ".parquet")
    sizes = (path.stat().st_size * (_PACKED if path.name.lower().endswith(packed) else 1) for path in _there(paths))
    return sum(sizes) >= LARGE


def is_parquet(path: Path) -> bool:
    """Whether a file of this name is Parquet."""
    return path.name.lower().endswith(".parquet")


def _there(paths: Sequence[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())
