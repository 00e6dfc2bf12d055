"""Shopify's export of orders (CSV): one row a line item; an order's own columns stand in one of its rows only.

Of https://help.shopify.com/en/manual/orders/export-orders (fields are left blank where several items were bought in
one order), https://shopify.dev/docs/api/admin-graphql/latest/enums/OrderDisplayFinancialStatus (the states) and
https://shopify.dev/docs/api/admin-rest/latest/resources/order (what subtotal, taxes and total hold):

* The first row of a ``Name`` with the order's own columns is the order, wherever it stands; every row is an order line.
  An order that stands in several files counts as the last file has it.
* ``net`` is ``Subtotal`` (after discounts, before shipping, duties, taxes and tips), less the tax in it where prices
  include tax (see ``net_of_tax``). Duties and tips are in ``Total`` alone: no revenue.
* A gift card that is sold is a debt until it is used, so Shopify's reports of sales leave it out: its line is taken off
  ``net``, and an order of gift cards alone is left out by rule. Paying by gift card lowers nothing. The export does not
  mark them: a line is one whose name says so, and which is neither taxed nor sent.
* Only sales count (``Financial Status``): paid, partially paid, partially refunded and refunded orders; pending and
  authorized ones are none yet, voided and expired ones never were. Test orders (Bogus Gateway) are left out by rule.
* An exchange adds lines to its order, whose ``Subtotal`` is as the export has it; what is still to pay (``Outstanding
  Balance``) is counted in a note.
* A refunded or cancelled order keeps its value of the day it was placed, and gets a refund: at ``Cancelled at``, or
  without one, as the export does not say when, from ``extracted_at`` on, else from the export's latest time.
* ``Refunded Amount`` holds tax and shipping: it gives back as much of ``net`` as of ``Total``, at most all. An order
  that is ``refunded``, or cancelled without an amount, goes back whole.
* Amounts are in the order's ``Currency``: several are refused, or converted by declared rates.
* Orders without ``Email`` (point of sale) are guests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.flat_rows import FlatRows, coded
from cvo_ml.ingest.adapters.net_of_tax import (
    CENT,
    Sums,
    digits_of,
    given_back,
    includes_tax,
    taxed_by_rates,
    without_tax,
)
from cvo_ml.ingest.adapters.order_rows import RowsOfOrders, order_rows
from cvo_ml.ingest.adapters.undated_refunds import said_of_undated, surely_by
from cvo_ml.ingest.raw import Places, RawTable

_TEST: Final = "test order (Bogus Gateway)"
_GIFT_CARDS: Final = "gift cards alone (no revenue until they are used)"
_GIFT_CARD: Final = "gift card (no revenue until it is used)"
_TIMES: Final = ("Created at", "Paid at", "Fulfilled at", "Cancelled at")
_NAMED_TAXES: Final = tuple(f"Tax {number}" for number in range(1, 6))
_CARD_NAMES: Final = (
    "gift ?-?cards?|e-?gift|gift (certificate|voucher)|geschenk(gutschein|karte)|(carte|chèque)s?[ -]cadeau|"
    "tarjetas? (de )?regalo|(carta|buono) regalo|cadeau(bon|kaart)|presentkort|gavekort|cartão[ -]presente|ギフトカード"
)

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "source": {"amounts": {"thousands": ""}},
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
_LINE: Final[dict[str, str]] = {
    "order_id": "Name",
    "product_id": "Lineitem sku",
    "quantity": "Lineitem quantity",
    "unit_price": "Lineitem price",
    "brand": "Vendor",
}
_REFUND: Final[dict[str, str]] = {
    "order_id": "Name",
    "customer_id": "Email",
    "refunded_at": "Cancelled at",
    "amount": "Refunded Amount",
    "currency": "Currency",
    "reason": "Financial Status",
}
_READS: Final = (
    *_TIMES, "Total", "Duties", "Outstanding Balance", "Payment Method", "Id", "Lineitem name", "Lineitem taxable",
    "Lineitem requires shipping", "Lineitem discount", *_LINE.values(), *_REFUND.values(),
    *(f"{tax} {what}" for tax in _NAMED_TAXES for what in ("Name", "Value")),
)  # fmt: skip
_PRICED: Final = ("Lineitem price", "Lineitem quantity", "Lineitem discount")
_OF_ORDERS: Final = frozenset({*DECLARES["columns"].values(), *_READS} - {
    *_PRICED, "Lineitem name", "Lineitem sku", "Lineitem taxable", "Lineitem requires shipping", "Vendor"
})  # fmt: skip
_NEEDED: Final = frozenset(
    {"Name", "Email", "Created at", "Subtotal", "Total", "Taxes", "Shipping", "Financial Status", "Refunded Amount",
     "Cancelled at", "Lineitem quantity", "Lineitem price", "Lineitem name"}
)  # fmt: skip


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """Orders, order lines and refunds of an export."""
    every = FlatRows(raw, shop)
    rows = order_rows(every, "Name", ("Financial Status", "Subtotal", "Total"), "Id")
    cards = _gift_cards(every)
    mapped = {*DECLARES["columns"].values(), *shop.columns.values(), *shop.profile.values()}
    orders = every.chosen(rows.own, _OF_ORDERS | mapped)
    sums = _sums(orders, every, rows, cards)
    few = every.chosen(rows.lines, {*_LINE.values(), "Lineitem name"})
    return {
        "orders": orders.only(mapped).table(
            {"Subtotal": orders.written("Subtotal", sums.net)},
            notes=(*raw.notes, *sums.notes),
            left_out=_left_out(orders, sums),
            gone=rows.gone(raw.places, further=True),
            ragged=True,
        ),
        "order_lines": _lines(few, cards[rows.lines], rows.gone(raw.places, further=False)),
        "refunds": _refunds(orders, sums),
    }


def _gift_cards(every: FlatRows) -> Flags:
    """(n,) lines that are gift cards."""
    found = every.told("Lineitem name", _CARD_NAMES)
    if found.any():
        for header in ("Lineitem requires shipping", "Lineitem taxable"):
            found &= ~every.among(header, ("true", "yes", "1"))
    return found


@dataclass(frozen=True)
class _OrderSums:
    """What n orders are worth before tax, what was to pay, the decimals of their currency, and what is said of them.

    ``cards_alone`` is (n,) orders of gift cards alone.
    """

    net: Floats
    total: Floats
    digits: NDArray[np.int64]
    cards_alone: Flags
    notes: tuple[str, ...]


def _sums(orders: FlatRows, every: FlatRows, rows: RowsOfOrders, cards: Flags) -> _OrderSums:
    subtotal, total = orders.amounts("Subtotal"), orders.amounts("Total")
    shipping, tax, duties = (np.nan_to_num(orders.amounts(name)) for name in ("Shipping", "Taxes", "Duties"))
    currency, names = coded(orders.texts("Currency"))
    digits = digits_of(names.to_pylist(), currency, orders.shop.currency)
    sums = Sums(subtotal, shipping, tax, total, duties, subtotal, _rated(orders, tax))
    included = includes_tax(sums)
    of_cards, taxed = _of_lines(every, rows, cards, len(orders))
    sums = replace(sums, goods=subtotal - of_cards, taxed=(subtotal - of_cards) * taxed)
    return _OrderSums(
        without_tax(sums, included, digits),
        np.where(np.isnan(total), subtotal + shipping + duties + np.where(included, 0, tax), total),
        digits,
        (of_cards > 0) & (sums.goods < CENT),
        _said(orders, sums, included, of_cards),
    )


def _rated(orders: FlatRows, tax: Floats) -> Floats:
    """(n,) what is taxed in all, as the rates in the names of taxes such as ``VAT 20%`` say."""
    taxes, rates = [], []
    for name in _NAMED_TAXES:
        if not orders.filled(f"{name} Name").any():
            continue
        codes, names = coded(orders.texts(f"{name} Name"))
        percent = pd.Series(names.to_pandas()).str.extract(r"(\d+(?:[.,]\d+)?)\s?%")[0].str.replace(",", ".")
        rates.append(pd.to_numeric(percent).to_numpy(dtype=np.float64)[codes] / 100)
        taxes.append(np.nan_to_num(orders.amounts(f"{name} Value")))
    return taxed_by_rates(taxes, rates, tax)


def _of_lines(every: FlatRows, rows: RowsOfOrders, cards: Flags, orders: int) -> tuple[Floats, Floats]:
    """(orders,) what of an order are gift cards, and the share of the rest that is taxed."""
    untaxed = every.among("Lineitem taxable", ("false", "no", "0")) & ~cards
    number = np.full(int(rows.order.max(initial=-1)) + 1, -1, dtype=np.int64)
    number[rows.order[rows.own]] = np.arange(orders)
    of = number[rows.order]
    asked = (of >= 0) & rows.lines & np.isin(of, of[cards | untaxed])
    if not asked.any():
        return np.zeros(orders), np.ones(orders)
    lines, of = every.chosen(asked, _PRICED), of[asked]
    value = lines.amounts("Lineitem price") * lines.amounts("Lineitem quantity")
    value = np.nan_to_num(value - np.nan_to_num(lines.amounts("Lineitem discount")))
    gift, goods, free = (np.bincount(of, value * kind[asked], orders) for kind in (cards, ~cards, untaxed))
    share = np.divide(free, goods, out=np.zeros(orders), where=goods > CENT)
    return np.asarray(gift, dtype=np.float64), np.asarray(1 - np.clip(share, 0, 1), dtype=np.float64)


def _said(orders: FlatRows, sums: Sums, included: Flags, of_cards: Floats) -> tuple[str, ...]:
    """What the orders hold that a reader should know of."""
    notes = []
    if included.any():
        notes.append(f"{int(included.sum()):,} orders have prices with tax: net is Subtotal less the tax of the goods")
    if (held := of_cards > 0).any():
        notes.append(
            f"{int(held.sum()):,} orders hold gift cards ({of_cards.sum():,.2f}): no revenue until they are used"
        )
    tips = sums.total - sums.goods - of_cards - sums.shipping - sums.other - np.where(included, 0, sums.tax)
    if (held := tips > CENT).any():
        notes.append(
            f"{int(held.sum()):,} orders hold {tips[held].sum():,.2f} beside goods, shipping, tax: tips are no revenue"
        )
    due = orders.amounts("Outstanding Balance")
    if (held := due > CENT).any():
        notes.append(f"{int(held.sum()):,} orders have {due[held].sum():,.2f} outstanding: they count whole")
    return tuple(notes)


def _left_out(orders: FlatRows, sums: _OrderSums) -> dict[str, Flags]:
    rules = {_TEST: orders.told("Payment Method", r"\bbogus\b"), _GIFT_CARDS: sums.cards_alone}
    return {rule: rows for rule, rows in rules.items() if rows.any()}


def _lines(lines: FlatRows, cards: Flags, gone: dict[str, Places]) -> RawTable:
    sku, name = lines.texts("Lineitem sku"), lines.texts("Lineitem name")
    product = pc.if_else(pc.equal(pc.utf8_trim_whitespace(sku), ""), name, sku).combine_chunks()
    return lines.only(_LINE.values()).table(
        {"Lineitem sku": product}, left_out={_GIFT_CARD: cards} if cards.any() else {}, gone=gone
    )


def _refunds(orders: FlatRows, sums: _OrderSums) -> RawTable:
    """What went back, of the orders that were refunded or cancelled."""
    amounts = np.abs(orders.amounts("Refunded Amount"))
    cancelled, refunded = orders.filled("Cancelled at"), orders.among("Financial Status", ("refunded",))
    rows = cancelled | refunded | (amounts > 0) | orders.unreadable("Refunded Amount")
    chosen, amounts, cancelled, refunded = orders.chosen(rows), amounts[rows], cancelled[rows], refunded[rows]
    net, total, digits = sums.net[rows], sums.total[rows], sums.digits[rows]
    whole = refunded | (cancelled & ~(amounts > 0))
    back = np.where(whole, net, given_back(np.nan_to_num(amounts), net, total, digits))
    columns = {
        "Refunded Amount": chosen.written("Refunded Amount", back),
        "Cancelled at": _when(chosen, cancelled, orders),
        "Financial Status": pa.array(np.where(cancelled, "cancellation", "refund"), pa.large_string()),
    }
    unsaid = int((orders.among("Financial Status", ("partially_refunded",)) & ~rows).sum())
    notes = (*_said_above(int((amounts > total + CENT).sum())), *_said_without_amount(unsaid))
    return chosen.only(_REFUND.values()).table(
        columns, notes=(*said_of_undated(int((~cancelled).sum()), orders.shop), *notes)
    )


def _when(chosen: FlatRows, cancelled: Flags, orders: FlatRows) -> pa.Array:
    """When refunds were: as their orders were cancelled, else when they surely had been."""
    times = chosen.times("Cancelled at", "refunded_at")
    if not cancelled.all():
        times = times.mask(~cancelled, surely_by(orders, _TIMES))
    return pa.array(times, pa.timestamp("us"), from_pandas=True)


def _said_above(refunds: int) -> tuple[str, ...]:
    note = f"refunds: {refunds:,} were above the total of their order and count as all of it"
    return (note,) if refunds else ()


def _said_without_amount(refunds: int) -> tuple[str, ...]:
    note = f"refunds: {refunds:,} orders are partially refunded and do not say how much: they count whole"
    return (note,) if refunds else ()


ADAPTER: Final = Adapter(
    DECLARES,
    reads=_READS,
    optional=frozenset({*_READS, *DECLARES["columns"].values()} - _NEEDED),
    prepare=prepare,
    sides={"order_lines": {"columns": _LINE}, "refunds": {"columns": _REFUND}},
)
