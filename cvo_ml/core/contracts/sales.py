"""What was sold, and what became of it: orders, their lines, refunds, parcels, returns."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, TimeOrder, required

ORDERS: Final = TableContract(
    "orders",
    (
        required("order_id", "id"),
        required("customer_id", "id"),
        required("ordered_at", "time", "when it was placed"),
        required("net", "money", "value when ordered: after discounts, before tax; refunds are rows of their own"),
        Column("gross", "money", meaning="what was charged, with tax and shipping"),
        Column("discount", "money", meaning="what was taken off before net"),
        Column("shipping", "money", meaning="what the customer paid for shipping"),
        Column("tax", "money"),
        Column("cost", "money", meaning="cost of the goods"),
        Column("currency", "text", meaning="ISO 4217"),
        Column("status", "text", meaning="the source's word for what became of it: only sales count"),
        Column("discount_code", "text"),
        Column("channel", "text", meaning="where it was sold: web, store, app"),
        Column("is_test", "flag"),
        Column("seller_id", "id", meaning="who sold it, on a marketplace"),
        Column("payment_cost", "money", meaning="fees of the payment, paid by the shop"),
        Column("shipping_cost", "money", meaning="what the shop paid the carrier"),
        KNOWN_AT_COLUMN,
    ),
    key=("order_id",),
    event_time="ordered_at",
    about="An order.",
)

REFUNDS: Final = TableContract(
    "refunds",
    (
        Column("refund_id", "id"),
        required("refunded_at", "time"),
        required("amount", "money", "positive: what went back to the customer", Range(0)),
        Column(
            "order_id", "id", meaning="the order it gives back; null where only the customer is known", names="orders"
        ),
        Column("customer_id", "id"),
        Column("currency", "text", meaning="ISO 4217"),
        Column("reason", "text"),
        Column(
            "part_of",
            "money",
            meaning="the total of its order, where amount holds tax and shipping: as much of its net goes back",
        ),
        KNOWN_AT_COLUMN,
    ),
    event_time="refunded_at",
    about="Money that went back.",
    key_where_told=("refund_id",),
    one_of=(("order_id", "customer_id"),),
)

ORDER_LINES: Final = TableContract(
    "order_lines",
    (
        required("order_id", "id", names="orders"),
        Column("line_id", "id", meaning="its place in the order"),
        required("product_id", "id"),
        required("quantity", "number", "units"),
        Column("unit_price", "money", meaning="of one unit, after discounts, before tax"),
        Column("net", "money", meaning="of the line: after discounts, before tax"),
        Column("category", "text"),
        Column("brand", "text"),
        Column("unit_cost", "money", meaning="cost of one unit"),
        KNOWN_AT_COLUMN,
    ),
    about="A product in an order.",
    key_where_told=("order_id", "line_id"),
)

DELIVERIES: Final = TableContract(
    "deliveries",
    (
        Column("delivery_id", "id", meaning="of the parcel: an order may come in several"),
        required("order_id", "id", names="orders"),
        required("shipped_at", "time", "when it left the shop"),
        Column("delivered_at", "time", meaning="when it arrived; null while it has not"),
        Column("promised_at", "time", meaning="when the customer was told to expect it", foreseen=True),
        Column("carrier", "text"),
        Column("region", "text", meaning="where it went"),
        KNOWN_AT_COLUMN,
    ),
    event_time="shipped_at",
    about="A parcel that left the shop.",
    key_where_told=("delivery_id",),
    spans=(TimeOrder("shipped_at", "delivered_at", "delivered before it was shipped"),),
)

RETURNS: Final = TableContract(
    "returns",
    (
        required("customer_id", "id"),
        required("opened_at", "time", "when it was announced"),
        Column("order_id", "id", names="orders"),
        Column("product_id", "id"),
        Column("kind", "text", meaning="such as return or exchange"),
        Column("reason", "text"),
        Column("quantity", "number", meaning="units", within=Range(0)),
        KNOWN_AT_COLUMN,
    ),
    event_time="opened_at",
    about="Goods that come back; the money is a refund.",
)
