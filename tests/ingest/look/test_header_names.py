"""Names of columns, as shops' software and accounting packages write them."""

from __future__ import annotations

import pytest

from cvo_ml.ingest.header_names import currency_in, headers_for, meaning_of

#: Headers of real exports (WooCommerce, Magento, BigCommerce, Square, Amazon, UCI; shops in eight languages).
EXPORTED = {
    "Order Number": "order_id", "Customer User ID": "customer_id", "Email (Billing)": "customer_email",
    "Order Subtotal Amount": "subtotal", "Cart Discount Amount": "discount", "Order Refund Amount": "refund_amount",
    "Grand Total (Purchased)": "total", "Subtotal (ex tax)": "net", "Order Total (inc tax)": "with_tax",
    "Net Sales": "net", "Gross Sales": "gross", "amazon-order-id": "order_id", "purchase-date": "ordered_at",
    "InvoiceNo": "order_id", "StockCode": "product_id", "UnitPrice": "unit_price", "household_key": "customer_id",
    "ORDERNUMBER": "order_id", "QUANTITYORDERED": "quantity", "PRICEEACH": "unit_price",
    "Bestell-Nr.": "order_id", "Kundennummer": "customer_id", "Währung": "currency", "Gesamtbetrag": "total",
    "Nettobetrag": "net", "Numéro de commande": "order_id", "Montant HT": "net", "Total TTC": "with_tax",
    "Fecha de pedido": "ordered_at", "Importe sin IVA": "net", "Data ordine": "ordered_at", "Quantità": "quantity",
    "Bedrag excl. BTW": "net", "Data do pedido": "ordered_at", "Wartość netto": "net", "Nr zamówienia": "order_id",
    "Beställningsdatum": "ordered_at", "Belopp exkl. moms": "net", "Ordredato": "ordered_at",
    "properties.order_id": "order_id", "billing.email": "customer_email", "orderCurrency": "currency",
    "Testbestellung": "is_test", "Financial Status": "payment_status", "Fee": "payment_cost",
}  # fmt: skip


@pytest.mark.parametrize(("header", "meaning"), EXPORTED.items())
def test_a_header_of_an_export_has_its_meaning(header: str, meaning: str) -> None:
    assert meaning_of(header) == meaning


@pytest.mark.parametrize("header", ["", " ", "Colour", "Note", "Weight (kg)", "Gift message", "EUR", "utm_term"])
def test_what_is_no_known_name_has_no_meaning(header: str) -> None:
    assert meaning_of(header) is None


def test_an_id_comes_before_an_address_and_that_before_a_name() -> None:
    assert headers_for("customer_id", ["Name", "Email", "Customer ID"]) == ("Customer ID", "Email", "Name")


def test_the_day_of_the_order_comes_before_that_of_the_payment() -> None:
    assert headers_for("ordered_at", ["Date paid", "Created at", "Order date"]) == (
        "Order date", "Created at", "Date paid",
    )  # fmt: skip


def test_a_header_may_name_its_currency() -> None:
    assert [currency_in(name) for name in ("Net (CHF)", "Total €", "price_usd", "Country")] == [
        "CHF", "EUR", "USD", None,
    ]  # fmt: skip
