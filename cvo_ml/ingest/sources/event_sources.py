"""The files of a stream of events: JSON lines (also gzip or zip), or documents that list objects."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from cvo_ml.config.shops import SourceConfig
from cvo_ml.ingest.sources.event_lines import EventBlock, EventChoice, event_blocks
from cvo_ml.ingest.sources.json_lines import at, has_lines, inspect_json, names_in, objects_of, parse_line

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
        self.name, self._config, self._choice = name, config, choice
        self._inspection = inspect_json(path, config)
        self.sha256 = self._inspection.sha256
        lines = has_lines(self._inspection, config)
        self._document = None if lines else objects_of(self._inspection, config, choice.tells)

    @property
    def keys(self) -> Collection[str]:
        """The keys of its first objects, and of the objects in them."""
        if self._document is not None:
            return names_in(self._document.objects)
        lines = itertools.islice((line for line in self._inspection.head.split("\n") if line.strip()), _FIRST)
        found = (parse_line(line, self._config) for line in lines)
        return names_in([item for item in found if isinstance(item, dict)])

    def __iter__(self) -> Iterator[EventBlock]:
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
    packed = (".gz", ".zip")
    sizes = (path.stat().st_size * (_PACKED if path.name.lower().endswith(packed) else 1) for path in _there(paths))
    return sum(sizes) >= LARGE


def _there(paths: Sequence[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())
