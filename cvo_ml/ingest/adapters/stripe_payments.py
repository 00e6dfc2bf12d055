"""Stripe's payments as its Dashboard exports them (CSV, ``unified_payments.csv``): each row is a payment.

support.stripe.com/questions/exporting-payment-data; which columns there are is chosen at the export.

* ``net`` is ``Amount``, with its tax: the export does not say it, so nothing is taken off what goes back either.
* A payment in another currency counts as Stripe converted it (``Converted Amount``), where that is in the shop's
  currency, no rates are declared and no rule leaves its currency out. What goes back of it goes back at its rate.
* Failed, pending and blocked payments are no sales by their ``Status``; what was never captured moved no money.
* ``Amount Refunded`` goes back at ``Refunded date (UTC)``; older exports have none, and it counts from
  ``extracted_at``, else from the latest time in the export. A dispute that was lost goes back at ``Dispute Date
  (UTC)``, which is when Stripe withdraws the money; one that is open or won does not.
* Who has no ``Customer ID`` is known by ``Customer Email``: by the id that stands beside that address elsewhere, else
  by the address. Payments with neither are guests.
* Times are in UTC, as their headers say. Payments of the test mode (``Mode``) are left out by rule.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, utc_text
from cvo_ml.ingest.adapters.row_texts import of_rows, texts_of, with_columns
from cvo_ml.ingest.adapters.stripe_amounts import moment_of
from cvo_ml.ingest.raw import RawTable

TEST_MODE: Final = "test mode (Mode)"
_ISO: Final = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_PAID: Final = ("paid", "succeeded", "refunded", "partial refund", "partially refunded", "disputed")
_CENT: Final = 0.005

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "id",
        "customer_id": "Customer ID",
        "ordered_at": "Created date (UTC)",
        "net": "Amount",
        "currency": "Currency",
        "status": "Status",
        "payment_cost": "Fee",
    },
    "statuses": {"Disputed": "sale", "Won dispute": "sale", "Early fraud warning": "sale"},
}
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "refunds": {
        "columns": {
            "refund_id": "id and what went back",
            "order_id": "id",
            "customer_id": "Customer ID",
            "refunded_at": "Refunded date (UTC)",
            "amount": "Amount Refunded",
            "currency": "Currency",
            "reason": "what went back",
        }
    },
}
_READS: Final = (
    "Amount Refunded", "Refunded date (UTC)", "Captured", "Converted Amount", "Converted Currency", "Customer Email",
    "Mode", "Disputed Amount", "Dispute Status", "Dispute Date (UTC)",
)  # fmt: skip
_NEEDED: Final = frozenset(
    {"id", "Customer ID", "Created date (UTC)", "Amount", "Amount Refunded", "Currency", "Status"}
)


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """The orders and refunds of an export."""
    frame = texts_of(raw, tuple(raw.columns)).fillna("")
    for header in _times_of(frame):
        frame[header] = _in_utc(frame[header])
    frame, of_customers = _with_customers(frame)
    paid, back = _numbers(frame, "Amount", shop), _numbers(frame, "Amount Refunded", shop)
    lost = _lost(frame, paid - back.fillna(0), shop)
    rate, of_currency = _rates(frame, paid, shop)
    frame = _captured(frame)
    test = _column(frame, "Mode").str.lower().eq("test").to_numpy()
    orders = frame.assign(
        Amount=_written(paid * rate, frame["Amount"], rate, shop),
        Currency=frame["Currency"].mask(rate.notna(), _column(frame, "Converted Currency")),
        Fee=_column(frame, "Fee").where(_fee_counts(frame, rate)),
    )
    rules = {TEST_MODE: test} if test.any() else {}
    return {
        "orders": with_columns(raw, _filled(orders), rules, (*of_customers, *of_currency)),
        "refunds": _refunds(raw, orders, back, lost, rate, shop),
    }


def _column(frame: pd.DataFrame, header: str) -> pd.Series:
    return frame[header] if header in frame else pd.Series("", index=frame.index, dtype="str")


def _times_of(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame if str(name).endswith("(UTC)")]


def _in_utc(times: pd.Series) -> pd.Series:
    """Times that are marked as what their header says they are; others stay as they stand."""
    return times.mask(times.str.fullmatch(_ISO), times + "Z")


def _numbers(frame: pd.DataFrame, header: str, shop: ShopConfig) -> pd.Series:
    texts = _column(frame, header)
    if shop.source.amounts.thousands:
        texts = texts.str.replace(shop.source.amounts.thousands, "", regex=False)
    return pd.to_numeric(texts.str.replace(shop.source.decimal, ".", regex=False), errors="coerce").astype("float64")


def _written(amounts: pd.Series, own: pd.Series, changed: pd.Series, shop: ShopConfig) -> pd.Series:
    """Amounts as the file writes them; its own texts where nothing changed."""
    texts = amounts.map("{:.4f}".format).str.replace(".", shop.source.decimal, regex=False)
    return own.mask(changed.notna(), texts)


def _with_customers(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    ids, emails = frame["Customer ID"], _column(frame, "Customer Email")
    lacking = (ids == "") & (emails != "")
    if not lacking.any():
        return frame, ()
    beside = frame[(ids != "") & (emails != "")].groupby(emails)["Customer ID"].agg(["nunique", "first"])
    known = emails.map(beside.loc[beside["nunique"] == 1, "first"]).where(lacking)
    found = frame.assign(**{"Customer ID": ids.mask(lacking, known.fillna(emails))})
    note = (
        f"{int(lacking.sum()):,} payments have no Customer ID: {int(known.notna().sum()):,} are of the one that stands "
        "beside their address elsewhere, the others of the address"
    )
    return found, (note,)


def _captured(frame: pd.DataFrame) -> pd.DataFrame:
    """What was never captured is pending, or called off: no money moved."""
    never = _column(frame, "Captured").str.lower().eq("false") & frame["Status"].str.lower().isin(_PAID)
    released = frame["Status"].str.lower().eq("refunded")
    status = frame["Status"].mask(never & ~released, "uncaptured").mask(never & released, "canceled")
    return frame.assign(Status=status)


def _rates(frame: pd.DataFrame, paid: pd.Series, shop: ShopConfig) -> tuple[pd.Series, tuple[str, ...]]:
    """Converted by charged amount, of the payments that count as Stripe converted them; else NaN."""
    charged, settled = frame["Currency"].str.upper(), _column(frame, "Converted Currency").str.upper()
    declared = "fx" in shop.tables or any(rule.column == "currency" for rule in shop.exclude)
    meant = (charged != shop.currency) & (settled == shop.currency) & (paid != 0) & (not declared)
    rate = (_numbers(frame, "Converted Amount", shop) / paid).where(meant)
    if not rate.notna().any():
        return rate, ()
    return rate, (f"{int(rate.notna().sum()):,} payments in other currencies count as Stripe converted them",)


def _fee_counts(frame: pd.DataFrame, rate: pd.Series) -> pd.Series:
    """Whether a fee, which is in the converted currency, is in that of the amount."""
    settled = _column(frame, "Converted Currency").str.upper()
    return rate.notna() | (settled == "") | (settled == frame["Currency"].str.upper())


def _lost(frame: pd.DataFrame, left: pd.Series, shop: ShopConfig) -> pd.Series:
    """What went back by disputes that were lost, at most what was not refunded."""
    amount = _numbers(frame, "Disputed Amount", shop).clip(upper=left).clip(lower=0)
    return amount.where(_column(frame, "Dispute Status").str.lower() == "lost", 0.0).fillna(0.0)


def _refunds(
    raw: RawTable, orders: pd.DataFrame, back: pd.Series, lost: pd.Series, rate: pd.Series, shop: ShopConfig
) -> RawTable:
    texts = _column(orders, "Amount Refunded")
    refunded = ((back > 0) | (back.isna() & (texts != ""))) & (orders["Status"] != "canceled")
    amounts, disputed = _written(back * rate, texts, rate, shop), lost > 0
    of_disputes = _written(lost * rate.fillna(1.0), texts, lost, shop)
    rows = pd.concat(
        [
            _went_back(orders, refunded, amounts, "Refunded date (UTC)", "refund"),
            _went_back(orders, disputed, of_disputes, "Dispute Date (UTC)", "dispute"),
        ]
    )
    places = np.concatenate([np.flatnonzero(refunded), np.flatnonzero(disputed)])
    undated = (rows["Refunded date (UTC)"] == "").to_numpy()
    moment, notes = _undated(orders, undated, shop)
    rows["Refunded date (UTC)"] = rows["Refunded date (UTC)"].mask(undated, moment)
    return replace(of_rows(raw, places, _filled(rows)), notes=notes)


def _went_back(orders: pd.DataFrame, chosen: pd.Series, amount: pd.Series, when: str, what: str) -> pd.DataFrame:
    rows = orders[chosen].copy()
    rows["Amount Refunded"] = amount[chosen]
    rows["Refunded date (UTC)"] = _column(orders, when)[chosen]
    rows["what went back"] = what
    rows["id and what went back"] = rows["id"] + f":{what}"
    return rows


def _undated(orders: pd.DataFrame, undated: Flags, shop: ShopConfig) -> tuple[str, tuple[str, ...]]:
    """From when what has no time of its own counts: never earlier than it was."""
    if not undated.any():
        return "", ()
    read = [pd.to_datetime(orders[name], format="ISO8601", errors="coerce", utc=True) for name in _times_of(orders)]
    times = [time.max().timestamp() for time in read if time.notna().any()]
    moment = moment_of(shop, times)
    when = f"{int(undated.sum()):,} have no time of their own in this format and count from {moment.said_by}"
    return str(utc_text(moment.seconds)), (f"refunds: {when}",)


def _filled(frame: pd.DataFrame) -> dict[str, pd.Series]:
    texts = {str(name): frame[name].fillna("").astype("str") for name in frame}
    return {name: column.mask(column == "") for name, column in texts.items()}


ADAPTER: Final = Adapter(
    DECLARES,
    sides=_SIDES,
    reads=_READS,
    optional=frozenset({*_READS, *DECLARES["columns"].values()} - _NEEDED),
    spellings={
        "Created date (UTC)": ("Created (UTC)",),
        "Refunded date (UTC)": ("Refunded (UTC)",),
        "Customer ID": ("Customer Email",),
    },
    prepare=prepare,
    settled_in="Converted Currency",
)
