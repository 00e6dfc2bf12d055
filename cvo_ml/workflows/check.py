"""Read a shop, and say what its tables hold and which models they can carry; nothing is written."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import ChurnJob, IcpJob
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.files import write_text
from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.models import CHURN, ICP
from cvo_ml.core.result import Json, Result, to_json
from cvo_ml.core.run_log import logged
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.readiness import Readiness, readiness
from cvo_ml.readiness.purchases import Purchases, purchases
from cvo_ml.workflows.cut_dates import day_after_last_row
from cvo_ml.workflows.shops import read_tables

LOGGER: Final = logging.getLogger(__name__)
#: Rows of the quarantine in JSON; a file holds all.
SHOWN_IN_JSON: Final = 1_000


class CheckRequest(FrozenConfig):
    """What to look at.

    Parameters
    ----------
    as_of:
        Only rows before it; None = all rows.
    horizon:
        The window of the models.
    quarantine:
        A CSV file for all rows that are set aside: table, file, row, column, reason; never a value. None = no file.
    """

    shop: ShopConfig
    as_of: date | None = None
    horizon: Horizon = Horizon("90D")
    quarantine: Path | None = None


@dataclass(frozen=True)
class RowsRead(Result):
    """What was read of a shop, and what became of every row.

    Parameters
    ----------
    orders, customers, refunds:
        Counts of what the tables hold.
    quarantine:
        A row per quarantined source row; never a value.
    """

    row_ledger: RowLedger
    notes: tuple[str, ...]
    data_hash: str
    orders: int
    customers: int
    refunds: int
    currency: str
    quarantine: pd.DataFrame = field(repr=False)

    def to_json(self) -> dict[str, Json]:
        """The account of the rows, with the first of the quarantine."""
        first = self.quarantine.head(SHOWN_IN_JSON).to_dict(orient="records")
        return {
            "row_ledger": to_json(self.row_ledger), "notes": list(self.notes), "data_hash": self.data_hash,
            "quarantine": [{str(name): value for name, value in row.items()} for row in first],
        }  # fmt: skip


@dataclass(frozen=True)
class CheckResult(Result):
    """The rows that were read, and what they can carry."""

    rows: RowsRead
    readiness: Readiness

    def to_json(self) -> dict[str, Json]:
        """The readiness, with the account of the rows beside it."""
        return {**self.readiness.to_json(), **self.rows.to_json()}


def check(request: CheckRequest, workspace: Workspace) -> CheckResult:
    """Read strictly, and judge what the tables can carry.

    Raises
    ------
    DataError
        If a source as a whole cannot be trusted, or holds no row.
    """
    with logged(LOGGER, "check", shop=request.shop.name) as facts:
        read = read_tables(request.shop, workspace, request.as_of)
        as_of = request.as_of or day_after_last_row(read.tables)
        facts["orders"] = read.tables.rows("orders")
        if request.quarantine is not None:
            write_text(request.quarantine, table_csv(read.quarantine))
        bought = purchases(read.tables)
        return CheckResult(rows_read(read, bought), readiness_of(read, as_of, request.horizon, workspace, bought))


def rows_read(read: ReadResult, bought: Purchases | None = None) -> RowsRead:
    """What there is to say of a reading; ``bought`` are its orders, where somebody has them already."""
    tables = read.tables
    customers = (purchases(tables) if bought is None else bought).customers
    return RowsRead(
        read.ledger, read.notes, read.fingerprint, tables.rows("orders"), customers, tables.rows("refunds"),
        tables.currency, read.quarantine,
    )  # fmt: skip


def readiness_of(
    read: ReadResult, as_of: date, horizon: Horizon, workspace: Workspace, bought: Purchases | None = None
) -> Readiness:
    """What the tables can carry as of a date, by the workspace's policy and jobs; ``bought`` as for ``rows_read``."""
    own = workspace.configs
    return readiness(
        read, as_of=as_of, horizon=horizon, policy=readiness_policy(workspace),
        churn=load_config(default_config(f"jobs/{CHURN.name}.yaml", own), ChurnJob),
        icp=load_config(default_config(f"jobs/{ICP.name}.yaml", own), IcpJob), bought=bought,
    )  # fmt: skip


def readiness_policy(workspace: Workspace) -> ReadinessPolicy:
    """The minima of the workspace, else those that come with the package."""
    return load_config(default_config("policies/readiness.yaml", workspace.configs), ReadinessPolicy)
