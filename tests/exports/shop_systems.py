"""Order exports of shop systems, with their own column names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.exports.shape import export
from tests.exports.shop import Sale, Truth, cents, paid, shown, single_lines, truth_of, without_refunds
from tests.exports.writing import Dialect, line_rows, write

NONE: Final = Decimal(0)


def email(sale: Sale) -> str:
    return sale.person.email if sale.person else ""


def name(sale: Sale) -> str:
    return sale.person.name if sale.person else ""


def number(sale: Sale) -> object:
    return sale.person.number if sale.person else 0


def paid_back(sale: Sale) -> Decimal:
    """What went back with its part of the tax and the shipping, as shop systems write it."""
    return cents(sale.refunded * sale.total / sale.net) if sale.net else NONE


def of_status(**words: str) -> Callable[[Sale], str]:
    """The word for a sale's state; ``refunded`` where all of it went back."""

    def word(sale: Sale) -> str:
        refunded = "refunded" in words and sale.is_wholly_refunded
        return words["refunded" if refunded else sale.status]

    return word


@export("WooCommerce: Analytics, Orders", "en-US")
def woo_analytics(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "wc-orders-report-export.csv", sales, {
        "Date": lambda s: s.at, "Order #": lambda s: s.number, "N. Revenue (formatted)": lambda s: f"${s.net:,.2f}",
        "Status": lambda s: "processing" if s.number % 9 == 0 else "completed", "Customer": name,
        "Customer type": lambda s: "returning",
        "Product(s)": lambda s: ", ".join(f"{x.quantity}× {x.sku}" for x in s.lines),
        "Items sold": lambda s: s.pieces, "Coupon(s)": lambda s: "", "Net Sales": lambda s: s.net,
        "Attribution": lambda s: "Organic: Google",
    }, Dialect(quote_all=True))  # fmt: skip
    return truth_of(sales, name)


@export("WooCommerce: order export plug-in, statuses and guests 0", "en-GB", answers={"guests": "nobody"})
def woo_export(folder: Path) -> Truth:
    word = of_status(paid="completed", refunded="refunded", pending="pending", failed="failed", cancelled="cancelled")
    sales = shown("pending", "failed", "cancelled", guests=True)
    write(folder / "orders-2024-03-05.csv", sales, {
        "Order Number": lambda s: s.number, "Order Status": word, "Order Date": lambda s: s.at,
        "Customer Note": lambda s: "", "First Name (Billing)": lambda s: s.person.first if s.person else "Guest",
        "Customer User ID": number, "Payment Method Title": lambda s: "Card",
        "Cart Discount Amount": lambda s: NONE, "Order Subtotal Amount": lambda s: s.net,
        "Shipping Method Title": lambda s: "Flat rate", "Order Shipping Amount": lambda s: s.shipping,
        "Order Total Tax Amount": lambda s: s.tax, "Order Total Amount": lambda s: s.total,
    }, Dialect(day="%Y-%m-%d %H:%M"))  # fmt: skip
    return truth_of(paid(), number, by_status=True)


@export("WooCommerce: Customer/Order CSV, one row a line", "en-US")
def woo_lines(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "orders-export.csv", line_rows(sales), {
        "order_id": lambda r: r[0].number - 50, "order_number": lambda r: r[0].number, "date": lambda r: r[0].at,
        "status": lambda r: "completed", "shipping_total": lambda r: r[0].shipping, "tax_total": lambda r: r[0].tax,
        "order_total": lambda r: r[0].total, "refunded_total": lambda r: NONE, "order_currency": lambda r: "USD",
        "payment_method": lambda r: "stripe", "customer_id": lambda r: r[0].customer.number,
        "billing_email": lambda r: r[0].customer.email, "item_name": lambda r: r[1].sku.title(),
        "item_sku": lambda r: r[1].sku, "item_quantity": lambda r: r[1].quantity, "item_total": lambda r: r[1].net,
    })  # fmt: skip
    return truth_of(sales, number, order_id=lambda s: s.number - 50)


@export("Shopify: Orders", "en-US")
def shopify(folder: Path) -> Truth:
    # the columns of an order stand in its first row only
    rows = [(sale, line, place == 0) for sale in paid() for place, line in enumerate(sale.lines)]

    def once(of: Callable[[Sale], object]) -> Callable[[Any], object]:
        return lambda r: of(r[0]) if r[2] else None

    def state(sale: Sale) -> str:
        return "refunded" if sale.is_wholly_refunded else "partially_refunded" if sale.refunds else "paid"

    zone = Dialect(day="%Y-%m-%d %H:%M:%S +0000")
    write(folder / "orders_export_1.csv", rows, {
        "Name": lambda r: f"#{r[0].number}", "Email": lambda r: r[0].customer.email, "Financial Status": once(state),
        "Paid at": once(lambda s: s.at), "Fulfillment Status": once(lambda s: "fulfilled"),
        "Fulfilled at": once(lambda s: s.at + timedelta(days=1)), "Accepts Marketing": once(lambda s: "yes"),
        "Currency": once(lambda s: "USD"), "Subtotal": once(lambda s: s.net), "Shipping": once(lambda s: s.shipping),
        "Taxes": once(lambda s: s.tax), "Total": once(lambda s: s.total), "Discount Code": once(lambda s: ""),
        "Discount Amount": once(lambda s: NONE), "Shipping Method": once(lambda s: "Standard"),
        "Created at": lambda r: r[0].at, "Lineitem quantity": lambda r: r[1].quantity,
        "Lineitem name": lambda r: r[1].sku.title(), "Lineitem price": lambda r: r[1].price,
        "Lineitem compare at price": lambda r: None, "Lineitem sku": lambda r: r[1].sku,
        "Lineitem requires shipping": lambda r: "true", "Billing Name": once(lambda s: s.customer.name),
        "Billing Country": once(lambda s: s.customer.country), "Cancelled at": lambda r: None,
        "Payment Method": once(lambda s: "Shopify Payments"), "Refunded Amount": once(paid_back),
        "Vendor": lambda r: "House", "Id": once(lambda s: 4_000_000_000 + s.number), "Tags": lambda r: "",
        "Source": once(lambda s: "web"), "Lineitem discount": lambda r: NONE,
    }, zone)  # fmt: skip
    return truth_of(paid(), email, order_id=lambda s: f"#{s.number}")


@export("Magento 1: order grid", "en-US")
def magento_1(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled"))
    write(folder / "orders.csv", sales, {
        "Order #": lambda s: s.number, "Purchased From (Store)": lambda s: "Main Website Main Store Default Store View",
        "Purchased On": lambda s: s.at, "Bill to Name": name, "Ship to Name": name,
        "G.T. (Base)": lambda s: f"${s.total:,.2f}", "G.T. (Purchased)": lambda s: f"${s.total:,.2f}",
        "Status": of_status(paid="Complete", cancelled="Canceled"),
    }, Dialect(day="%b %d, %Y %I:%M:%S %p", quote_all=True))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), name, net=lambda s: s.total)


@export("Magento 2: order grid", "en-US")
def magento_2(folder: Path) -> Truth:
    sales = shown("cancelled", "pending")
    write(folder / "export.csv", sales, {
        "ID": lambda s: f"{s.number:09}", "Purchase Point": lambda s: "Main Website",
        "Purchase Date": lambda s: s.at, "Bill-to Name": name, "Ship-to Name": name,
        "Grand Total (Base)": lambda s: s.total, "Grand Total (Purchased)": lambda s: s.total,
        "Status": of_status(paid="Complete", cancelled="Canceled", pending="Pending", refunded="Closed"),
        "Billing Address": lambda s: "Street 1 Berlin", "Shipping Information": lambda s: "Flat Rate - Fixed",
        "Customer Email": email, "Customer Group": lambda s: "General", "Subtotal": lambda s: s.net,
        "Shipping and Handling": lambda s: s.shipping, "Customer Name": name, "Payment Method": lambda s: "checkmo",
        "Total Refunded": paid_back,
    }, Dialect(day="%b %d, %Y %I:%M:%S %p"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), email, order_id=lambda s: f"{s.number:09}")


@export("BigCommerce: Orders, default", "en-AU", answers={"guests": "nobody"})
def bigcommerce(folder: Path) -> Truth:
    word = of_status(paid="Completed", refunded="Refunded", pending="Awaiting Payment", failed="Declined",
                     cancelled="Cancelled")  # fmt: skip
    sales = shown("pending", "failed", "cancelled", guests=True)
    write(folder / "orders-2024-03-05.csv", sales, {
        "Order ID": lambda s: s.number, "Customer ID": number, "Customer Name": name, "Customer Email": email,
        "Order Date": lambda s: s.at, "Order Status": word, "Subtotal (inc tax)": lambda s: s.net * Decimal("1.19"),
        "Subtotal (ex tax)": lambda s: s.net, "Tax Total": lambda s: s.tax,
        "Shipping Cost (ex tax)": lambda s: s.shipping,
        "Order Total (inc tax)": lambda s: s.total, "Order Total (ex tax)": lambda s: s.net + s.shipping,
        "Total Quantity": lambda s: s.pieces, "Order Currency Code": lambda s: "AUD", "Coupon Details": lambda s: "",
        "Refund Amount": paid_back, "Payment Method": lambda s: "Credit Card",
    }, Dialect(day="%d/%m/%Y"))  # fmt: skip
    return truth_of(paid(), number)


@export("Squarespace: orders of one product", "en-US")
def squarespace(folder: Path) -> Truth:
    sales = single_lines()
    write(folder / "orders.csv", sales, {
        "Order ID": lambda s: f"{s.number:05}", "Email": email, "Financial Status": lambda s: "PAID",
        "Paid at": lambda s: s.at, "Fulfillment Status": lambda s: "FULFILLED", "Currency": lambda s: "USD",
        "Subtotal": lambda s: s.net, "Shipping": lambda s: s.shipping, "Taxes": lambda s: s.tax,
        "Amount Refunded": lambda s: NONE, "Total": lambda s: s.total, "Discount Code": lambda s: "",
        "Discount Amount": lambda s: NONE, "Shipping Method": lambda s: "Flat", "Created at": lambda s: s.at,
        "Lineitem quantity": lambda s: s.pieces, "Lineitem name": lambda s: s.lines[0].sku,
        "Lineitem price": lambda s: s.lines[0].price, "Billing Name": name, "Billing Country": lambda s: "US",
        "Payment Method": lambda s: "STRIPE",
    }, Dialect(day="%Y-%m-%d %H:%M:%S -0500"))  # fmt: skip
    return truth_of(sales, email, order_id=lambda s: f"{s.number:05}")


@export("Wix: orders of one product", "en-US")
def wix(folder: Path) -> Truth:
    sales = single_lines()
    write(folder / "Orders.csv", sales, {
        "Order number": lambda s: s.number, "Date created": lambda s: f"{s.at:%b} {s.at.day}, {s.at.year}",
        "Time": lambda s: f"{s.at:%I:%M:%S %p}", "Contact email": email, "Note from customer": lambda s: "",
        "Item": lambda s: s.lines[0].sku.title(), "SKU": lambda s: s.lines[0].sku, "Qty": lambda s: s.pieces,
        "Price": lambda s: s.lines[0].price, "Recipient name": name, "Delivery country": lambda s: "USA",
        "Payment status": lambda s: "Paid", "Currency": lambda s: "USD", "Shipping rate": lambda s: s.shipping,
        "Total tax": lambda s: s.tax, "Total": lambda s: s.total,
    }, Dialect(quote_all=True))  # fmt: skip
    return truth_of(sales, email)


@export("Ecwid: orders", "en-US")
def ecwid(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled"))
    write(folder / "orders.csv", sales, {
        "order_number": lambda s: s.number, "email": email, "shipping_name": name, "order_date": lambda s: s.at,
        "payment_status": of_status(paid="PAID", cancelled="CANCELLED"), "fulfillment_status": lambda s: "SHIPPED",
        "subtotal": lambda s: s.net, "discount": lambda s: NONE, "tax": lambda s: s.tax,
        "shipping": lambda s: s.shipping, "total": lambda s: s.total, "payment_method": lambda s: "Card",
    }, Dialect(delimiter=";", quote_all=True))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), email)


@export("PrestaShop: orders", "fr-FR")
def prestashop(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled", "failed"))
    write(folder / "order_2024-03-05.csv", sales, {
        "ID": lambda s: s.number, "Référence": lambda s: f"XK{s.number}", "Nouveau client": lambda s: "0",
        "Livraison": lambda s: "France", "Client": name, "Total": lambda s: s.total, "Paiement": lambda s: "Carte",
        "État": of_status(paid="Livré", cancelled="Annulé", failed="Erreur de paiement"), "Date": lambda s: s.at,
    }, Dialect(delimiter=";", decimal=",", thousands="\u202f", sign="#\u00a0€", quote_all=True,
               day="%d/%m/%Y %H:%M:%S"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), name, net=lambda s: s.total)


@export("OpenCart: order table", "en-GB", answers={"guests": "nobody"})
def opencart(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled", "failed", guests=True))
    write(folder / "oc_order.csv", sales, {
        "order_id": lambda s: s.number, "store_name": lambda s: "Your Store", "customer_id": number,
        "firstname": lambda s: s.person.first if s.person else "A", "email": lambda s: email(s) or "guest@example.com",
        "total": lambda s: f"{s.total:.4f}",
        "order_status": of_status(paid="Complete", cancelled="Canceled", failed="Failed"),
        "currency_code": lambda s: "GBP", "date_added": lambda s: s.at, "date_modified": lambda s: s.at,
    }, Dialect(quote_all=True))  # fmt: skip
    return truth_of(without_refunds(paid()), number, net=lambda s: s.total)


@export("Shopware 6: orders", "de-DE")
def shopware(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled"))
    write(folder / "order.csv", sales, {
        "id": lambda s: f"{s.number:032x}", "orderNumber": lambda s: s.number, "orderDateTime": lambda s: s.at,
        "orderCustomer.customerNumber": number, "orderCustomer.email": email,
        "salesChannel.name": lambda s: "Storefront",
        "stateMachineState.technicalName": of_status(paid="completed", cancelled="cancelled"),
        "amountTotal": lambda s: s.total, "amountNet": lambda s: s.total - s.tax, "shippingTotal": lambda s: s.shipping,
    }, Dialect(delimiter=";", day="%Y-%m-%dT%H:%M:%S.000+00:00"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number, net=lambda s: s.total - s.tax)


@export("JTL-Wawi: orders", "de-DE")
def jtl(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "JTL-Export-Auftraege-05032024.csv", sales, {
        "Auftragsnummer": lambda s: f"AU{s.number}", "Auftragsdatum": lambda s: s.at, "Kundennummer": number,
        "Nachname": lambda s: s.customer.last, "Zahlungsart": lambda s: "Rechnung", "Währung": lambda s: "EUR",
        "Gesamtbetrag Netto": lambda s: s.net, "Gesamtbetrag Brutto": lambda s: s.total,
        "Versandkosten": lambda s: s.shipping,
        "Plattform": lambda s: "Onlineshop", "Farbcode": lambda s: "",
    }, Dialect(delimiter=";", decimal=",", encoding="cp1252", newline="\r\n", day="%d.%m.%Y %H:%M:%S"))  # fmt: skip
    return truth_of(sales, number, order_id=lambda s: f"AU{s.number}")


@export("Xentral: orders", "de-DE")
def xentral(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled"))
    write(folder / "auftraege.csv", sales, {
        "belegnr": lambda s: s.number, "datum": lambda s: s.at, "kundennummer": number, "name": name,
        "land": lambda s: s.customer.country, "status": of_status(paid="abgeschlossen", cancelled="storniert"),
        "umsatz_netto": lambda s: s.net, "gesamtsumme": lambda s: s.total, "waehrung": lambda s: "EUR",
    }, Dialect(delimiter=";", decimal=",", day="%d.%m.%Y", quote_all=True))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number)


@export("Lightspeed Retail: sales", "en-CA")
def lightspeed(folder: Path) -> Truth:
    sales = without_refunds(paid(guests=True))
    write(folder / "listings_sales.csv", sales, {
        "ID": lambda s: s.number, "Time": lambda s: s.at, "Employee": lambda s: "Sam", "Register": lambda s: "1",
        "Customer": name, "Subtotal": lambda s: s.net, "Discount": lambda s: NONE, "Tax": lambda s: s.tax,
        "Total": lambda s: s.net + s.tax,
    }, Dialect(sign="$#", thousands=",", day="%m/%d/%y %I:%M %p"))  # fmt: skip
    return truth_of(without_refunds(paid()), name)


@export("a test flag beside each order", "en-US")
def test_flag(folder: Path) -> Truth:
    sales = without_refunds(shown("test"))
    write(folder / "orders.csv", sales, {
        "Order ID": lambda s: s.number, "Customer ID": number, "Order Date": lambda s: s.at,
        "Net Amount": lambda s: s.net, "Is Test": lambda s: "TRUE" if s.status == "test" else "FALSE",
    })  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number)


@export("Gumroad: sales", "en-US")
def gumroad(folder: Path) -> Truth:
    sales = single_lines()
    write(folder / "sales.csv", sales, {
        "Purchase ID": lambda s: f"p-{s.number}", "Item Name": lambda s: s.lines[0].sku, "Buyer Name": name,
        "Purchase Email": email, "Do not contact?": lambda s: "0", "Purchase Date": lambda s: f"{s.at:%Y-%m-%d}",
        "Purchase Time (UTC timezone)": lambda s: f"{s.at:%H:%M:%S}", "Subtotal ($)": lambda s: s.net,
        "Taxes ($)": lambda s: s.tax, "Shipping ($)": lambda s: NONE, "Sale Price ($)": lambda s: s.net + s.tax,
        "Fees ($)": lambda s: s.net / 10, "Net Total ($)": lambda s: s.net * Decimal("0.9"),
        "Country": lambda s: "United States", "Refunded?": lambda s: "0", "Partial Refund ($)": lambda s: NONE,
        "Fully Refunded?": lambda s: "0", "Disputed?": lambda s: "0",
    })  # fmt: skip
    return truth_of(sales, email, order_id=lambda s: f"p-{s.number}")


@export("Recharge: charges", "en-US")
def recharge(folder: Path) -> Truth:
    word = of_status(paid="SUCCESS", failed="ERROR", pending="QUEUED")
    sales = without_refunds(shown("failed", "pending"))
    write(folder / "charges.csv", sales, {
        "charge_id": lambda s: s.number, "customer_id": number, "email": email, "charge_date": lambda s: s.at,
        "charge_status": word, "subtotal_price": lambda s: s.net, "total_discounts": lambda s: NONE,
        "total_tax": lambda s: s.tax, "shipping_price": lambda s: s.shipping, "total_price": lambda s: s.total,
        "currency": lambda s: "USD",
    }, Dialect(day="%Y-%m-%dT%H:%M:%S"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number)
