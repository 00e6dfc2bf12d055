"""Tables that stay on disk: a shop read into a folder of Parquet files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.files import staged_folder
from cvo_ml.core.stored_table import StoredFrames
from cvo_ml.ingest.reader import ReadResult, read_shop
from cvo_ml.ingest.row_database import MEMORY


def read_large(
    shop: ShopConfig,
    folder: Path,
    *,
    memory_limit: str = MEMORY,
    as_of: date | None = None,
    max_bad_share: float | None = None,
) -> ReadResult:
    """The shop's tables as ``<folder>/<table>.parquet``, by :func:`read_shop`, in bounded memory where it is large.

    Parameters
    ----------
    folder:
        Where the tables go, when all is done; replaced if it is there. The order of their rows says nothing.
    memory_limit, as_of, max_bad_share:
        As for ``read_shop``.

    Raises
    ------
    DataError, ConfigError, UsageError
        As ``read_shop``.
    """
    result = read_shop(shop, as_of=as_of, max_bad_share=max_bad_share, memory_limit=memory_limit)
    assert isinstance(result.tables.frames, StoredFrames)
    with staged_folder(folder) as staging:
        for name, table in result.tables.frames.tables.items():
            table.write(staging / f"{name}.parquet")
    return result
