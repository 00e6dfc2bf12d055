"""Orders in: a frame, a file or a declared shop as checked tables that carry the account of their rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from cvo_ml.config.shops import NO_CURRENCY, ShopConfig, StatusClass
from cvo_ml.core.errors import UsageError
from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, headers_at, read_frame, refuse_after, shop_from_columns
from cvo_ml.ingest import read_shop as read_declared
from cvo_ml.ingest.shop_from_columns import PROFILE
from cvo_ml.workflows.shops import choose_shop

#: What a shop without a file is called.
NAMELESS: Final = "orders"
_CONFIGURATIONS: Final = (".yaml", ".yml")


class RowsLeftOut(UserWarning):
    """Rows of a source were faulty and are not in the tables."""


@dataclass(frozen=True, repr=False)
class ReadTables(Tables):
    """A shop's tables, and what became of every row that was read.

    Parameters
    ----------
    shop:
        Its name; empty where nobody said it.
    ledger:
        Rows in = used + quarantined + excluded by rule.
    quarantine:
        One row per faulty source row: table, file, row, column, reason; never a value.
    notes:
        What was converted or reported, and counted.
    as_of:
        Rows on or after this day were left out; None = nothing was.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> cvo.read_shop("shop.yaml", as_of="2023-03-01")  # doctest: +ELLIPSIS
    Tables of corner-shop in EUR, read from 41,530 rows
      left out: 975 after as_of
      ...
      orders: 4,942 rows, 2021-01-02 to 2023-02-28
      ...
    """

    shop: str = ""
    ledger: RowLedger = field(default_factory=lambda: RowLedger(0, 0))
    quarantine: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()
    as_of: date | None = None

    def __repr__(self) -> str:
        of = f" of {self.shop}" if self.shop else ""
        lost = {**self.ledger.quarantined, **self.ledger.excluded}
        left_out = "".join(f"\n  left out: {count:,} {reason}" for reason, count in lost.items())
        read = f"read from {self.ledger.rows_in:,} rows{left_out}"
        return f"Tables{of} in {self.currency}, {read}{self._sizes()}"


def read_orders(
    source: pd.DataFrame | str | Path,
    *,
    as_of: str | date | None = None,
    currency: str = NO_CURRENCY,
    rows: Literal["orders", "lines"] | None = None,
    guests: Literal["fault", "exclude"] = "fault",
    date_format: str | None = None,
    timezone: str = "UTC",
    delimiter: str = ",",
    decimal: str = ".",
    encoding: str = "utf-8",
    max_bad_share: float | None = None,
    profile: Mapping[str, str] | None = None,
    statuses: Mapping[str, StatusClass] | None = None,
    guest_ids: Sequence[str] = (),
    customers: Sequence[str] = (),
    ignore: Sequence[str] = (),
    **columns: str,
) -> ReadTables:
    """A frame or a file of orders, or of order lines, as checked tables.

    Parameters
    ----------
    source:
        A frame, or the path of a CSV or Parquet file.
    as_of:
        Rows on or after this day (00:00 in the shop's zone) are left out by rule.
    currency:
        Of all money (ISO 4217); ``XXX`` where it is not known.
    rows:
        What a row is; default: ``lines`` where product_id, quantity or line_id is there, else ``orders``.
    guests:
        What a row without customer is: a ``fault``, or left out by rule (``exclude``).
    date_format, delimiter, decimal, encoding, timezone:
        How a file writes; default: ISO 8601 dates, commas, points, UTF-8, UTC. Days are those of ``timezone``: times
        with a zone are converted to it.
    max_bad_share:
        In [0, 1]: more faulty rows than this share refuse the whole source; default .01.
    profile:
        Own fields of the customers and their headers, such as ``{"tier": "Loyalty tier"}``.
    statuses, guest_ids, customers, ignore:
        What a shop's YAML file says under these names: meanings of texts in the status column (``sale``, ``pending``,
        ``not_a_sale``, ``refunded``), ids that stand for nobody, ids that look so and are customers, headers that name
        a meaning and are left unread on purpose.
    **columns:
        Meaning and header, such as ``customer_id="Client"``. A column whose header is its meaning need not be named.

    Returns
    -------
    ReadTables
        ``orders`` with ``order_id, customer_id, ordered_at, net``; without order ids there is one order per customer
        and day. Faulty rows are quarantined, and a warning (:class:`RowsLeftOut`) counts them.

    Raises
    ------
    UsageError
        If ``source`` is neither, a keyword is no meaning, or a column is missing; names all of them.
    DataError
        If the source as a whole cannot be trusted.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> frame = pd.DataFrame({"Client": ["a", "a", "b"], "Date": ["2023-01-01", "2023-01-11", "2023-01-05"],
    ...                       "Total": [10.0, 30.0, 5.0]})
    >>> tables = cvo.read_orders(frame, customer_id="Client", ordered_at="Date", net="Total", currency="EUR")
    >>> tables.orders["net"].sum()
    np.float64(45.0)
    >>> cvo.read_orders("orders.csv", as_of="2023-03-01").currency  # its headers are the meanings
    'XXX'
    """
    if isinstance(source, str | Path) and Path(source).suffix in _CONFIGURATIONS:
        raise UsageError(f"{source}: is a configuration: read it with read_shop")
    if not isinstance(source, pd.DataFrame | str | Path):
        raise UsageError(_wanted("read_orders", "a DataFrame, or the path of a CSV or Parquet file", source))
    day = None if as_of is None else parse_as_of(as_of)
    frame = source if isinstance(source, pd.DataFrame) else None
    path = NAMELESS if isinstance(source, pd.DataFrame) else source
    headers = headers_at(path, delimiter, encoding) if frame is None else tuple(map(str, frame.columns))
    fields = {f"{PROFILE}{name}": header for name, header in (profile or {}).items()}
    shop = shop_from_columns(
        path, {**columns, **fields}, headers=headers, rows=rows, date_format=date_format, currency=currency,
        delimiter=delimiter, encoding=encoding, decimal=decimal, timezone=timezone, guests=guests, statuses=statuses,
        guest_ids=guest_ids, customers=customers, ignore=ignore,
    )  # fmt: skip
    if isinstance(source, pd.DataFrame):
        return _with_account(read_frame(source, shop, as_of=day, max_bad_share=max_bad_share), day)
    return _with_account(read_declared(shop, as_of=day, max_bad_share=max_bad_share), day)


def read_shop(shop: str | Path | ShopConfig, as_of: str | date | None = None) -> ReadTables:
    """A declared shop's sources as checked tables (docs/data.md).

    Parameters
    ----------
    shop:
        The path of its YAML file, the name of one that comes with the package, or what ``sample_shop`` gives. Paths in
        it are relative to the working directory.
    as_of:
        Rows on or after this day (00:00 in the shop's zone) are left out by rule.

    Raises
    ------
    UsageError
        If ``shop`` is none of these.
    ConfigError
        If the file is wrong, or a source cannot be reached.
    DataError
        If a source as a whole cannot be trusted.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> tables = cvo.read_shop("shop.yaml", as_of="2023-03-01")
    >>> tables.shop, len(tables.frame("orders"))
    ('corner-shop', 4942)
    >>> tables.relation("orders").aggregate("count(distinct customer_id) AS customers").fetchall()
    [(1109,)]
    """
    if isinstance(shop, str | Path):
        if Path(shop).suffix not in (*_CONFIGURATIONS, ""):
            raise UsageError(f"{shop}: is no shop's YAML file: read a file of orders with read_orders")
        shop = choose_shop(Workspace(Path(), Path()), shop=Path(shop))
    if not isinstance(shop, ShopConfig):
        raise UsageError(_wanted("read_shop", "the path of a shop's YAML file, or sample_shop()", shop))
    day = None if as_of is None else parse_as_of(as_of)
    return _with_account(read_declared(shop, as_of=day), day, shop.name)


def as_tables(source: Any, function: str, currency: str = NO_CURRENCY) -> Tables:
    """Tables as they are, and a frame of orders with canonical columns as tables.

    Raises
    ------
    UsageError
        If ``source`` is neither.
    DataError
        If the frame cannot be trusted.
    """
    if isinstance(source, Tables):
        return source
    if isinstance(source, pd.DataFrame):
        return read_orders(source, currency=currency)
    raise UsageError(_wanted(function, "tables (read_shop, read_orders) or a DataFrame of orders", source))


def refuse_unseen(tables: Tables, as_of: date) -> None:
    """Refuse a date that the tables do not reach: what is not in them would count as silence.

    Raises
    ------
    UsageError
        If later rows were left out when they were read.
    DataError
        If they end more than a year before.
    """
    cut = tables.as_of if isinstance(tables, ReadTables) else None
    if cut is not None and as_of > cut:
        raise UsageError(
            f"as_of {as_of} is after {cut}, from which on the tables hold no rows: read them with as_of={str(as_of)!r}"
        )
    refuse_after(tables, as_of)


def _wanted(function: str, wanted: str, given: Any) -> str:
    return f"{function}: takes {wanted}, not {type(given).__name__}"


def _with_account(read: ReadResult, as_of: date | None, shop: str = "") -> ReadTables:
    faults = read.ledger.quarantined
    if faults:
        counted = ", ".join(f"{count:,} {reason}" for reason, count in faults.items())
        warnings.warn(
            f"{sum(faults.values()):,} of {read.ledger.rows_in:,} rows are faulty and left out ({counted}): "
            "their numbers are in .quarantine",
            RowsLeftOut,
            stacklevel=3,
        )
    return ReadTables(
        read.tables.frames,
        read.tables.currency,
        read.tables.timezone,
        read.tables.complete_until,
        shop,
        read.ledger,
        read.quarantine,
        read.notes,
        as_of,
    )
