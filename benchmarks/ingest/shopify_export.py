"""``cvo check`` of Shopify's export of orders, beside DuckDB's copy of that file to Parquet, which checks nothing.

    python -m benchmarks.ingest.shopify_export [--lines 1000000]

The export is invented: 79 columns as Shopify writes them, one to four lines an order, prices with and without tax,
taxed and untaxed shipping, refunds, notes of several lines. What its orders and refunds are worth is known from the
draws, and what is read must equal it to the cent. Each command runs in a process of its own, as in ``checking.py``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.ingest.checking import CHECK, measured

BLOCK: Final = 200_000
HEADERS: Final = (
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing",
    "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code", "Discount Amount", "Shipping Method",
    "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem compare at price", "Lineitem sku",
    "Lineitem requires shipping", "Lineitem taxable", "Lineitem fulfillment status", "Billing Name", "Billing Street",
    "Billing Address1", "Billing Address2", "Billing Company", "Billing City", "Billing Zip", "Billing Province",
    "Billing Country", "Billing Phone", "Shipping Name", "Shipping Street", "Shipping Address1", "Shipping Address2",
    "Shipping Company", "Shipping City", "Shipping Zip", "Shipping Province", "Shipping Country", "Shipping Phone",
    "Notes", "Note Attributes", "Cancelled at", "Payment Method", "Payment Reference", "Refunded Amount", "Vendor",
    "Outstanding Balance", "Employee", "Location", "Device ID", "Id", "Tags", "Risk Level", "Source",
    "Lineitem discount", "Tax 1 Name", "Tax 1 Value", "Tax 2 Name", "Tax 2 Value", "Tax 3 Name", "Tax 3 Value",
    "Tax 4 Name", "Tax 4 Value", "Tax 5 Name", "Tax 5 Value", "Phone", "Receipt Number", "Duties",
    "Billing Province Name", "Shipping Province Name", "Payment ID", "Payment Terms Name", "Next Payment Due At",
    "Payment References",
)  # fmt: skip
COPY: Final = """
import duckdb, sys
connection = duckdb.connect()
connection.execute("SET threads=2")
connection.execute(f"COPY (FROM read_csv('{sys.argv[1]}', header=true, all_varchar=true)) TO '{sys.argv[2]}'")
"""
READ: Final = """
import json, sys
from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest import read_shop
shop = ShopConfig.model_validate(
    {"name": "shop", "currency": "EUR", "adapter": "shopify", "source": {"path": sys.argv[1]}}
)
result = read_shop(shop)
found = {
    "orders": result.tables.rows("orders"), "lines": result.tables.rows("order_lines"),
    "net": round(float(result.tables.orders["net"].sum()), 2),
    "refunded": round(float(result.tables.refunds["amount"].sum()), 2),
}
open(sys.argv[2], "w").write(json.dumps(found))
"""


def generate(path: Path, lines: int, seed: int = 1) -> dict[str, float]:
    """Write an export of so many rows; returns orders, lines, and what they and their refunds are worth without tax."""
    rng = np.random.default_rng(seed)
    truth: dict[str, float] = {"orders": 0, "lines": 0, "net": 0, "refunded": 0}
    with path.open("wb") as file:
        file.write((",".join(HEADERS) + "\n").encode())
        while truth["lines"] < lines:
            _block(file, min(BLOCK, lines - int(truth["lines"])), truth, rng)
    return {name: value / 100 if name in ("net", "refunded") else value for name, value in truth.items()}


def _block(file: BinaryIO, lines: int, truth: dict[str, float], rng: np.random.Generator) -> None:
    """One block of rows; money is in whole cents, at 20 % tax, so that what is without tax is whole too."""
    count = rng.integers(1, 5, lines)
    count = count[: int(np.searchsorted(np.cumsum(count), lines)) + 1]
    count[-1] -= int(count.sum()) - lines
    orders, of, first = len(count), np.repeat(np.arange(len(count)), count), np.zeros(lines, dtype=bool)
    first[np.cumsum(count) - count] = True
    quantity, price = rng.integers(1, 4, lines), rng.integers(2, 200, lines) * 100  # without tax
    net = np.bincount(of, quantity * price, orders).astype(np.int64)
    shipping = rng.choice([0, 500, 1000], orders)
    included, taxed = rng.random(orders) < 0.5, rng.random(orders) < 0.5
    tax = (net + shipping * taxed) // 5
    gross = np.where(included, net * 6 // 5, net)
    shipped = np.where(included & taxed, shipping * 6 // 5, shipping)
    total = gross + shipped + np.where(included, 0, tax)
    back = np.where(rng.random(orders) < 0.05, total, 0)
    number = int(truth["orders"]) + 1001 + np.arange(orders)
    moment = np.datetime64("2023-01-01T00:00:00") + np.sort(rng.integers(0, 86_400 * 700, orders)).astype("m8[s]")
    days = pc.binary_join_element_wise(pc.strftime(pa.array(moment), format="%Y-%m-%d %H:%M:%S"), "+0000", " ")
    person = rng.integers(1, 150_000, orders)

    def once(values: pa.Array) -> pa.Array:
        return pc.if_else(pa.array(first), values.take(pa.array(of)), "")

    def money(cents: np.ndarray) -> pa.Array:
        return pc.binary_join_element_wise(
            pa.array(cents // 100).cast(pa.string()), pc.utf8_lpad(pa.array(cents % 100).cast(pa.string()), 2, "0"), "."
        )

    def same(text: str, rows: int = orders) -> pa.Array:
        return pa.array([text] * rows)

    states = pc.if_else(pa.array(back > 0), "refunded", "paid")
    names = pc.binary_join_element_wise("#", pa.array(number).cast(pa.string()), "")
    people = pc.binary_join_element_wise("c", pa.array(person).cast(pa.string()), "@example.org", "")
    line_price = np.where(included[of], price * 6 // 5, price)
    sku = pc.binary_join_element_wise("SKU-", pa.array(rng.integers(1, 900, lines)).cast(pa.string()), "")
    filled = {
        "Name": names.take(pa.array(of)), "Email": people.take(pa.array(of)), "Financial Status": once(states),
        "Paid at": once(days), "Fulfillment Status": once(same("fulfilled")), "Fulfilled at": once(days),
        "Accepts Marketing": once(same("yes")), "Currency": once(same("EUR")), "Subtotal": once(money(gross)),
        "Shipping": once(money(shipped)), "Taxes": once(money(tax)), "Total": once(money(total)),
        "Discount Amount": once(same("0.00")), "Shipping Method": once(same("Standard")),
        "Created at": days.take(pa.array(of)), "Lineitem quantity": pa.array(quantity).cast(pa.string()),
        "Lineitem name": pc.binary_join_element_wise('"Chair, oak - Natural / ', sku, '"', ""),
        "Lineitem price": money(line_price),
        "Lineitem sku": sku, "Lineitem requires shipping": same("true", lines),
        "Lineitem taxable": same("true", lines), "Lineitem fulfillment status": same("fulfilled", lines),
        "Billing Name": once(same("Test Person")), "Billing Street": once(same("Street 1")),
        "Billing City": once(same("Berlin")), "Billing Zip": once(same("'10115")), "Billing Country": once(same("DE")),
        "Shipping Name": once(same("Test Person")), "Shipping City": once(same("Berlin")),
        "Notes": pc.if_else(pa.array(first & (rng.random(lines) < 0.02)), '"Ring twice,\nthen wait"', ""),
        "Shipping Country": once(same("DE")), "Payment Method": once(same("Shopify Payments")),
        "Refunded Amount": once(money(back)), "Vendor": same("House", lines),
        "Outstanding Balance": once(same("0.00")),
        "Id": once(pc.add(pa.array(number), 4_000_000_000_000).cast(pa.string())), "Risk Level": once(same("Low")),
        "Source": once(same("web")), "Lineitem discount": same("0.00", lines), "Tax 1 Name": once(same("VAT 20%")),
        "Tax 1 Value": once(money(tax)),
    }  # fmt: skip
    empty = same("", lines)
    written = pc.binary_join_element_wise(*(filled.get(name, empty) for name in HEADERS), ",")
    file.write(("\n".join(written.to_pylist()) + "\n").encode())
    truth["orders"] += orders
    truth["lines"] += lines
    truth["net"] += int(net.sum())
    truth["refunded"] += int(net[back > 0].sum())


def main() -> None:
    """Generate, copy, check, read, compare with the truth, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, told = Path(folder) / "orders_export_1.csv", Path(folder) / "told.json"
        truth = generate(path, options.lines)
        (Path(folder) / "shop.yaml").write_text(
            f"name: shop\ncurrency: EUR\nadapter: shopify\nsource: {{path: {path}}}\n", encoding="utf-8"
        )
        copied = measured(COPY, str(path), str(Path(folder) / "copy.parquet"))
        read = measured(READ, str(path), str(told))
        checked = measured(CHECK, "check", "--shop", str(Path(folder) / "shop.yaml"))
        found, size = json.loads(told.read_text()), path.stat().st_size
    print(json.dumps({
        "megabytes": round(size / 1e6), "truth": truth, "found": found,
        "copy": copied, "read": read, "check": checked,
        "cpu_ratio": round(checked["cpu_seconds"] / copied["cpu_seconds"], 2),
    }, indent=2))  # fmt: skip
    if found != truth:
        raise SystemExit("what was read is not what is true")


if __name__ == "__main__":
    main()
