"""Shopify's order export (CSV): one row a line item; an order's own columns stand in its first row only.

* Orders are the first rows of each ``Name``; every row is an order line too.
* ``net`` is ``Subtotal`` (after discounts, before shipping), less ``Taxes`` where prices include tax
  (``Total`` shows it).
* A voided order is no sale, a pending one none yet: both are left out by rule (``Financial Status``).
* A refunded or cancelled order keeps its value of the day it was placed, and gets a refund row at ``Cancelled at``.
  Without one the export does not say when: the refund counts from ``extracted_at``, else from the export's latest time.
* ``Refunded Amount`` may hold tax and shipping: at most the order's ``net`` is refunded.
* Orders without ``Email`` (point of sale) are guests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.raw import RawTable, one_file

_FURTHER_LINE: Final = "further line of its order"
_TIMES: Final = ("Created at", "Paid at", "Fulfilled at", "Cancelled at")
_VOID: Final = ("voided", "refunded")
_CENT: Final = 0.005

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "Name",
        "customer_id": "Email",
        "ordered_at": "Created at",
        "net": "Subtotal",
        "currency": "Currency",
        "shipping": "Shipping",
        "tax": "Taxes",
        "discount": "Discount Amount",
        "discount_code": "Discount Code",
        "status": "Financial Status",
        "channel": "Source",
        "country": "Billing Country",
        "city": "Billing City",
        "marketing_consent": "Accepts Marketing",
    },
}
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "order_lines": {
        "columns": {
            "order_id": "Name",
            "product_id": "Lineitem sku",
            "quantity": "Lineitem quantity",
            "unit_price": "Lineitem price",
            "brand": "Vendor",
        }
    },
    "refunds": {
        "columns": {
            "order_id": "Name",
            "customer_id": "Email",
            "refunded_at": "Cancelled at",
            "amount": "Refunded Amount",
            "reason": "Financial Status",
        }
    },
}
_READS: Final = (*_TIMES, "Total", "Refunded Amount", "Lineitem sku", "Lineitem name", "Lineitem quantity",
                 "Lineitem price", "Vendor")  # fmt: skip
_NEEDED: Final = frozenset(
    {"Name", "Email", "Created at", "Subtotal", "Total", "Taxes", "Shipping", "Financial Status", "Refunded Amount",
     "Cancelled at", "Lineitem quantity", "Lineitem price", "Lineitem name"}
)  # fmt: skip


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """Orders, order lines and refunds of an export."""
    frame = pd.DataFrame({name: values.to_pandas().astype("str") for name, values in raw.columns.items()})
    named = frame["Name"].fillna("").str.strip() != ""
    further = (frame["Name"].duplicated() & named).to_numpy()
    net, notes = _net(frame, ~further)
    frame["Subtotal"] = net
    left_out = {**raw.left_out, _FURTHER_LINE: further}
    orders = replace(raw, columns=_columns(frame, raw), notes=(*raw.notes, *notes), left_out=left_out)
    return {
        "orders": orders,
        "order_lines": _lines(raw, frame),
        "refunds": _refunds(raw, frame[~further], ~further, shop),
    }


def _lines(raw: RawTable, frame: pd.DataFrame) -> RawTable:
    product = frame["Lineitem name"]
    if "Lineitem sku" in frame:
        product = frame["Lineitem sku"].where(frame["Lineitem sku"].fillna("").str.strip() != "", product)
    lines = frame.assign(**{"Lineitem sku": product})
    return replace(raw, columns=_columns(lines, raw), notes=(), ragged=raw.ragged[np.zeros(len(raw.ragged), bool)])


def _net(frame: pd.DataFrame, first: Flags) -> tuple[pd.Series, tuple[str, ...]]:
    """Subtotals, less the taxes of orders whose prices include them."""
    subtotal, tax = _numbers(frame["Subtotal"]), _numbers(frame["Taxes"])
    before_tax = subtotal + _numbers(frame["Shipping"])
    included = first & ((_numbers(frame["Total"]) - before_tax).abs() < _CENT).to_numpy() & (tax > 0).to_numpy()
    if not included.any():
        return frame["Subtotal"], ()
    net = frame["Subtotal"].mask(included, (subtotal - tax).round(2).astype("str"))
    return net, (f"{int(included.sum()):,} orders have prices with tax: net is Subtotal less Taxes",)


def _refunds(raw: RawTable, orders: pd.DataFrame, first: Flags, shop: ShopConfig) -> RawTable:
    cancelled = orders["Cancelled at"].fillna("").str.strip() != ""
    void = orders["Financial Status"].fillna("").str.lower().isin(_VOID)
    refunded = _numbers(orders["Refunded Amount"])
    readable = refunded.notna() | (orders["Refunded Amount"].fillna("").str.strip() == "")
    chosen = cancelled | void | (refunded > 0) | ~readable
    rows, net = orders[chosen], _numbers(orders["Subtotal"])[chosen]
    amount = refunded[chosen].where(refunded[chosen] > 0, net)
    capped = amount > net + _CENT
    text = amount.mask(capped, net).astype("str").where(readable[chosen], rows["Refunded Amount"])
    undated = ~cancelled[chosen]
    rows = rows.assign(
        **{
            "Refunded Amount": text,
            "Cancelled at": rows["Cancelled at"].mask(undated, _latest(orders, shop)),
            "Financial Status": cancelled[chosen].map({True: "cancellation", False: "refund"}),
        }
    )
    notes = _said(int(capped.sum()), int(undated.sum()), shop)
    none = replace(one_file("", np.array([])), files=raw.places.files)
    places = raw.places[np.flatnonzero(first)[chosen.to_numpy()]]
    return replace(raw, columns=_columns(rows, raw), places=places, ragged=none, notes=notes, left_out={})


def _said(capped: int, undated: int, shop: ShopConfig) -> tuple[str, ...]:
    when = "extracted_at" if shop.extracted_at else "the latest time in the export"
    notes = []
    if undated:
        notes.append(f"refunds: {undated:,} have no time of their own in this format and count from {when}")
    if capped:
        notes.append(f"refunds: {capped:,} were above their order's net (tax, shipping) and count up to it")
    return tuple(notes)


def _latest(orders: pd.DataFrame, shop: ShopConfig) -> str:
    """The time from which an undated refund counts: never earlier than it was."""
    if shop.extracted_at is not None:
        moment = pd.Timestamp(shop.extracted_at)
        zoned = moment.tz_localize(shop.timezone, ambiguous=True) if moment.tzinfo is None else moment
        return zoned.strftime("%Y-%m-%d %H:%M:%S %z")
    times = [
        pd.to_datetime(orders[name], format="ISO8601", errors="coerce", utc=True) for name in _TIMES if name in orders
    ]
    latest = max((time.max() for time in times if time.notna().any()), default=None)
    return "" if latest is None else latest.strftime("%Y-%m-%d %H:%M:%S +0000")


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce").astype("float64")


def _columns(frame: pd.DataFrame, raw: RawTable) -> dict[str, pa.ChunkedArray]:
    names = [*raw.columns, *(str(name) for name in frame if name not in raw.columns)]
    return {name: pa.chunked_array([pa.Array.from_pandas(frame[name], type=pa.large_string())]) for name in names}


ADAPTER: Final = Adapter(
    DECLARES,
    reads=_READS,
    optional=frozenset({*_READS, *DECLARES["columns"].values()} - _NEEDED),
    prepare=prepare,
    sides=_SIDES,
)
