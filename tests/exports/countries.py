"""What spreadsheets and shops of many countries write: headers, decimals, groups, days, signs and letters."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.exports.marketplaces import movements
from tests.exports.shape import export
from tests.exports.shop import Line, Sale, Truth, cents, paid, shown, truth_of, without_refunds
from tests.exports.shop_systems import email, name, number, of_status
from tests.exports.writing import Dialect, line_rows, write


def _four(folder: Path, words: tuple[str, str, str, str], dialect: Dialect, file: str = "export.csv") -> Truth:
    """Order, customer, day and money, and nothing else."""
    sales = without_refunds(paid())
    order, customer, day, money = words
    write(folder / file, sales, {order: lambda s: s.number, customer: number,
    day: lambda s: s.at, money: lambda s: s.net},
          dialect)  # fmt: skip
    return truth_of(sales, number)


@export("German Excel", "de-DE")
def german(folder: Path) -> Truth:
    dialect = Dialect(";", "cp1252", ",", ".", sign="# €", day="%d.%m.%Y", newline="\r\n")
    return _four(folder, ("Bestellnummer", "Kundennummer", "Bestelldatum", "Nettobetrag"), dialect)


@export("German Excel with storno rows, statuses and times", "de-DE")
def german_states(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled", "pending"))
    write(folder / "Aufträge.csv", sales, {
        "Auftrag": lambda s: s.number, "Kunde": name, "E-Mail": email, "Erstellt am": lambda s: s.at,
        "Netto": lambda s: s.net, "MwSt": lambda s: s.tax, "Brutto": lambda s: s.total,
        "Status": of_status(paid="versendet", cancelled="storniert", pending="offen"),
    }, Dialect(";", "utf-8-sig", ",", ".", day="%d.%m.%Y %H:%M", newline="\r\n"))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), email)


@export("French Excel", "fr-FR")
def french(folder: Path) -> Truth:
    dialect = Dialect(";", "cp1252", ",", "\u00a0", sign="#\u00a0€", day="%d/%m/%Y", newline="\r\n")
    return _four(folder, ("N° commande", "Code client", "Date de commande", "Montant HT"), dialect)


@export("French, thousands as plain spaces, latin-1", "fr-CA")
def french_latin(folder: Path) -> Truth:
    dialect = Dialect(";", "latin-1", ",", " ", sign="# $", day="%Y-%m-%d")
    return _four(folder, ("Numéro de commande", "Numéro de client", "Date", "Total HT"), dialect)


@export("Swiss", "de-CH")
def swiss(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8-sig", ".", "'", sign="CHF #", day="%d.%m.%Y %H:%M:%S", newline="\r\n")
    return _four(folder, ("Bestellung", "Kunden-Nr.", "Datum", "Betrag netto"), dialect)


@export("Swiss with typographic apostrophes", "de-CH")
def swiss_typographic(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8", ".", "\u2019", day="%d.%m.%Y")
    return _four(folder, ("Bestellung", "Kunden-Nr.", "Datum", "Betrag netto (CHF)"), dialect)


@export("British", "en-GB")
def british(folder: Path) -> Truth:
    dialect = Dialect(thousands=",", sign="£#", day="%d/%m/%Y")
    return _four(folder, ("Order No", "Customer No", "Order Date", "Net Value"), dialect)


@export("American, 12-hour clock, refunds in parentheses", "en-US")
def american(folder: Path) -> Truth:
    sales = tuple(s for s in paid() if s.net)
    write(folder / "sales.csv", movements(sales), {
        "Invoice": lambda m: m.number, "Customer ID": lambda m: m.sale.customer.number, "Date": lambda m: m.at,
        "Net Sales": lambda m: m.net,
    }, Dialect(thousands=",", sign="$#", negative="(#)", day="#m/#d/%Y #I:%M %p"))  # fmt: skip
    return truth_of(sales, number, order_id=None)


@export("American, every day below the 13th", "en-US", answers={"dates": "month_first"})
def american_early_days(folder: Path) -> Truth:
    sales = tuple(s for s in without_refunds(paid()) if s.at.day <= 12)
    write(folder / "sales.csv", sales, {"Order": lambda s: s.number, "Customer": number, "Date": lambda s: s.at,
                                        "Net": lambda s: s.net}, Dialect(day="%m/%d/%Y"))  # fmt: skip
    return truth_of(sales, number)


@export("Brazilian", "pt-BR")
def brazilian(folder: Path) -> Truth:
    dialect = Dialect(";", "latin-1", ",", ".", sign="R$ #", day="%d/%m/%Y %H:%M")
    return _four(folder, ("Número do pedido", "ID do cliente", "Data do pedido", "Valor líquido"), dialect)


@export("Dutch", "nl-NL")
def dutch(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8-sig", ",", ".", sign="€ #", day="%d-%m-%Y", newline="\r\n")
    return _four(folder, ("Bestelnummer", "Klantnummer", "Besteldatum", "Bedrag excl. btw"), dialect)


@export("Polish", "pl-PL")
def polish(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8", ",", "\u00a0", sign="# zł", day="%d.%m.%Y")
    return _four(folder, ("Numer zamówienia", "Numer klienta", "Data zamówienia", "Kwota netto"), dialect)


@export("Swedish", "sv-SE")
def swedish(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8", ",", "\u00a0", sign="# kr", day="%Y-%m-%d %H:%M")
    return _four(folder, ("Ordernummer", "Kundnummer", "Orderdatum", "Nettobelopp"), dialect)


@export("Spanish", "es-ES")
def spanish(folder: Path) -> Truth:
    dialect = Dialect(";", "cp1252", ",", ".", sign="# €", day="%d/%m/%Y")
    return _four(folder, ("Número de pedido", "Código de cliente", "Fecha de pedido", "Importe neto"), dialect)


@export("Italian", "it-IT")
def italian(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8", ",", ".", day="%d/%m/%Y %H.%M")
    return _four(folder, ("Numero ordine", "Codice cliente", "Data ordine", "Imponibile"), dialect)


@export("Japanese: yen without decimals", "ja-JP")
def japanese(folder: Path) -> Truth:
    sales = without_refunds(paid())
    yen = {"注文番号": lambda s: s.number, "顧客番号": number, "注文日": lambda s: s.at,
           "税抜金額": lambda s: f"{_yen(s):,}", "通貨": lambda s: "JPY"}  # fmt: skip
    write(folder / "受注.csv", sales, yen, Dialect(day="%Y/%m/%d", encoding="utf-8-sig"))
    return truth_of(sales, number, net=_yen)


def _yen(sale: Sale) -> Decimal:
    return (sale.net * 150).quantize(Decimal(1))


@export("Indian: groups of two", "en-IN")
def indian(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "orders.csv", sales, {
        "Order No": lambda s: s.number, "Customer ID": number, "Order Date": lambda s: s.at,
        "Net Amount": lambda s: s.net * 90,
    }, Dialect(thousands=",", lakh=True, sign="₹#", day="%d-%m-%Y"))  # fmt: skip
    return truth_of(sales, number, net=lambda s: s.net * 90)


@export("Danish with negative amounts after the number", "da-DK")
def trailing_minus(folder: Path) -> Truth:
    sales = tuple(s for s in paid() if s.net)
    write(folder / "salg.csv", movements(sales), {
        "Ordrenummer": lambda m: m.number, "Kundenummer": lambda m: m.sale.customer.number, "Ordredato": lambda m: m.at,
        "Nettobeløb": lambda m: m.net,
    }, Dialect(";", "utf-8", ",", ".", negative="#-", day="%d-%m-%Y"))  # fmt: skip
    return truth_of(sales, number, order_id=None)


@export("Excel's Unicode text: UTF-16 with tabs", "de-DE")
def utf_16(folder: Path) -> Truth:
    dialect = Dialect("\t", "utf-16", ",", ".", day="%d.%m.%Y", newline="\r\n")
    return _four(folder, ("Bestellnummer", "Kundennummer", "Bestelldatum", "Nettobetrag"), dialect, "export.txt")


@export("trailing semicolons", "de-DE")
def trailing_signs(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8", ",", day="%d.%m.%Y", trailing=";;")
    return _four(folder, ("Bestellnummer", "Kundennummer", "Bestelldatum", "Nettobetrag"), dialect)


@export("a line sep=; above the header", "de-DE")
def sep_line(folder: Path) -> Truth:
    dialect = Dialect(";", "utf-8-sig", ",", day="%d.%m.%Y", above=("sep=;",), newline="\r\n")
    return _four(folder, ("Bestellnummer", "Kundennummer", "Bestelldatum", "Nettobetrag"), dialect)


@export("everything in quotes, with a byte order mark and Windows line ends", "en-US")
def all_quoted(folder: Path) -> Truth:
    dialect = Dialect(encoding="utf-8-sig", quote_all=True, newline="\r\n", day="%Y-%m-%d")
    return _four(folder, ("Order ID", "Customer ID", "Order Date", "Net Amount"), dialect)


@export('ids that a spreadsheet kept as text: ="00123"', "en-US")
def formula_ids(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "orders.csv", sales, {
        "Order ID": lambda s: f'="00{s.number}"', "Customer ID": lambda s: f'="00{s.customer.number}"',
        "Order Date": lambda s: s.at, "Net Amount": lambda s: s.net,
    })  # fmt: skip
    return truth_of(sales, lambda s: f"00{s.customer.number}", order_id=lambda s: f"00{s.number}")


@export("the order's total repeated on every line", "en-US")
def repeated_total(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "order_items.csv", line_rows(sales), {
        "Order ID": lambda r: r[0].number, "Customer Email": lambda r: r[0].customer.email,
        "Order Date": lambda r: r[0].at,
        "SKU": lambda r: r[1].sku, "Quantity": lambda r: r[1].quantity, "Line Total": lambda r: r[1].net,
        "Order Total": lambda r: r[0].net,
    })  # fmt: skip
    return truth_of(sales, email)


@export("lines as quantity and unit price", "en-GB")
def quantity_and_price(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "lines.csv", line_rows(sales), {
        "InvoiceNo": lambda r: f"A{r[0].number}", "ProductCode": lambda r: r[1].sku,
        "Description": lambda r: r[1].sku.title(),
        "Quantity": lambda r: r[1].quantity, "InvoiceDate": lambda r: r[0].at, "UnitPrice": lambda r: r[1].price,
        "CustomerNo": lambda r: r[0].customer.number,
    }, Dialect(day="%d/%m/%Y %H:%M"))  # fmt: skip
    return truth_of(sales, number, order_id=lambda s: f"A{s.number}")


@export("one row an order, with columns for three items", "en-US")
def item_columns(folder: Path) -> Truth:
    sales = without_refunds(paid())

    def item(place: int, of: Callable[[Line], object]) -> Callable[[Any], object]:
        return lambda s: of(s.lines[place]) if place < len(s.lines) else None

    items = {f"Item {n + 1} {word}": item(n, of) for n in range(3)
             for word, of in (("Name", lambda x: x.sku), ("Qty", lambda x: x.quantity),
             ("Price", lambda x: x.price))}  # fmt: skip
    write(folder / "orders.csv", sales, {
        "Order Number": lambda s: s.number, "Email": email, "Created At": lambda s: s.at, "Net Total": lambda s: s.net,
        **items,
    })  # fmt: skip
    return truth_of(sales, email)


@export("credit notes as rows below zero", "de-DE")
def credit_notes(folder: Path) -> Truth:
    sales = tuple(s for s in paid() if s.net)
    write(folder / "belege.csv", movements(sales), {
        "Belegnummer": lambda m: m.number, "Belegdatum": lambda m: m.at,
        "Belegart": lambda m: "Gutschrift" if m.is_refund
        else "Rechnung", "Kundennummer": lambda m: m.sale.customer.number, "Netto": lambda m: m.net,
    }, Dialect(";", "cp1252", ",", ".", day="%d.%m.%Y"))  # fmt: skip
    return truth_of(sales, number)


@export("a refund column beside the net amount", "en-US")
def refund_column(folder: Path) -> Truth:
    write(folder / "orders.csv", paid(), {
        "Order ID": lambda s: s.number, "Customer ID": number, "Order Date": lambda s: s.at,
        "Net Amount": lambda s: s.net,
        "Refunded Amount": lambda s: s.refunded or None,
        "Refund Date": lambda s: s.refunds[0].at if s.refunds else None,
    })  # fmt: skip
    return truth_of(paid(), number)


@export("guests as Walk-in customer", "en-US", answers={"guests": "nobody"})
def walk_in(folder: Path) -> Truth:
    sales = without_refunds(paid(guests=True))
    write(folder / "orders.csv", sales, {
        "Order ID": lambda s: s.number, "Customer": lambda s: name(s) or "Walk-in customer",
        "Order Date": lambda s: s.at,
        "Net Amount": lambda s: s.net,
    })  # fmt: skip
    return truth_of(without_refunds(paid()), name)


@export("whole amounts that have two readings: 1.250", "de-DE", answers={"amounts": "thousands"})
def two_readings(folder: Path) -> Truth:
    sales = tuple(s for s in without_refunds(paid()) if s.net >= 1)

    def thousand(sale: Sale) -> Decimal:
        return cents(sale.net).quantize(Decimal(1)) + 1000

    write(folder / "umsatz.csv", sales, {
        "Bestellnummer": lambda s: s.number, "Kundennummer": number, "Bestelldatum": lambda s: s.at,
        "Nettobetrag": lambda s: f"{thousand(s):,}".replace(",", "."),
    }, Dialect(";", day="%d.%m.%Y"))  # fmt: skip
    return truth_of(sales, number, net=thousand)


@export("no order numbers", "en-US")
def no_order_ids(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "purchases.csv", sales, {"Customer ID": number, "Purchase Date": lambda s: s.at,
                                            "Net Amount": lambda s: s.net}, Dialect(day="%Y-%m-%d"))  # fmt: skip
    return truth_of(sales, number, order_id=None)
