"""The rows of a declared source, whatever it is: kept from before, copied, in batches, or at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from cvo_ml.config.shops import SourceConfig
from cvo_ml.ingest.batches import Batched, Whole, is_large, streamed
from cvo_ml.ingest.kept_tables import kept_table
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources import read_source
from cvo_ml.ingest.sources.database_kinds import is_database
from cvo_ml.ingest.sources.tables import open_table
from cvo_ml.ingest.table_copies import BATCH, copied_table


def rows_of(
    source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (), *, may_be_empty: bool = False
) -> Batched:
    """The wanted columns of a source, in batches where it is large.

    Parameters
    ----------
    optional, may_be_empty:
        As for ``read_source``.

    Raises
    ------
    DataError, ConfigError, UsageError
        As the source's reader.
    """
    if source.watermark is not None:
        kept = kept_table(source, wanted, optional, may_be_empty=may_be_empty)
        return Whole(kept.at_once()) if kept.rows <= BATCH else kept
    if _is_one_database(source):
        return copied_table(source, wanted, optional, may_be_empty=may_be_empty)
    if is_large(source):
        return streamed(source, wanted, optional, may_be_empty=may_be_empty)
    return Whole(read_source(source, wanted, optional, may_be_empty=may_be_empty))


def rows_at_once(
    source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (), *, may_be_empty: bool = False
) -> RawTable:
    """As :func:`rows_of`, held: for formats that need all rows together.

    Raises
    ------
    DataError, ConfigError, UsageError
        As the source's reader.
    """
    if source.watermark is not None:
        return kept_table(source, wanted, optional, may_be_empty=may_be_empty).at_once()
    return read_source(source, wanted, optional, may_be_empty=may_be_empty)


def come_in_batches(source: SourceConfig) -> bool:
    """Whether a source is so large that its rows come in batches.

    Raises
    ------
    DataError, ConfigError, UsageError
        If it is a database and cannot be reached.
    """
    if not _is_one_database(source):
        return is_large(source)
    with open_table(source, ()) as found:
        return found.database.count(found.table, BATCH + 1) > BATCH


def _is_one_database(source: SourceConfig) -> bool:
    """Whether a source is a table of a database, and not one of several files."""
    return is_database(source.path) and "*" not in source.path and not Path(source.path).is_dir()
