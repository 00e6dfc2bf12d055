"""From validated rows to the canonical tables: orders, refunds, order lines, customers."""

from __future__ import annotations

from typing import Final

import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.contracts import CONTRACTS, CUSTOMERS, ORDER_LINES, ORDERS
from cvo_ml.ingest.refunds import refund_rows
from cvo_ml.ingest.row_rules import ValidatedRows

_SORT: Final = ("ordered_at", "order_id", "customer_id", "product_id", "line_id", "quantity", "net")
_AGGREGATES: Final = {"money": "sum", "text": "first", "id": "first", "flag": "any"}


def complete(rows: pd.DataFrame, shop: ShopConfig) -> None:
    """Fill in place what the mapping implies: net of a line, generated order ids, known_at of rows without one."""
    if shop.rows == "lines" and "net" not in rows:
        rows["net"] = rows["quantity"] * rows["unit_price"]
    if shop.order_id == "generated":
        rows["order_id"] = rows["customer_id"] + "@" + rows["ordered_at"].dt.strftime("%Y-%m-%d")
    if "known_at" in rows:
        time = "started_at" if shop.rows == "subscriptions" else "ordered_at"
        rows["known_at"] = rows["known_at"].fillna(rows[time])


def assemble(rows: pd.DataFrame, shop: ShopConfig) -> dict[str, pd.DataFrame]:
    """The tables of the used rows; the order of the source's rows changes nothing in them.

    Parameters
    ----------
    rows:
        One row per source row, with canonical columns; ``net`` and ``order_id`` are filled.

    Returns
    -------
    ``orders`` by time, ``refunds``, and where the source has their columns ``order_lines`` and ``customers``.
    """
    rows = rows.sort_values([name for name in _SORT if name in rows], kind="stable", ignore_index=True)
    negative = _refunding(rows, shop)
    kept, back = rows[~negative], rows[negative]
    if shop.refunds == "negative_orders":
        back = grouped_orders(back)
    frames = {"orders": grouped_orders(kept) if _is_grouped(shop) else _only(kept, ORDERS.names)}
    frames["refunds"] = refund_rows(back, kept, shop.refund_reason)
    if shop.rows == "lines" and {"product_id", "quantity"} <= set(rows):
        frames["order_lines"] = _only(kept, ORDER_LINES.names)
    fields = [name for name in rows if (name in CUSTOMERS.names and name != "known_at") or name in shop.profile]
    if set(fields) > {"customer_id"}:
        frames["customers"] = _customers(rows, [name for name in fields if name != "customer_id"])
    return frames


def side_frame(validated: ValidatedRows, orders: pd.DataFrame) -> pd.DataFrame:
    """The frame of a further table's used rows, in the order of their times.

    Refunds take the customer of the order that they name; ``known_at`` is the event time where a row has none.
    """
    contract = CONTRACTS[validated.spec.table]
    rows = validated.used
    if validated.spec.table == "refunds":
        rows = _with_customer(rows, orders)
    if "known_at" in rows and contract.event_time is not None:
        rows = rows.assign(known_at=rows["known_at"].fillna(rows[contract.event_time]))
    names = [name for name in (*contract.names, *validated.spec.profile) if name in rows]
    first = [name for name in (contract.event_time, *contract.required) if name is not None and name in rows]
    return rows[names].sort_values(list(dict.fromkeys(first)), kind="stable", ignore_index=True)


def _with_customer(rows: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    if "order_id" not in rows:
        return rows.assign(order_id=pd.Series(None, index=rows.index, dtype="str"))
    customers = rows["order_id"].map(orders.set_index("order_id")["customer_id"]).astype("str")
    return rows.assign(customer_id=rows["customer_id"].fillna(customers) if "customer_id" in rows else customers)


def joined_refunds(own: pd.DataFrame, further: pd.DataFrame) -> pd.DataFrame:
    """Refunds among the orders and those of a table of their own, by time."""
    parts = [part for part in (own, further) if len(part)] or [own]
    return pd.concat(parts, ignore_index=True).sort_values("refunded_at", kind="stable", ignore_index=True)


def joined_customers(table: pd.DataFrame, among_orders: pd.DataFrame) -> pd.DataFrame:
    """Customers of a table of their own, completed by what the orders say of them (known when the order was).

    A table that does not say when its rows became known stays so: the date of an order is no date of its values.
    """
    joined = table.set_index("customer_id").combine_first(among_orders.set_index("customer_id"))
    if "known_at" in joined and "known_at" not in table:
        joined["known_at"] = joined["known_at"].mask(joined.index.isin(table["customer_id"]))
    return joined.reset_index().sort_values("customer_id", ignore_index=True)


def with_costs(orders: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Orders with ``cost``, the sum of their lines' costs, where only the lines have any; null if a line has none."""
    if "cost" in orders or not {"unit_cost", "quantity"} <= set(lines):
        return orders
    each = lines["unit_cost"] * lines["quantity"]
    costs = each.groupby(lines["order_id"]).sum()
    costs[each.isna().groupby(lines["order_id"]).any()] = float("nan")
    return orders.assign(cost=orders["order_id"].map(costs).astype("float64"))


def _is_grouped(shop: ShopConfig) -> bool:
    return shop.rows == "lines" or shop.order_id == "generated"


def _refunding(rows: pd.DataFrame, shop: ShopConfig) -> pd.Series:
    if shop.refunds == "negative_rows":
        return rows["net"] < 0
    return rows.groupby("order_id")["net"].transform("sum") < 0


def _only(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    return rows[[name for name in names if name in rows]].reset_index(drop=True)


def grouped_orders(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per order id: money summed, the first time, the latest known_at, the first known text."""
    orders = rows.groupby("order_id", sort=False)
    columns = {"order_id": orders["order_id"].first(), "ordered_at": orders["ordered_at"].min()}
    for column in ORDERS.columns:
        if column.name == "known_at" and "known_at" in rows:
            columns["known_at"] = orders["known_at"].max()
        elif column.name in rows and column.name not in columns:
            grouped = orders[column.name]
            how = _AGGREGATES[column.kind]
            columns[column.name] = grouped.sum(min_count=1) if how == "sum" else grouped.agg(how)
    if "cost" in columns:  # a cost that is known for some lines only is not known
        columns["cost"] = columns["cost"].mask(rows["cost"].isna().groupby(rows["order_id"], sort=False).any())
    frame = pd.DataFrame(columns).reset_index(drop=True).sort_values(["ordered_at", "order_id"], ignore_index=True)
    return _only(frame, ORDERS.names)


def _customers(rows: pd.DataFrame, fields: list[str]) -> pd.DataFrame:
    """Each customer as first described: the earliest row with any of the fields, known since then.

    Values of later rows are not merged in: the row would then say more than was known at its ``known_at``.
    """
    moment = rows["known_at"] if "known_at" in rows else rows["ordered_at"]
    described = rows[["customer_id", *fields]].assign(known_at=moment, _blank=rows[fields].isna().all(axis=1))
    first = described.sort_values(["_blank", "known_at"], kind="stable").drop_duplicates("customer_id")
    return first.drop(columns="_blank").sort_values("customer_id", ignore_index=True)
