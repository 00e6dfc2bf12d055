"""One further table of a shop by itself, such as a list of prospects, read by the same strict rules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import ShopConfig, SourceConfig, TableConfig
from cvo_ml.core.contracts import CONTRACTS, ORDERS
from cvo_ml.core.ledger import RowLedger
from cvo_ml.ingest.assemble import side_table
from cvo_ml.ingest.batches import Whole
from cvo_ml.ingest.duplicates import resolve_duplicates
from cvo_ml.ingest.row_checks import check_rows
from cvo_ml.ingest.row_database import RowDatabase
from cvo_ml.ingest.scan import scan
from cvo_ml.ingest.sources import read_source
from cvo_ml.ingest.specs import side_spec

#: What stands behind a field's name in that of its times.
KNOWN_AT: Final = "_known_at"


@dataclass(frozen=True)
class SideTable:
    """A checked table, the account of its rows, and what was converted."""

    frame: pd.DataFrame
    ledger: RowLedger
    quarantine: pd.DataFrame
    notes: tuple[str, ...]


def read_side_table(
    shop: ShopConfig,
    table: str,
    path: Path | None = None,
    *,
    as_of: date | None = None,
    profile: Sequence[str] = (),
    max_bad_share: float | None = None,
) -> SideTable:
    """A further table of the shop, from its own source or from another file with the same headers.

    Parameters
    ----------
    path:
        A file in place of the declared source. Of a table that the shop does not declare, the headers are then the
        canonical names.
    profile:
        With ``path``: the fields to read, and where the file has them their times (``<field>_known_at``). The other
        fields that the shop declares need not be there.

    Raises
    ------
    DataError, ConfigError, UsageError
        As ``read_shop``.
    """
    config = shop.tables.get(table) or _undeclared(table, str(path))
    times = {f"{name}{KNOWN_AT}" for name in profile}
    if path is not None:
        source = config.source.model_copy(update={"path": str(path)})
        config = config.model_copy(update={"source": source, "profile": _fields(config, table, profile, times)})
    wanted, optional = {**config.columns, **config.profile}, times | set(CONTRACTS[table].names)
    optional -= set(CONTRACTS[table].required)
    raw = read_source(config.source, [*wanted.values()], {wanted[name] for name in optional & set(wanted)})
    present, fields = (
        {name: header for name, header in headers.items() if header in raw.columns}
        for headers in (config.columns, config.profile)
    )
    spec = side_spec(shop, table, config.model_copy(update={"columns": present, "profile": fields}), max_bad_share)
    with closing(RowDatabase()) as database:
        database.hold("orders", pa.Table.from_pandas(ORDERS.empty(), preserve_index=False))
        found = scan(Whole(raw), spec, as_of, database, check_rows)
        notes = resolve_duplicates(found)
        frame = side_table(found).frame()
    ledger = sum(found.account.ledgers.values(), RowLedger(0, 0))
    return SideTable(frame, ledger, found.account.quarantine(), (*found.notes, *notes))


def _undeclared(table: str, path: str) -> TableConfig:
    return TableConfig(source=SourceConfig(path=path), columns={name: name for name in CONTRACTS[table].names})


def _fields(config: TableConfig, table: str, profile: Sequence[str], times: set[str]) -> dict[str, str]:
    """The header of each field, by its own name where the shop does not declare it."""
    own = [name for name in (*profile, *sorted(times)) if name not in CONTRACTS[table].names]
    return {name: config.profile.get(name, name) for name in own}
