"""WooCommerce's exports of orders (CSV) by its extensions: one row an order, or one row an item.

Of https://woocommerce.com/document/import-and-export-of-woocommerce-orders/ (``order_date``, ``refund_items``,
``line_item_1`` …) and https://woocommerce.com/document/ordercustomer-csv-export/ (``date``, ``refunded_total``,
``item_total`` …), which share their other columns; states of
https://woocommerce.com/document/managing-orders/order-statuses/:

* An order is ``order_id``; where each item has a row, the order's columns stand in all of them and count once.
* ``net`` is what WooCommerce's own reports call net sales: ``order_total`` less ``tax_total`` (which holds the tax of
  shipping) and ``shipping_total`` (which is without tax). Coupons are off it, fees are in it.
* Processing and completed orders are sales; pending, on hold and draft ones are none yet; failed and cancelled ones
  never were.
* Refunds stand in ``refund_items`` with their own times, or in ``refunded_total`` without: those count from
  ``extracted_at``, else from the export's latest time. They hold tax and shipping, and give back as much of ``net``
  as of ``order_total``.
* Guests have the ``customer_id`` 0: they are known by ``billing_email``, as the customer who has it elsewhere, if
  there is one.
* Times are those of the site's clock.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Floats
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.flat_rows import FlatRows, coded
from cvo_ml.ingest.adapters.guests_by_address import people
from cvo_ml.ingest.adapters.net_of_tax import digits_of, given_back, rounded
from cvo_ml.ingest.adapters.order_rows import RowsOfOrders, order_rows
from cvo_ml.ingest.adapters.undated_refunds import said_of_undated, surely_by
from cvo_ml.ingest.raw import RawTable

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "source": {"amounts": {"thousands": ""}},
    "columns": {
        "order_id": "order_id",
        "customer_id": "customer_id",
        "ordered_at": "order_date",
        "net": "order_total",
        "currency": "order_currency",
        "shipping": "shipping_total",
        "tax": "tax_total",
        "discount": "discount_total",
        "status": "status",
        "country": "billing_country",
        "city": "billing_city",
    },
}
_LINE: Final[dict[str, str]] = {
    "order_id": "order_id",
    "product_id": "item_sku",
    "quantity": "item_quantity",
    "net": "item_total",
}
_REFUND: Final[dict[str, str]] = {
    "order_id": "order_id",
    "customer_id": "customer_id",
    "refunded_at": "refund date",
    "amount": "refund amount",
    "currency": "order_currency",
    "reason": "refund reason",
}
_ITEMS: Final = tuple(f"line_item_{number}" for number in range(1, 41))
_OPTIONAL: Final = frozenset(
    {"discount_total", "billing_country", "billing_city", "refunded_total", "refund_items", "item_name", "order_number",
     *_ITEMS, *_LINE.values(), *_REFUND.values()} - {"order_id", "customer_id", "order_currency"}
)  # fmt: skip
_READS: Final = ("order_number", "billing_email", "refunded_total", "refund_items", "item_name", "item_sku",
                 "item_quantity", "item_total", *_ITEMS)  # fmt: skip
_REFUND_ITEM: Final = re.compile(r"amount:([^|;]*)\|reason:(.*?)\|date:([^|;]*)", re.DOTALL)
_REFUND_TIME: Final = "%Y-%m-%d %H:%M:%S"
_SOMETHING: Final = re.compile("[1-9]")


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """Orders, order lines and refunds of an export."""
    every = FlatRows(raw, shop)
    rows = order_rows(every, "order_id", ("order_total", "status"), "order_id")
    orders = every.chosen(rows.own)
    total = orders.amounts("order_total")
    tax, shipping = (np.nan_to_num(orders.amounts(name)) for name in ("tax_total", "shipping_total"))
    currency, names = coded(orders.texts("order_currency"))
    digits = digits_of(names.to_pylist(), currency, shop.currency)
    net = rounded(total - tax - shipping, digits)
    who = people(_series(orders, "customer_id"), _series(orders, "billing_email"))
    orders = replace(orders, raw=orders.table({"customer_id": pa.array(who, pa.large_string())}))
    return {
        "orders": orders.table(
            {"order_total": orders.written("order_total", net)},
            notes=raw.notes,
            gone=rows.gone(raw.places, further=True),
            ragged=True,
        ),
        "order_lines": _lines(every, rows),
        "refunds": _refunds(orders, net, total, digits),
    }


def _series(rows: FlatRows, header: str) -> pd.Series:
    return pd.Series(rows.texts(header).to_pandas(), dtype="str").str.strip()


def _lines(every: FlatRows, rows: RowsOfOrders) -> RawTable:
    """Items with a row each, or those that stand in columns of their order."""
    if "item_total" not in every:
        return _lines_in_columns(every.chosen(rows.own))
    lines = every.chosen(rows.lines, {*_LINE.values(), "item_name"})
    sku = lines.texts("item_sku")
    product = pc.if_else(pc.equal(pc.utf8_trim_whitespace(sku), ""), lines.texts("item_name"), sku).combine_chunks()
    return lines.only(_LINE.values()).table({"item_sku": product}, gone=rows.gone(every.raw.places, further=False))


def _lines_in_columns(orders: FlatRows) -> RawTable:
    places: list[int] = []
    items: list[dict[str, str]] = []
    for header in _ITEMS:
        if header in orders:
            texts = orders.texts(header)
            for place in np.flatnonzero(orders.filled(header)).tolist():
                pairs = (part.partition(":") for part in texts[place].as_py().split("|"))
                items.append({name: value for name, _, value in pairs})
                places.append(place)
    at = np.array(places, dtype=np.int64)
    columns = {
        "order_id": orders.texts("order_id").take(pa.array(at)).combine_chunks(),
        "item_sku": _texts([item.get("sku") or item.get("name", "") for item in items]),
        "item_quantity": _texts([item.get("quantity", "") for item in items]),
        "item_total": _texts([item.get("total", "") for item in items]),
    }
    return _at(orders, at).table(columns)


def _texts(values: list[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


def _at(orders: FlatRows, places: np.ndarray) -> FlatRows:
    """Orders by place, without their columns; one may stand several times."""
    return replace(orders, raw=replace(orders.raw, columns={}, places=orders.raw.places[places], left_out={}))


def _refunds(orders: FlatRows, net: Floats, total: Floats, digits: np.ndarray) -> RawTable:
    """What went back: each refund with its time where the export lists them, else what it adds up to."""
    sums = np.abs(orders.amounts("refunded_total"))
    listed = [_refund_items(text, np.isnan(known)) for text, known in zip(_texts_of(orders), sums, strict=True)]
    undated = np.flatnonzero((sums > 0) & np.array([not found for found in listed], dtype=np.bool_))
    dated = np.repeat(np.arange(len(listed)), [len(found) for found in listed])
    at = np.concatenate([dated, undated]).astype(np.int64)
    items = _at(orders, dated).table({"amount": _texts([amount for found in listed for amount, _, _ in found])})
    amounts = FlatRows(items, orders.shop)
    gross = np.concatenate([np.nan_to_num(np.abs(amounts.amounts("amount"))), sums[undated]])
    back = given_back(gross, net[at], total[at], digits[at])
    reasons = [reason.strip() or "refund" for found in listed for _, reason, _ in found] + ["refund"] * len(undated)
    columns = {
        **{header: orders.texts(header).take(pa.array(at)).combine_chunks()
           for header in ("order_id", "customer_id", "order_currency")},
        "refund date": _times([when for found in listed for _, _, when in found], len(undated), orders),
        "refund amount": _amounts(amounts, back),
        "refund reason": _texts(reasons),
    }  # fmt: skip
    return _at(orders, at).table(columns, notes=said_of_undated(len(undated), orders.shop))


def _texts_of(orders: FlatRows) -> list[str]:
    return [text or "" for text in orders.texts("refund_items").to_pylist()]


def _refund_items(text: str, alone: bool) -> list[tuple[str, str, str]]:
    """The amount, reason and time of each listed refund, as they are written.

    A list that nobody can read is given as the amount and the time, so that it is told as a fault, unless the sum is
    known.
    """
    found = _REFUND_ITEM.findall(text)
    return found if found or not alone or not _SOMETHING.search(text) else [(text, "", text)]


def _amounts(listed: FlatRows, back: Floats) -> pa.Array:
    """(n,) what goes back; of the listed ones, which stand first, what cannot be read stays as it is."""
    written = listed.written("amount", back[: len(listed)])
    rest = pa.array(back[len(listed) :], pa.float64(), from_pandas=True)
    if written.type == rest.type:
        return pa.concat_arrays([written, rest])
    texts = pc.replace_substring(rest.cast(pa.large_string()), ".", listed.shop.source.decimal)
    return pa.concat_arrays([written, texts])


def _times(listed: list[str], undated: int, orders: FlatRows) -> pa.Array:
    """(n,) when refunds were; where one cannot be read, all as texts, so that it is told as a fault."""
    texts = pd.Series(listed, dtype="str")
    read = pd.to_datetime(texts, format=_REFUND_TIME, errors="coerce").astype("datetime64[us]")
    since = pd.Series([surely_by(orders, ("order_date",))] * undated, dtype="datetime64[us]")
    if read.notna().all():
        return pa.array(pd.concat([read, since]), pa.timestamp("us"), from_pandas=True)
    written = orders.shop.source.format_of("refunded_at") or _REFUND_TIME
    return pa.array([*read.dt.strftime(written).fillna(texts), *since.dt.strftime(written)], pa.large_string())


ADAPTER: Final = Adapter(
    DECLARES,
    sides={"order_lines": {"columns": _LINE}, "refunds": {"columns": _REFUND}},
    reads=_READS,
    optional=_OPTIONAL,
    spellings={"order_date": ("date",)},
    prepare=prepare,
)
