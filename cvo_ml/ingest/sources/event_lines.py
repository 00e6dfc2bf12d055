"""Events of JSON lines in one pass: those that matter are parsed, the others are known to be events and counted.

Of ten million events of a tracker some hundred thousand are orders, refunds and arrivals. DuckDB looks at each line and
takes out of it what tells one event from another, which costs a fiftieth of parsing it in Python. A line in which it
finds none of that, or that it cannot parse, is judged by Python's parser, as lines of all other formats are: so a line
is an event if and only if it is a whole JSON object. What a line holds beside that is looked at in events that matter.
"""

# ruff: noqa: S608 (paths and names in the query come from the formats)

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.result import Json
from cvo_ml.core.sessions import memory_session
from cvo_ml.ingest.row_database import literal
from cvo_ml.ingest.sources.inspection import Inspection
from cvo_ml.ingest.sources.json_lines import parse_line

#: Bytes that are looked at together.
BLOCK: Final = 16 << 20
_OTHER, _CHOSEN, _UNTOLD = 0, 1, 2
#: Whole lines, where each begins and ends, the verdict on each, and how many have a name.
_LookedAt = tuple[bytes, NDArray[np.int64], NDArray[np.int8], int]


@dataclass(frozen=True)
class EventChoice:
    """Which events matter.

    Parameters
    ----------
    tells:
        Paths of which at least one is filled in every event, such as ``event_name``: the first holds its name.
    names:
        What stands there in those that matter.
    marks:
        Paths; an event with something at one of them may matter too.
    """

    tells: tuple[str, ...]
    names: frozenset[str]
    marks: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        """What becomes of each line of ``block``."""
        paths = ", ".join(literal("$." + ".".join(f'"{part}"' for part in p.split("."))) for p in self._paths)
        names = ", ".join(map(literal, sorted(self.names)))
        named = [f"found[{place}] IN ({names})" for place in range(1, len(self.tells) + 1)]
        marked = [f"found[{place}] IS NOT NULL" for place in range(len(self.tells) + 1, len(self._paths) + 1)]
        told = [f"found[{place}] IS NOT NULL" for place in range(1, len(self._paths) + 1)]
        return (
            f"SELECT CAST(CASE WHEN {' OR '.join([*named, *marked])} THEN {_CHOSEN} WHEN {' OR '.join(told)} "
            f"THEN {_OTHER} ELSE {_UNTOLD} END AS TINYINT) AS verdict, found[1] IS NOT NULL AS named "
            f"FROM (SELECT try(json_extract_string(line, [{paths}])) AS found FROM block)"
        )

    @property
    def _paths(self) -> tuple[str, ...]:
        return (*self.tells, *self.marks)


@dataclass(frozen=True)
class EventBlock:
    """What a part of a file holds.

    Parameters
    ----------
    numbers:
        (n,) the row of each object: 1 is the first line that is not blank.
    objects:
        (n,) the objects that may matter.
    others:
        How many more there are.
    named:
        How many have a name.
    ragged:
        The rows that are no objects.
    broken:
        How many of these have a name in them of those that matter.
    """

    numbers: NDArray[np.int64]
    objects: Sequence[Mapping[str, Json]]
    others: int
    named: int
    ragged: NDArray[np.int64]
    broken: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return len(self.numbers) + self.others + len(self.ragged)


def event_blocks(inspection: Inspection, config: SourceConfig, choice: EventChoice) -> Iterator[EventBlock]:
    """The events of a file of JSON lines, block by block.

    Raises
    ------
    DataError
        If the file is another one by now.
    """
    start = 0
    for looked_at in _ahead(_looked_at(inspection, config.encoding, choice.query)):
        found = _judged(looked_at, lambda line: parse_line(line, config), start, choice.names)
        start += found.rows
        yield found


def _looked_at(inspection: Inspection, encoding: str, query: str) -> Iterator[_LookedAt]:
    session = memory_session()
    try:
        for block in _blocks(inspection, encoding):
            lines, offsets = _lines(block)
            session.register("block", pa.table({"line": lines}))
            found = session.sql(query).to_arrow_table()
            yield block, offsets, found["verdict"].to_numpy(), int(found["named"].to_numpy().sum())
    finally:
        session.close()


def _ahead(found: Iterator[_LookedAt]) -> Iterator[_LookedAt]:
    """The same, of which the next one is looked at while somebody parses this one."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, found, None)
        while (one := following.result()) is not None:
            following = pool.submit(next, found, None)
            yield one


def _blocks(inspection: Inspection, encoding: str) -> Iterator[bytes]:
    """Whole lines as UTF-8, without byte order mark."""
    rest, first = b"", True
    for piece in _pieces(inspection, encoding):
        piece = rest + (piece.removeprefix(codecs.BOM_UTF8) if first else piece)
        first, end = False, piece.rfind(b"\n") + 1
        if end:
            yield piece[:end]
        rest = piece[end:]
    if rest:
        yield rest


def _pieces(inspection: Inspection, encoding: str) -> Iterator[bytes]:
    if encoding == "utf-8":
        with inspection.stream() as stream:
            while piece := stream.read(BLOCK):
                yield piece
    else:
        with inspection.text(encoding, newline="\n") as stream:
            while text := stream.read(BLOCK):
                yield text.encode("utf-8", "replace")


def _lines(block: bytes) -> tuple[pa.Array, NDArray[np.int64]]:
    """The lines of a block as Arrow texts over its bytes, and where each ends."""
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")) + 1
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    return pa.Array.from_buffers(pa.large_string(), len(ends), buffers), offsets


def _judged(looked_at: _LookedAt, parse: Callable[[str], Any], start: int, names: Collection[str]) -> EventBlock:
    """The chosen lines of a block, parsed."""
    block, offsets, verdicts, named = looked_at
    places = np.flatnonzero(verdicts != _OTHER)
    found: dict[int, Any] = {}
    blank, broken = np.zeros(len(verdicts), dtype=np.bool_), 0
    for place in places.tolist():
        line = block[offsets[place] : offsets[place + 1]].decode("utf-8", "replace")
        if verdicts[place] == _UNTOLD and not line.strip():
            blank[place] = True
        else:
            found[place] = parse(line)
            if not isinstance(found[place], dict):
                broken += any(f'"{name}"' in line for name in names)
    numbers = start + np.cumsum(~blank)
    good = [place for place, item in found.items() if isinstance(item, dict)]
    ragged = [place for place, item in found.items() if not isinstance(item, dict)]
    others = len(verdicts) - int(blank.sum()) - len(found)
    return EventBlock(numbers[good], [found[place] for place in good], others, named, numbers[ragged], broken)
