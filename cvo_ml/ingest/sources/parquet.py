"""Parquet by declared columns; its types are used, never trusted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.core.errors import DataError
from cvo_ml.core.files import sha256_of
from cvo_ml.ingest.raw import RawTable, check_header, raw_from_arrow
from cvo_ml.ingest.sources.inspection import require_file


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
    with open_parquet(path) as file:
        header = file.schema_arrow.names
        check_header(header, [name for name in wanted if name not in optional], path.name)
        found = [name for name in dict.fromkeys(wanted) if name in header]
        table = file.read(columns=found)
    return raw_from_arrow(table, found, path.name, sha256_of(path))


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """An open Parquet file; what Arrow cannot read of it is refused.

    Raises
    ------
    DataError
        If it is no Parquet file, or damaged.
    UsageError
        If there is no such file.
    """
    require_file(path)
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        problem = f"is not a readable Parquet file ({' '.join(str(error).split())[:120]})"
        raise DataError(problem, "copy or export it again", file=path.name) from None
