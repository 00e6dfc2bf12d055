"""Marketplaces and payment providers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.exports.shape import export
from tests.exports.shop import Sale, Truth, cents, paid, shown, single_lines, truth_of, without_refunds
from tests.exports.shop_systems import NONE, email, name, number, of_status
from tests.exports.writing import Dialect, line_rows, write

FEE: Final = Decimal("0.03")


@dataclass(frozen=True)
class Movement:
    """A payment, or its way back: below zero, at its own time, with a number of its own."""

    sale: Sale
    at: datetime
    net: Decimal
    number: str

    @property
    def is_refund(self) -> bool:
        return "R" in self.number

    @property
    def fee(self) -> Decimal:
        return cents(-abs(self.net) * FEE)


def movements(sales: tuple[Sale, ...]) -> list[Movement]:
    """Payments and refunds in the order of time."""
    rows = [Movement(sale, sale.at, sale.net, str(sale.number)) for sale in sales if sale.net]
    rows += [Movement(sale, back.at, -back.amount, f"R{sale.number}") for sale in sales for back in sale.refunds]
    return sorted(rows, key=lambda row: row.at)


def charged(sales: tuple[Sale, ...]) -> tuple[Sale, ...]:
    """A payment provider sees no free order."""
    return tuple(sale for sale in sales if sale.net)


@export("Amazon: fulfilled shipments, tabs", "en-US")
def amazon_shipments(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "amazon-shipments.txt", line_rows(sales), {
        "amazon-order-id": lambda r: f"302-{r[0].number}-5555555", "merchant-order-id": lambda r: "",
        "shipment-id": lambda r: f"D{r[0].number}", "purchase-date": lambda r: r[0].at,
        "payments-date": lambda r: r[0].at + timedelta(days=1), "shipment-date": lambda r: r[0].at + timedelta(days=1),
        "buyer-email": lambda r: r[0].customer.email, "buyer-name": lambda r: r[0].customer.name,
        "sku": lambda r: r[1].sku, "product-name": lambda r: r[1].sku.title(),
        "quantity-shipped": lambda r: r[1].quantity,
        "currency": lambda r: "USD", "item-price": lambda r: r[1].net, "item-tax": lambda r: cents(r[1].net * FEE),
        "shipping-price": lambda r: NONE, "shipping-tax": lambda r: NONE, "ship-country": lambda r: "US",
        "item-promotion-discount": lambda r: NONE, "sales-channel": lambda r: "Amazon.com",
    }, Dialect(delimiter="\t", day="%Y-%m-%dT%H:%M:%S+00:00"))  # fmt: skip
    return truth_of(sales, email, order_id=lambda s: f"302-{s.number}-5555555")


@export("eBay: orders report, lines around the table", "en-US")
def ebay(folder: Path) -> Truth:
    sales = tuple(s for s in single_lines() if s.lines[0].quantity == 1)
    write(folder / "eBay-OrdersReport-Mar-05-2024.csv", sales, {
        "Sales Record Number": lambda s: s.number - 100_000, "Order Number": lambda s: f"10-{s.number}-77",
        "Buyer Username": lambda s: f"buyer_{s.customer.number}", "Buyer Name": name, "Buyer Email": lambda s: "",
        "Item Number": lambda s: 110_000_000 + s.number, "Item Title": lambda s: s.lines[0].sku.title(),
        "Quantity": lambda s: s.pieces, "Sold For": lambda s: s.net, "Shipping And Handling": lambda s: s.shipping,
        "Seller Collected Tax": lambda s: NONE, "eBay Collected Tax": lambda s: NONE,
        "Total Price": lambda s: s.net + s.shipping, "Payment Method": lambda s: "Other",
        "Sale Date": lambda s: s.at, "Paid On Date": lambda s: s.at, "Ship By Date": lambda s: s.at + timedelta(days=2),
        "Transaction ID": lambda s: f"{s.number}0017",
    }, Dialect(quote_all=True, sign="$#", thousands=",", day="%b-%d-%y", above=("",),
               below=("", f'{len(sales)},"record(s) downloaded,"," from ","Jan-05-23",to,"Mar-05-24"',
                      "Seller ID : houseshop")))  # fmt: skip
    return truth_of(sales, lambda s: f"buyer_{s.customer.number}", order_id=lambda s: f"10-{s.number}-77")


@export("Etsy: sold orders", "en-US")
def etsy_orders(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "EtsySoldOrders2023.csv", sales, {
        "Sale Date": lambda s: s.at, "Order ID": lambda s: 2_000_000_000 + s.number,
        "Buyer User ID": lambda s: f"u{s.customer.number}", "Full Name": name, "First Name": lambda s: s.customer.first,
        "Last Name": lambda s: s.customer.last, "Number of Items": lambda s: s.pieces,
        "Payment Method": lambda s: "Credit Card", "Date Shipped": lambda s: s.at + timedelta(days=2),
        "Ship Country": lambda s: "Germany", "Currency": lambda s: "USD", "Order Value": lambda s: s.net,
        "Coupon Code": lambda s: "", "Coupon Details": lambda s: "", "Discount Amount": lambda s: NONE,
        "Shipping Discount": lambda s: NONE, "Shipping": lambda s: s.shipping, "Sales Tax": lambda s: NONE,
        "Order Total": lambda s: s.net + s.shipping, "Status": lambda s: "",
        "Card Processing Fees": lambda s: cents(s.net * FEE),
        "Order Net": lambda s: s.net + s.shipping - cents(s.net * FEE),
        "Adjusted Order Total": lambda s: NONE, "Adjusted Net Order Amount": lambda s: NONE,
        "Buyer": lambda s: f"{s.customer.name} (u{s.customer.number})", "Order Type": lambda s: "online",
        "SKU": lambda s: "",
    }, Dialect(day="%m/%d/%y"))  # fmt: skip
    return truth_of(sales, lambda s: f"u{s.customer.number}", order_id=lambda s: 2_000_000_000 + s.number)


@export("Etsy: sold order items", "en-US")
def etsy_items(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "EtsySoldOrderItems2023.csv", line_rows(sales), {
        "Sale Date": lambda r: r[0].at, "Item Name": lambda r: r[1].sku.title(),
        "Buyer": lambda r: f"u{r[0].customer.number}",
        "Quantity": lambda r: r[1].quantity, "Price": lambda r: r[1].price, "Coupon Code": lambda r: "",
        "Discount Amount": lambda r: NONE, "Order Shipping": lambda r: r[0].shipping, "Order Sales Tax": lambda r: NONE,
        "Item Total": lambda r: r[1].net, "Currency": lambda r: "USD",
        "Transaction ID": lambda r: f"{r[0].number}{r[0].lines.index(r[1])}",
        "Listing ID": lambda r: 900_000 + len(r[1].sku),
        "Date Paid": lambda r: r[0].at, "Ship Name": lambda r: r[0].customer.name, "Order ID": lambda r: r[0].number,
        "Variations": lambda r: "", "Order Type": lambda r: "online", "SKU": lambda r: r[1].sku,
    }, Dialect(day="%m/%d/%y"))  # fmt: skip
    return truth_of(sales, lambda s: f"u{s.customer.number}")


def _paypal(folder: Path, words: tuple[str, ...], dialect: Dialect, kinds: tuple[str, str], done: str) -> Truth:
    day, time, zone, who, kind, status, currency, gross, fee, net, sender, transaction = words
    write(folder / "Download.CSV".lower(), movements(paid()), {
        day: lambda m: m.at, time: lambda m: f"{m.at:%H:%M:%S}", zone: lambda m: "Europe/Berlin",
        who: lambda m: m.sale.customer.name, kind: lambda m: kinds[m.is_refund], status: lambda m: done,
        currency: lambda m: "EUR", gross: lambda m: m.net, fee: lambda m: m.fee, net: lambda m: m.net + m.fee,
        sender: lambda m: m.sale.customer.email, transaction: lambda m: f"7X{m.number}",
    }, dialect)  # fmt: skip
    return truth_of(charged(paid()), email, order_id=lambda s: f"7X{s.number}")


@export("PayPal: activity, payments and refunds", "en-US")
def paypal_english(folder: Path) -> Truth:
    words = ("Date", "Time", "TimeZone", "Name", "Type", "Status", "Currency", "Gross", "Fee", "Net",
             "From Email Address", "Transaction ID")  # fmt: skip
    dialect = Dialect(day="%m/%d/%Y", thousands=",", quote_all=True, encoding="utf-8-sig")
    return _paypal(folder, words, dialect, ("Express Checkout Payment", "Payment Refund"), "Completed")


@export("PayPal: Aktivitäten", "de-DE")
def paypal_german(folder: Path) -> Truth:
    words = ("Datum", "Uhrzeit", "Zeitzone", "Name", "Typ", "Status", "Währung", "Brutto", "Gebühr", "Netto",
             "Absender E-Mail-Adresse", "Transaktionscode")  # fmt: skip
    dialect = Dialect(day="%d.%m.%Y", decimal=",", thousands=".", quote_all=True, encoding="utf-8-sig")
    return _paypal(folder, words, dialect, ("PayPal Express-Zahlung", "Rückzahlung"), "Abgeschlossen")


@export("PayPal: activité", "fr-FR")
def paypal_french(folder: Path) -> Truth:
    words = ("Date", "Heure", "Fuseau horaire", "Nom", "Type", "État", "Devise", "Avant commission", "Commission",
    "Net",
             "De l'adresse email", "Numéro de transaction")  # fmt: skip
    dialect = Dialect(day="%d/%m/%Y", decimal=",", thousands="\u00a0", quote_all=True, encoding="utf-8-sig")
    return _paypal(folder, words, dialect, ("Paiement express", "Remboursement"), "Terminé")


@export("Stripe: payments", "en-US")
def stripe_payments(folder: Path) -> Truth:
    def status(sale: Sale) -> str:
        return "Refunded" if sale.is_wholly_refunded else of_status(paid="Paid", failed="Failed")(sale)

    sales = charged(shown("failed"))
    write(folder / "unified_payments.csv", sales, {
        "id": lambda s: f"ch_3{s.number}", "Created date (UTC)": lambda s: s.at, "Amount": lambda s: s.net,
        "Amount Refunded": lambda s: s.refunded, "Currency": lambda s: "usd", "Captured": lambda s: "true",
        "Converted Amount": lambda s: s.net, "Converted Amount Refunded": lambda s: s.refunded,
        "Converted Currency": lambda s: "usd",
        "Decline Reason": lambda s: "card_declined" if s.status == "failed" else "",
        "Description": lambda s: "Order", "Fee": lambda s: cents(s.net * FEE),
        "Refunded date (UTC)": lambda s: s.refunds[0].at if s.refunds else None, "Status": status,
        "Seller Message": lambda s: "Payment complete.", "Taxes On Fee": lambda s: NONE,
        "Customer ID": lambda s: f"cus_{s.customer.number}", "Customer Email": email, "Invoice ID": lambda s: "",
    }, Dialect(day="%Y-%m-%d %H:%M:%S"))  # fmt: skip
    return truth_of(charged(paid()), lambda s: f"cus_{s.customer.number}", order_id=lambda s: f"ch_3{s.number}")


@export("Square: transactions", "en-US")
def square(folder: Path) -> Truth:
    write(folder / "transactions-2023-01-01-2024-03-05.csv", movements(paid()), {
        "Date": lambda m: m.at, "Time": lambda m: f"{m.at:%H:%M:%S}",
        "Time Zone": lambda m: "Eastern Time (US & Canada)",
        "Gross Sales": lambda m: m.net, "Discounts": lambda m: NONE, "Net Sales": lambda m: m.net,
        "Tax": lambda m: cents(m.net * FEE), "Tip": lambda m: NONE, "Partial Refunds": lambda m: NONE,
        "Total Collected": lambda m: m.net + cents(m.net * FEE), "Source": lambda m: "Register",
        "Card": lambda m: m.net,
        "Fees": lambda m: m.fee, "Net Total": lambda m: m.net + cents(m.net * FEE) + m.fee,
        "Transaction ID": lambda m: f"t{m.number}", "Payment ID": lambda m: f"q{m.number}",
        "Event Type": lambda m: "Refund" if m.is_refund else "Payment", "Location": lambda m: "Main Street",
        "Customer ID": lambda m: f"C{m.sale.customer.number}", "Customer Name": lambda m: m.sale.customer.name,
    }, Dialect(day="%m/%d/%y", sign="$#", thousands=",", quote_all=True))  # fmt: skip
    return truth_of(charged(paid()), lambda s: f"C{s.customer.number}", order_id=lambda s: f"t{s.number}")


@export("Square: items detail", "en-US")
def square_items(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "items-2023-01-01-2024-03-05.csv", line_rows(sales), {
        "Date": lambda r: r[0].at, "Time": lambda r: f"{r[0].at:%H:%M:%S}",
        "Time Zone": lambda r: "Eastern Time (US & Canada)",
        "Category": lambda r: "Home", "Item": lambda r: r[1].sku.title(), "Qty": lambda r: f"{r[1].quantity}.0",
        "SKU": lambda r: r[1].sku, "Gross Sales": lambda r: r[1].net, "Discounts": lambda r: NONE,
        "Net Sales": lambda r: r[1].net, "Tax": lambda r: cents(r[1].net * FEE),
        "Transaction ID": lambda r: f"t{r[0].number}", "Payment ID": lambda r: f"q{r[0].number}",
        "Event Type": lambda r: "Payment", "Customer ID": lambda r: f"C{r[0].customer.number}",
        "Customer Name": lambda r: r[0].customer.name,
    }, Dialect(day="%Y-%m-%d", sign="$#", thousands=",", quote_all=True))  # fmt: skip
    return truth_of(sales, lambda s: f"C{s.customer.number}", order_id=lambda s: f"t{s.number}")


@export("Lemon Squeezy: orders", "en-US")
def lemon_squeezy(folder: Path) -> Truth:
    sales = charged(shown("failed"))
    write(folder / "orders.csv", sales, {
        "id": lambda s: s.number, "customer_id": number, "user_name": name, "user_email": email,
        "currency": lambda s: "USD", "subtotal": lambda s: s.net, "discount_total": lambda s: NONE,
        "tax": lambda s: s.tax, "total": lambda s: s.net + s.tax,
        "status": of_status(paid="paid", failed="failed", refunded="refunded"), "created_at": lambda s: s.at,
    }, Dialect(day="%Y-%m-%dT%H:%M:%S.000000Z"))  # fmt: skip
    return truth_of(charged(paid()), number, by_status=True)


@export("Chargebee: invoices", "en-US")
def chargebee(folder: Path) -> Truth:
    sales = without_refunds(shown("failed", "cancelled"))
    write(folder / "Invoices.csv", sales, {
        "Invoice Number": lambda s: f"INV-{s.number}", "Subscription Id": lambda s: f"sub{s.customer.number}",
        "Customer Id": lambda s: f"c{s.customer.number}", "Customer Email": email, "Invoice Date": lambda s: s.at,
        "Status": of_status(paid="Paid", failed="Not Paid", cancelled="Voided"), "Currency": lambda s: "USD",
        "Sub Total": lambda s: s.net, "Tax Total": lambda s: s.tax, "Amount": lambda s: s.net + s.tax,
        "Due Date": lambda s: s.at + timedelta(days=14),
    }, Dialect(day="%d-%b-%Y %H:%M"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), lambda s: f"c{s.customer.number}",
                    order_id=lambda s: f"INV-{s.number}")  # fmt: skip
