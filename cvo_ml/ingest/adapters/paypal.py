"""PayPal's activity download (CSV, all columns): one row a movement of money, whichever way it goes.

Of https://www.paypal.com/us/cshelp/article/how-do-i-view-and-download-statements-and-reports-help145 and
https://developer.paypal.com/docs/reports/reference/tcodes/ (what kinds of movements there are):

* Payments that came in are orders (``Type`` names a payment, ``Gross`` is above zero). ``net`` is ``Gross`` less
  ``Sales Tax``, ``Shipping and Handling Amount`` and ``Insurance Amount``, which it holds; PayPal's own ``Net`` is
  less its ``Fee`` and no value.
* Refunds, reversals and chargebacks are refunds of the payment in ``Reference Txn ID``. Who sends a refund is the
  shop: the customer is who receives it (``To Email Address``). It gives back as much of ``net`` as of ``Gross``. One
  of a payment before the first day of the download is kept by its customer.
* Everything else is no sale and left out by rule: withdrawals, conversions, holds and their release, authorizations,
  fees, and what the shop paid itself.
* Only what is completed counts (``Status``). Dates are bare days of the account's clock.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.flat_rows import FlatRows, coded
from cvo_ml.ingest.adapters.net_of_tax import digits_of, given_back, rounded
from cvo_ml.ingest.raw import RawTable

_REFUND: Final = "refund (read as a refund)"
_OTHER: Final = "no payment of a customer (Type)"
_PAID_OUT: Final = "payment that the shop made"
_BACK: Final = r"\b(refund|chargeback|payment reversal|reversal of payment)\b"
_NOT_BACK: Final = r"fee|hold|authorization|reserve|cancel|chargeback reversal"
_PAYMENT: Final = r"payment|donation|sale|purchase|checkout"
_NO_PAYMENT: Final = (
    "hold|authorization|funding|refund|reversal|fee|withdrawal|conversion|transfer|reserve|invoice|request"
)
_BESIDE: Final = ("Sales Tax", "Shipping and Handling Amount", "Insurance Amount")

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "Transaction ID",
        "customer_id": "From Email Address",
        "ordered_at": "Date",
        "net": "Gross",
        "currency": "Currency",
        "status": "Status",
        "payment_cost": "Fee",
        "tax": "Sales Tax",
        "shipping": "Shipping and Handling Amount",
    },
}
_SIDE: Final[dict[str, str]] = {
    "refund_id": "Transaction ID",
    "order_id": "Reference Txn ID",
    "customer_id": "To Email Address",
    "refunded_at": "Date",
    "amount": "Gross",
    "currency": "Currency",
    "reason": "Type",
}


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """The payments and refunds of a download."""
    every = FlatRows(raw, shop)
    gross = every.amounts("Gross")
    unreadable = every.unreadable("Gross")
    back = every.told("Type", _BACK) & ~every.told("Type", _NOT_BACK) & (gross <= 0)
    payment = every.told("Type", _PAYMENT) & ~every.told("Type", _NO_PAYMENT) & ~back
    paid_out = payment & (gross < 0)
    sold = (payment & ~paid_out) | (unreadable & ~back)
    rules = {_REFUND: back, _PAID_OUT: paid_out, _OTHER: ~sold & ~back & ~paid_out}
    gone = {rule: raw.places[rows] for rule, rows in rules.items() if rows.any()}
    orders, net, digits = every.chosen(sold), _net(every, gross), _digits(every)
    columns = {
        "Gross": orders.written("Gross", net[sold]),
        **({"Fee": orders.written("Fee", np.abs(orders.amounts("Fee")))} if "Fee" in orders else {}),
    }
    return {
        "orders": orders.table(columns, notes=raw.notes, gone=gone, ragged=True),
        "refunds": _refunds(every, back, sold, gross, rounded(net, digits), digits),
    }


def _digits(every: FlatRows) -> np.ndarray:
    codes, names = coded(every.texts("Currency"))
    return digits_of(names.to_pylist(), codes, every.shop.currency)


def _net(every: FlatRows, gross: Floats) -> Floats:
    """(n,) amounts without the tax, shipping and insurance that they hold."""
    beside = sum(np.abs(np.nan_to_num(every.amounts(header))) for header in _BESIDE)
    return rounded(gross - np.sign(gross) * np.minimum(beside, np.abs(gross)), _digits(every))


def _refunds(every: FlatRows, back: Flags, sold: Flags, gross: Floats, net: Floats, digits: np.ndarray) -> RawTable:
    """Refunds by the payment that they name; those of payments that the download does not have, by their customer."""
    payments = pd.Series(np.flatnonzero(sold), index=every.chosen(sold).texts("Transaction ID").to_pandas())
    payments = payments[~payments.index.duplicated()]
    rows = every.chosen(back)
    names = pd.Series(rows.texts("Reference Txn ID").to_pandas(), dtype="str")
    place = names.map(payments)
    known = place.notna().to_numpy()
    at = place.fillna(0).to_numpy(dtype=np.int64)
    amounts = np.abs(gross[back])
    if len(payments):
        amounts = np.where(known, given_back(amounts, net[at], gross[at], digits[at]), amounts)
    columns = {
        "Gross": rows.written("Gross", amounts),
        "Reference Txn ID": pa.array(names.where(known, ""), pa.large_string()),
    }
    before = int((~known).sum())
    note = f"refunds: {before:,} are of payments that the download does not have, and are kept by their customer"
    return rows.table(columns, notes=(note,) if before else ())


ADAPTER: Final = Adapter(
    DECLARES,
    sides={"refunds": {"columns": _SIDE}},
    reads=("Type", "To Email Address", "Reference Txn ID", *_BESIDE),
    optional=frozenset({"Fee", *_BESIDE}),
    prepare=prepare,
)
