"""What a source gives: columns as they stand in its files, each row with its place."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError, nearest_name
from cvo_ml.ingest.known_exports import how_to_map
from cvo_ml.ingest.plain_numbers import number_text

#: Bytes of the longest field: ids, names and times have some dozen.
LONGEST_FIELD: Final = 64 << 10
#: Columns of the widest table: exports have some hundred.
MOST_COLUMNS: Final = 10_000
_PLAIN_KINDS: Final = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
    pa.types.is_timestamp, pa.types.is_date, pa.types.is_boolean, pa.types.is_null,
)  # fmt: skip


@dataclass(frozen=True)
class SourceFile:
    """A file or database table that was read: its name, its rows (with the faulty ones), its content's SHA-256."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Places:
    """Where rows stand.

    Parameters
    ----------
    files:
        Names of the files.
    file:
        (n,) index of each row's file.
    row:
        (n,) data row number in that file; 1 is the first row after the header.
    """

    files: tuple[str, ...]
    file: NDArray[np.int32]
    row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, chosen: NDArray[np.generic]) -> Places:
        return Places(self.files, self.file[chosen], self.row[chosen])

    def by_file(self) -> dict[str, int]:
        """How many rows each file has, of those that have any."""
        counts = np.bincount(self.file, minlength=len(self.files)).tolist()
        return {name: count for name, count in zip(self.files, counts, strict=True) if count}

    def first(self, most: int = 3) -> tuple[str, list[int]]:
        """The file of the first row (and how many other files hold some), and its first row numbers.

        Examples
        --------
        >>> Places(("a.csv", "b.csv"), np.array([0, 0, 1]), np.array([4, 9, 2])).first()
        ('a.csv (and 1 more file)', [4, 9])
        """
        if not len(self):
            return ", ".join(self.files[:1]), []
        here = self.file[0]
        others = len(np.unique(self.file)) - 1
        more = f" (and {others} more file{'s' * (others != 1)})" if others else ""
        return self.files[here] + more, self.row[self.file == here][:most].tolist()


def one_file(name: str, rows: NDArray[np.int64]) -> Places:
    """The places of rows of one file."""
    return Places((name,), np.zeros(len(rows), dtype=np.int32), rows.astype(np.int64))


@dataclass(frozen=True)
class RawTable:
    """The wanted columns of one source, before any cast.

    Parameters
    ----------
    columns:
        Header name to values, all of one length n.
    places:
        Where the n rows stand.
    ragged:
        Where the rows stand that could not be split into the header's fields; not in ``columns``.
    notes:
        What was repaired while reading.
    left_out:
        Rule to (n,) mask of the rows that the format itself leaves out of this table.
    gone:
        Rule to file to how many further such rows it has, which are not in ``columns`` any more.

    Raises
    ------
    DataError
        If a field is longer than any is (``LONGEST_FIELD``).
    """

    sources: tuple[SourceFile, ...]
    columns: Mapping[str, pa.ChunkedArray]
    places: Places
    ragged: Places
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, Flags] = field(default_factory=dict)
    gone: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for header, values in self.columns.items():
            _refuse_long(values, header, self.places)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def rows(self) -> int:
        """Rows of all files, with the ragged ones and without those that are gone."""
        return len(self.places) + len(self.ragged)

    def renamed(self, name: str) -> RawTable:
        """The table of one file under another name."""
        return replace(
            self,
            sources=(replace(self.sources[0], name=name),),
            places=replace(self.places, files=(name,)),
            ragged=replace(self.ragged, files=(name,)),
        )


def stack(tables: Sequence[RawTable]) -> RawTable:
    """Several files of one schema as one table, in the order given.

    Raises
    ------
    DataError
        If a column has texts in one file and numbers in another.
    """
    if len(tables) == 1:
        return tables[0]
    columns = {
        name: _stacked(name, tables) for name in dict.fromkeys(name for table in tables for name in table.columns)
    }
    rules = dict.fromkeys(rule for table in tables for rule in table.left_out)
    left_out = {
        rule: np.concatenate([table.left_out.get(rule, np.zeros(len(table), dtype=np.bool_)) for table in tables])
        for rule in rules
    }
    sources = tuple(source for table in tables for source in table.sources)
    notes = tuple(note for table in tables for note in table.notes)
    return RawTable(
        sources,
        columns,
        _places([table.places for table in tables]),
        _places([table.ragged for table in tables]),
        notes,
        left_out,
    )


def _stacked(name: str, tables: Sequence[RawTable]) -> pa.ChunkedArray:
    having = [table for table in tables if name in table.columns]  # one that need not be there may lack in some
    first = having[0].columns[name].type
    for table in having[1:]:
        if table.columns[name].type != first:
            raise DataError(
                f"holds {table.columns[name].type}, but {having[0].sources[0].name} holds {first}",
                "export all files in one schema",
                file=table.sources[0].name,
                column=name,
            )
    parts = [table.columns.get(name, pa.chunked_array([pa.nulls(len(table), first)])) for table in tables]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], first)


def _places(parts: Sequence[Places]) -> Places:
    starts = np.cumsum([0, *(len(part.files) for part in parts[:-1])])
    return Places(
        tuple(name for part in parts for name in part.files),
        np.concatenate([part.file + start for part, start in zip(parts, starts, strict=True)]).astype(np.int32),
        np.concatenate([part.row for part in parts]),
    )


def _refuse_long(values: pa.ChunkedArray, header: str, places: Places) -> None:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return
    plain = values.cast(kind) if pa.types.is_dictionary(values.type) else values
    lengths = pc.binary_length(plain)
    if (pc.max(lengths).as_py() or 0) > LONGEST_FIELD:
        long = np.asarray(pc.fill_null(pc.greater(lengths, LONGEST_FIELD), False).to_numpy(zero_copy_only=False))
        file, first_rows = places[long].first()
        raise DataError(
            f"a field holds more than {LONGEST_FIELD >> 10:,} kB",
            "check its quotes, or leave such rows out",
            file=file,
            column=header,
            count=int(long.sum()),
            first_rows=first_rows,
        )


def check_header(header: Sequence[str], wanted: Sequence[str], file: str) -> None:
    """Refuse a header that names a wanted column several times or not at all; others may repeat, or have no name.

    Raises
    ------
    DataError
        Naming the column, and the nearest name where one is missing.
    """
    if len(header) > MOST_COLUMNS:
        raise DataError(f"its header has {len(header):,} columns", f"export at most {MOST_COLUMNS:,}", file=file)
    times = Counter(header)
    for name in wanted:
        if times[name] > 1:
            raise DataError(
                f"the header names it {times[name]} times",
                "give each column a name of its own",
                file=file,
                column=name,
            )
        if name not in times:
            raise DataError(
                f"no such column{nearest_name(name, header)}; the file has {', '.join(map(repr, header[:20]))}",
                how_to_map(header, "header of the file"),
                file=file,
                column=name,
            )


class Wanted(list[str]):
    """Headers to be read, and a rule that says which of the others are read beside them, where a file has them."""

    def __init__(self, headers: Iterable[str], beside: Callable[[str], object] = lambda _: None) -> None:
        super().__init__(dict.fromkeys(headers))
        self.beside = beside


def present(header: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The wanted headers that a file has, and those that are read beside them if they stand there once.

    Examples
    --------
    >>> present(["a", "Test", "c", "c"], Wanted(["a", "b"], lambda name: name in ("Test", "c")))
    ['a', 'Test']
    """
    times = Counter(header)
    found = dict.fromkeys(name for name in wanted if name in times)
    if isinstance(wanted, Wanted) and len(header) <= MOST_COLUMNS:
        found |= dict.fromkeys(
            name for name in header if name not in found and times[name] == 1 and wanted.beside(name)
        )
    return list(found)


def refuse_empty(rows: int, file: str) -> None:
    """Refuse a table without rows.

    Raises
    ------
    DataError
        If ``rows`` is 0.
    """
    if rows == 0:
        raise DataError("has a header but no rows", "export it again", file=file)


def raw_from_arrow(table: pa.Table, wanted: Sequence[str], name: str, sha256: str) -> RawTable:
    """A raw table from typed columns (Parquet, databases, DataFrame).

    Raises
    ------
    DataError
        If a wanted column is missing, or a name repeats.
    """
    check_header(table.column_names, wanted, name)
    return RawTable(
        (SourceFile(name, table.num_rows, sha256),),
        {column: plain(table[column], column, name) for column in wanted},
        one_file(name, np.arange(1, table.num_rows + 1)),
        one_file(name, np.array([])),
    )


def plain(values: pa.ChunkedArray, column: str, file: str) -> pa.ChunkedArray:
    """The values, where they are texts, numbers, times or flags; UUIDs as text."""
    if not len(values):  # a table that was never filled has no types either
        return pa.chunked_array([[]], pa.large_string())
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if getattr(kind, "extension_name", "") == "arrow.uuid":
        return pa.chunked_array(
            [[None if value is None else str(value) for value in values.to_pylist()]], pa.large_string()
        )
    if pa.types.is_string_view(kind):
        return values.cast(pa.large_string())
    if any(is_kind(kind) for is_kind in _PLAIN_KINDS):
        return values
    raise DataError(
        f"holds {kind}, which is no text, number, time or flag", "export it as text", file=file, column=column
    )


def raw_from_frame(frame: pd.DataFrame, wanted: Sequence[str], name: str = "DataFrame") -> RawTable:
    """A raw table from a DataFrame; the index is ignored, and columns of mixed types are read as text.

    Raises
    ------
    DataError
        As :func:`raw_from_arrow`; or if there are no rows.
    """
    refuse_empty(len(frame), name)
    header = [str(column) for column in frame.columns]
    check_header(header, wanted, name)
    wanted = present(header, wanted)
    named = frame.set_axis(header, axis=1)
    table = pa.table({column: _array(named[column]) for column in wanted})
    return raw_from_arrow(table, wanted, name, arrow_hash(table))


def _array(values: pd.Series) -> pa.Array:
    if values.dtype == object:
        missing = values.isna().to_numpy()
        texts = [None if gone else _written(value) for value, gone in zip(values, missing, strict=True)]
        return pa.array(texts, pa.large_string())
    return pa.Array.from_pandas(values)


def _written(value: object) -> str:
    return number_text(str(value), ".") if isinstance(value, float | Decimal) else str(value)


def arrow_hash(table: pa.Table) -> str:
    """SHA-256 of a table's values, whatever its chunks."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.remove_metadata()) as writer:
        writer.write_table(table.replace_schema_metadata(None).combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()
