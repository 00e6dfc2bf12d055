"""One further table of a shop by itself, such as a list of prospects, read by the same strict rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from cvo_ml.config.shops import ShopConfig, SourceConfig, TableConfig
from cvo_ml.core.contracts import CONTRACTS, ORDERS
from cvo_ml.core.ledger import RowLedger
from cvo_ml.transactions.assembly import side_frame
from cvo_ml.transactions.cross_checks import check_rows
from cvo_ml.transactions.duplicates import judge_duplicates
from cvo_ml.transactions.judging import judge
from cvo_ml.transactions.sources import read_source
from cvo_ml.transactions.specs import side_spec


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
        Fields to read of a table that the shop does not declare.

    Raises
    ------
    DataError, ConfigError, UsageError
        As ``read_shop``.
    """
    config = shop.tables.get(table) or _undeclared(table, str(path), profile)
    if path is not None:
        config = config.model_copy(update={"source": config.source.model_copy(update={"path": str(path)})})
    optional = set(CONTRACTS[table].names) - set(CONTRACTS[table].required)
    headers = [*config.columns.values(), *config.profile.values()]
    raw = read_source(config.source, headers, {config.columns[name] for name in optional & set(config.columns)})
    present = {name: header for name, header in config.columns.items() if header in raw.columns}
    spec = side_spec(shop, table, config.model_copy(update={"columns": present}), max_bad_share)
    judged = judge(raw, spec, as_of)
    check_rows(judged)
    notes = judge_duplicates(judged)
    frame = CONTRACTS[table].validate(side_frame(judged, ORDERS.empty()))
    return SideTable(frame, judged.fates.ledger(), judged.fates.quarantined(), (*judged.notes, *notes))


def _undeclared(table: str, path: str, profile: Sequence[str]) -> TableConfig:
    columns = {name: name for name in CONTRACTS[table].names}
    fields = {name: name for name in profile if name not in columns}
    return TableConfig(source=SourceConfig(path=path), columns=columns, profile=fields)
