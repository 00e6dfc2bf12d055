"""Which keys stand twice, and which orders have several customers, among more rows than memory holds.

Texts are compared by their 64-bit hashes, sorted part by part; what the hashes find is looked at in full by the caller,
so that two texts of one hash cost a look and change nothing.
"""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.ingest.row_database import RowDatabase, quoted

Hashes = NDArray[np.uint64]
_AT_ONCE: Final = 20_000_000  # hashes that are sorted in memory at once: 160 MB
_BATCH: Final = 1 << 20


def hash_of(columns: Sequence[str]) -> str:
    """The SQL of a row's hash over columns; null is a value like any other."""
    return f"hash({', '.join(map(quoted, columns))})"


def repeated(database: RowDatabase, source: str, columns: Sequence[str], rows: int) -> Hashes:
    """The hashes of ``columns`` that stand more than once among the ``rows`` rows of ``source``."""
    found: list[Hashes] = []
    for part in _parts(hash_of(columns), rows):
        values = _whole(_read(database, [hash_of(columns)], source, part)[0])
        values.sort()
        found.append(np.unique(values[1:][values[1:] == values[:-1]]))
    return np.concatenate(found)


def shared(database: RowDatabase, source: str, group: str, member: str, rows: int) -> Hashes:
    """The hashes of ``group`` that stand beside more than one ``member``."""
    found: list[Hashes] = []
    for part in _parts(hash_of([group]), rows):
        groups, members = _read(database, [hash_of([group]), hash_of([member])], source, part)
        changes = [_changes(*pair) for pair in zip(groups, members, strict=True)]
        left = _whole([values[kept] for values, kept in zip(groups, changes, strict=True)])
        right = _whole([values[kept] for values, kept in zip(members, changes, strict=True)])
        order = np.argsort(left, kind="stable")
        left, right = left[order], right[order]
        found.append(np.unique(left[1:][(left[1:] == left[:-1]) & (right[1:] != right[:-1])]))
    return np.concatenate(found)


def distinct(database: RowDatabase, source: str, value: str, rows: int) -> int:
    """How many different hashes an SQL expression has among the ``rows`` rows of ``source``."""
    count = 0
    for part in _parts(value, rows):
        hashes = _whole(_read(database, [value], source, part)[0])
        hashes.sort()
        count += int((hashes[1:] != hashes[:-1]).sum()) + (len(hashes) > 0)
    return count


def _whole(pieces: Sequence[Hashes]) -> Hashes:
    return np.concatenate([np.empty(0, np.uint64), *pieces])


def _changes(groups: Hashes, members: Hashes) -> NDArray[np.bool_]:
    """The rows that differ from the one before: the lines of an order mostly stand together."""
    kept = np.ones(len(groups), dtype=np.bool_)
    kept[1:] = (groups[1:] != groups[:-1]) | (members[1:] != members[:-1])
    return kept


def _parts(hashed: str, rows: int) -> Iterator[str]:
    """Conditions that take the rows apart, those of one hash together."""
    parts = max(1, -(-rows // _AT_ONCE))
    yield from (f"{hashed} % {parts} = {part}" for part in range(parts)) if parts > 1 else ("true",)


def _read(database: RowDatabase, values: Sequence[str], source: str, condition: str) -> tuple[list[Hashes], ...]:
    """The values of each expression, in pieces."""
    query = f"SELECT {', '.join(f'{value} AS v{n}' for n, value in enumerate(values))} FROM {source} WHERE {condition}"
    pieces: tuple[list[Hashes], ...] = tuple([] for _ in values)
    for batch in database.batches(query, _BATCH):
        for piece, column in zip(pieces, batch.columns, strict=True):
            piece.append(column.to_numpy())
    return pieces
