"""Parquet by declared columns; its types are used, never trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.core.errors import DataError
from cvo_ml.core.input_files import Stamp, open_input
from cvo_ml.ingest.raw import RawTable, check_header, present, raw_from_arrow
from cvo_ml.ingest.sources.inspection import HELD


def read_parquet(path: Path, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a Parquet file.

    Parameters
    ----------
    optional:
        Those of ``wanted`` that may be missing.

    Raises
    ------
    DataError
        If it is no Parquet file, a column is missing or repeats, or there are no rows.
    UsageError
        If there is no such file.
    """
    with open_parquet(path) as found:
        header = found.rows.schema_arrow.names
        check_header(header, [name for name in wanted if name not in optional], path.name)
        chosen = present(header, wanted)
        table = found.rows.read(columns=chosen)
        sha256 = found.sha256()
    return raw_from_arrow(table, chosen, path.name, sha256)


@dataclass(frozen=True)
class OpenParquet:
    """An open Parquet file: its rows, and what tells whether it is the same when it is opened again."""

    rows: pq.ParquetFile
    stamp: Stamp
    sha256: Callable[[], str]


@contextmanager
def open_parquet(path: Path, same_as: Stamp | None = None) -> Iterator[OpenParquet]:
    """An open Parquet file; what Arrow cannot read of it is refused.

    A small one is read at once, and hashed and parsed from memory; a larger one must not change until the block ends.

    Parameters
    ----------
    same_as:
        The file must be this very one.

    Raises
    ------
    DataError
        If it is no Parquet file, or damaged, or changes.
    UsageError
        If there is no such file.
    """
    with open_input(path, same_as) as file, _readable(path.name):
        if file.size <= HELD:
            content = file.content(HELD)
            with pq.ParquetFile(pa.BufferReader(content)) as rows:
                yield OpenParquet(rows, file.stamp, lambda: hashlib.sha256(content).hexdigest())
            return
        with pq.ParquetFile(pa.PythonFile(file.stream(), mode="r")) as rows:
            yield OpenParquet(rows, file.stamp, file.sha256)
        file.refuse_changed()


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # of the system: not of the file
            raise
        problem = f"is not a readable Parquet file ({' '.join(str(error).split())[:120]})"
        raise DataError(problem, "copy or export it again", file=name) from None
