"""Event streams, dumps of databases and files of data warehouses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.exports.shape import export
from tests.exports.shop import Sale, Truth, paid, people, shown, truth_of, without_refunds
from tests.exports.shop_systems import email, number, of_status
from tests.exports.writing import Dialect, write


def moment(at: datetime) -> float:
    return at.replace(tzinfo=UTC).timestamp()


def lines_of_json(path: Path, objects: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects), encoding="utf-8")


@export("GA4: BigQuery export, JSON lines", "en-US")
def ga4(folder: Path) -> Truth:
    def purchase(sale: Sale) -> dict[str, Any]:
        return {
            "event_name": "purchase", "event_timestamp": str(int(moment(sale.at) * 1e6)),
            "user_pseudo_id": f"{sale.customer.number}.17", "traffic_source": {"source": "google"},
            "geo": {"country": "Germany"},
            "event_params": [{"key": "currency", "value": {"string_value": "EUR"}}],
            "ecommerce": {"transaction_id": str(sale.number), "purchase_revenue": float(sale.net),
                          "shipping_value": float(sale.shipping), "tax_value": float(sale.tax)},
            "items": [{"item_id": line.sku, "quantity": line.quantity,
            "price": float(line.price)} for line in sale.lines],
        }  # fmt: skip

    def refund(sale: Sale) -> dict[str, Any]:
        back = sale.refunds[0]
        return {
            "event_name": "refund",
            "event_timestamp": str(int(moment(back.at) * 1e6)),
            "user_pseudo_id": f"{sale.customer.number}.17",
            "ecommerce": {"transaction_id": str(sale.number), "refund_value": float(back.amount)},
        }

    views = [{"event_name": "page_view", "event_timestamp": str(int(moment(s.at) * 1e6)), "user_pseudo_id": "x.1"}
             for s in paid()]  # fmt: skip
    lines_of_json(folder / "events_intraday.jsonl", [*views, *map(purchase, paid()),
                                                     *(refund(s) for s in paid() if s.refunds)])  # fmt: skip
    return truth_of(paid(), lambda s: f"{s.customer.number}.17")


@export("Segment: track calls", "en-US")
def segment(folder: Path) -> Truth:
    sales = without_refunds(paid())
    lines_of_json(folder / "segment.jsonl", (
        {"type": "track", "event": "Order Completed", "userId": f"u{s.customer.number}",
        "timestamp": s.at.isoformat() + "Z",
         "properties": {"order_id": str(s.number), "subtotal": float(s.net), "total": float(s.total), "currency": "EUR",
                        "shipping": float(s.shipping), "tax": float(s.tax),
                        "products": [{"product_id": x.sku, "quantity": x.quantity,
                        "price": float(x.price)} for x in s.lines]}}
        for s in sales
    ))  # fmt: skip
    return truth_of(sales, lambda s: f"u{s.customer.number}")


@export("Klaviyo: Placed Order events", "en-US")
def klaviyo(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "placed_order.csv", sales, {
        "Event Timestamp": lambda s: s.at, "Event Name": lambda s: "Placed Order",
        "Person ID": lambda s: f"01H{s.customer.number}",
        "Email": email, "OrderId": lambda s: s.number, "Value": lambda s: s.net, "Currency": lambda s: "EUR",
    }, Dialect(day="%Y-%m-%dT%H:%M:%S+00:00"))  # fmt: skip
    return truth_of(sales, lambda s: f"01H{s.customer.number}")


@export("Mailchimp: e-commerce orders", "en-US")
def mailchimp(folder: Path) -> Truth:
    sales = without_refunds(paid())
    objects = [
        {"id": str(s.number), "customer": {"id": str(s.customer.number), "email_address": s.customer.email},
         "store_id": "main", "currency_code": "EUR", "order_total": float(s.total), "tax_total": float(s.tax),
         "shipping_total": float(s.shipping), "processed_at_foreign": s.at.isoformat() + "+00:00",
         "lines": [{"product_id": x.sku, "quantity": x.quantity, "price": float(x.price)} for x in s.lines]}
        for s in sales
    ]  # fmt: skip
    (folder / "orders.json").write_text(
        json.dumps({"store_id": "main", "orders": objects, "total_items": len(objects)})
    )
    return truth_of(sales, number, net=lambda s: s.total)


@export("MySQL: INTO OUTFILE with a header, tabs, nulls as \\N", "en-US")
def mysql_outfile(folder: Path) -> Truth:
    sales = without_refunds(paid(guests=True))
    write(folder / "orders.tsv", sales, {
        "order_id": lambda s: s.number, "customer_id": lambda s: s.person and s.person.number,
        "created_at": lambda s: s.at,
        "coupon_code": lambda s: None, "net_amount": lambda s: s.net, "currency": lambda s: "EUR",
    }, Dialect(delimiter="\t", null="\\N"))  # fmt: skip
    return truth_of(without_refunds(paid()), number)


@export("MySQL: seconds since 1970", "en-US")
def mysql_seconds(folder: Path) -> Truth:
    sales = without_refunds(shown("failed"))
    write(folder / "orders.csv", sales, {
        "id": lambda s: s.number, "user_id": number, "status": of_status(paid="paid", failed="payment_failed"),
        "net_total": lambda s: s.net, "created_at": lambda s: s.at, "updated_at": lambda s: s.at,
    }, Dialect(day="epoch_s", quote_all=True))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number)


@export("PostgreSQL: COPY with a header", "en-US")
def postgres_copy(folder: Path) -> Truth:
    sales = without_refunds(shown("test"))
    write(folder / "orders.csv", sales, {
        "order_id": lambda s: s.number, "customer_id": number, "ordered_at": lambda s: s.at, "net": lambda s: s.net,
        "is_test": lambda s: "t" if s.status == "test" else "f", "discount_code": lambda s: None,
    }, Dialect(day="%Y-%m-%d %H:%M:%S.000000+00"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number)


@export("MongoDB: mongoexport, JSON array with milliseconds", "en-US")
def mongo_array(folder: Path) -> Truth:
    sales = without_refunds(paid())
    objects = [
        {"_id": f"{s.number:024x}", "orderNumber": s.number, "customerId": s.customer.number,
         "createdAt": int(moment(s.at) * 1000), "netTotal": float(s.net), "currency": "EUR"}
        for s in sales
    ]  # fmt: skip
    (folder / "orders.json").write_text(json.dumps(objects, indent=1))
    return truth_of(sales, number)


@export("MongoDB: extended JSON lines", "en-US")
def mongo_extended(folder: Path) -> Truth:
    sales = without_refunds(paid())
    lines_of_json(folder / "orders.json", (
        {"_id": {"$oid": f"{s.number:024x}"}, "orderNumber": str(s.number), "customer": {"id": str(s.customer.number)},
         "createdAt": {"$date": s.at.isoformat() + ".000Z"}, "netAmount": {"$numberDecimal": f"{s.net:.2f}"}}
        for s in sales
    ))  # fmt: skip
    return truth_of(sales, number)


@export("BigQuery: JSON lines", "en-US")
def bigquery(folder: Path) -> Truth:
    sales = without_refunds(paid())
    lines_of_json(folder / "bq-results-20240305.jsonl", (
        {"order_id": str(s.number), "customer_id": str(s.customer.number),
        "order_date": f"{s.at:%Y-%m-%d %H:%M:%S} UTC",
         "net_revenue": f"{s.net:.2f}", "currency": "EUR"} for s in sales
    ))  # fmt: skip
    return truth_of(sales, number)


@export("a warehouse's Parquet", "en-US")
def parquet(folder: Path) -> Truth:
    sales = without_refunds(paid())
    pq.write_table(_arrow(sales), folder / "fct_orders.parquet")
    return truth_of(sales, number)


@export("a DuckDB file with orders, refunds and customers", "en-US")
def duckdb_file(folder: Path) -> Truth:
    orders = _arrow(paid())
    backs = [(s.number, back.at, back.amount) for s in paid() for back in s.refunds]
    refunds = pa.table({"order_id": [b[0] for b in backs], "refunded_at": [b[1] for b in backs],
                        "amount": [b[2] for b in backs]})  # fmt: skip
    customers = pa.table({"customer_id": [p.number for p in people()], "country": [p.country for p in people()]})
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        for table, rows in (("orders", orders), ("refunds", refunds), ("customers", customers)):
            connection.register("rows", rows)
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM rows")
            connection.unregister("rows")
    return truth_of(paid(), number)


def _arrow(sales: Iterable[Sale]) -> pa.Table:
    rows = list(sales)
    return pa.table({
        "order_id": [s.number for s in rows], "customer_id": [s.customer.number for s in rows],
        "ordered_at": pa.array([s.at for s in rows], pa.timestamp("us")),
        "net_amount": pa.array([s.net for s in rows], pa.decimal128(12, 2)), "currency": ["EUR"] * len(rows),
    })  # fmt: skip


@export("a file whose headers are the contract's names", "en-US")
def own_names(folder: Path) -> Truth:
    sales = without_refunds(shown("test"))
    write(folder / "orders.csv", sales, {
        "order_id": lambda s: s.number, "customer_id": number, "ordered_at": lambda s: s.at, "net": lambda s: s.net,
        "currency": lambda s: "EUR", "channel": lambda s: "web", "is_test": lambda s: str(s.status == "test").lower(),
    }, Dialect(day="%Y-%m-%dT%H:%M:%SZ"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number)


@export("orders with refunds and customers in files beside them", "en-US")
def three_files(folder: Path) -> Truth:
    backs = [(s, back) for s in paid() for back in s.refunds]
    write(folder / "orders.csv", paid(), {"order_id": lambda s: s.number, "customer_id": number,
                                          "order_date": lambda s: s.at, "net_amount": lambda s: s.net})  # fmt: skip
    write(folder / "refunds.csv", backs, {"refund_id": lambda r: f"r{r[0].number}", "order_id": lambda r: r[0].number,
                                          "refunded_at": lambda r: r[1].at,
                                          "amount": lambda r: r[1].amount})  # fmt: skip
    write(folder / "customers.csv", people(), {"customer_id": lambda p: p.number, "country": lambda p: p.country,
                                               "email": lambda p: p.email})  # fmt: skip
    return truth_of(paid(), number)


@export("subscriptions only", "en-US")
def subscriptions(folder: Path) -> Truth:
    begun = {sale.customer: sale.at for sale in reversed(paid())}
    write(folder / "subscriptions.csv", sorted(begun.items(), key=lambda item: item[1]), {
        "subscription_id": lambda r: f"sub_{r[0].number}", "customer_id": lambda r: r[0].number,
        "status": lambda r: "canceled" if r[0].number % 3 == 0 else "active", "plan": lambda r: "Pro",
        "mrr": lambda r: Decimal(r[0].number % 5 * 10 + 9), "currency": lambda r: "EUR", "started_at": lambda r: r[1],
        "ended_at": lambda r: r[1].replace(year=2025) if r[0].number % 3 == 0 else None,
    })  # fmt: skip
    return Truth((), subscriptions=tuple(
        (f"sub_{person.number}", str(person.number), Decimal(person.number % 5 * 10 + 9)) for person in begun
    ))  # fmt: skip
