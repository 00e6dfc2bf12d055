"""WooCommerce's report of orders (Analytics, Orders, download): one row an order or a refund.

Of github.com/woocommerce/woocommerce, ``src/Admin/API/Reports/Orders/Controller.php`` (long reports, which come by
e-mail) and ``client/admin/client/analytics/report/orders/table.js`` (short ones, from the browser), which name some
columns otherwise:

* ``Net Sales`` is ``net``: total less tax and shipping. ``N. Revenue (formatted)`` is the total, and is not read.
* A refund is a row below zero with the ``Order #`` of its order and a time of its own; one of shipping alone is 0. A
  refunded order keeps its row.
* The report has orders by its own filter of states, and says the state of each (``Status``).
* Its dates are those of the shop's setting (created, paid or completed), by the site's clock.
* Customers have a name and no number: orders of two people of one name are one customer's. Orders without one are
  guests.
* A number below zero may stand behind an apostrophe or a tabulator, so that no spreadsheet takes it for a formula.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.flat_rows import FlatRows
from cvo_ml.ingest.raw import RawTable

_REFUND: Final = "refund (read as a refund)"
_AGAIN: Final = "refund that was exported again"
_BY_NAME: Final = "customers are told apart by their names: the report has nothing else"

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "Order #",
        "customer_id": "Customer",
        "ordered_at": "Date",
        "net": "Net Sales",
        "status": "Status",
        "discount_code": "Coupon(s)",
        "channel": "Attribution",
    },
}
_SIDE: Final[dict[str, str]] = {
    "order_id": "Order #",
    "customer_id": "Customer",
    "refunded_at": "Date",
    "amount": "Net Sales",
}


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """Orders and refunds of a report."""
    plain = pc.replace_substring_regex(FlatRows(raw, shop).texts("Net Sales"), r"^['\t]+", "").combine_chunks()
    every = FlatRows(replace(raw, columns={**raw.columns, "Net Sales": pa.chunked_array([plain])}), shop)
    net, items = every.amounts("Net Sales"), np.nan_to_num(every.amounts("Items sold"))
    back = _goes_back(every, net, items)
    again = back & _same_as_before(every)
    orders, refunds = every.chosen(~back), every.chosen(back & ~again)
    amounts = refunds.written("Net Sales", -net[back & ~again])
    gone = {rule: raw.places[rows] for rule, rows in ((_REFUND, back & ~again), (_AGAIN, again)) if rows.any()}
    return {
        "orders": orders.table(notes=(*raw.notes, _BY_NAME), gone=gone, ragged=True),
        "refunds": refunds.table({"Net Sales": amounts}),
    }


def _goes_back(every: FlatRows, net: Floats, items: Floats) -> Flags:
    """(n,) rows that are refunds: below zero, or nothing of an order that has another row."""
    rows = pd.DataFrame({"order": every.texts("Order #").to_pandas(), "net": net, "items": items})
    best = rows.groupby("order")[["net", "items"]].transform("max")
    nothing = (rows["net"] == 0) & (rows["items"] <= 0) & ((best["net"] > 0) | (best["items"] > 0))
    return np.asarray((rows["net"] < 0) | nothing, dtype=np.bool_)


def _same_as_before(every: FlatRows) -> Flags:
    frame = pd.DataFrame({header: every.texts(header).to_pandas() for header in every.raw.columns})
    return np.asarray(frame.duplicated(), dtype=np.bool_)


ADAPTER: Final = Adapter(
    DECLARES,
    sides={"refunds": {"columns": _SIDE}},
    reads=("Items sold",),
    optional=frozenset({"Coupon(s)", "Attribution", "Items sold"}),
    spellings={"Net Sales": ("Net sales", "N. Revenue", "Net Revenue"), "Attribution": ("Origin",)},
    prepare=prepare,
)
